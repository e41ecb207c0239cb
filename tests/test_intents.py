"""Targets, drains and which drain decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.errors import RequestError
from gslb.intents import Drain, Target, intent_on, next_expiry


def drain(target: str, *, drain_id: str = "d-1", expires: float = 200.0, removed: float | None = None) -> Drain:
    return Drain(drain_id, Target.parse(target), "test", "me", 100.0, expires, removed)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("site/tokyo", Target("site", "tokyo")),
        ("pool/web", Target("pool", "web")),
        ("member/web/tokyo", Target("member", "tokyo", "web")),
    ],
)
def test_target_text_and_back(text: str, target: Target) -> None:
    assert Target.parse(text) == target
    assert str(target) == text


@pytest.mark.parametrize(
    "text", ["", "tokyo", "site/", "site/a/b", "member/web", "member//a", "member/web/", "host/a", "/"]
)
def test_bad_target_names_the_forms_and_the_field(text: str) -> None:
    with pytest.raises(RequestError, match="site/NAME, pool/NAME, member/POOL/NAME") as caught:
        Target.parse(text)
    assert caught.value.pointer == "/target"
    assert repr(text) in caught.value.message


@pytest.mark.parametrize(
    ("target", "covered"),
    [
        ("site/tokyo", {"web/a", "db/a"}),
        ("pool/web", {"web/a", "web/b"}),
        ("member/web/a", {"web/a"}),
        ("member/web/tokyo", set()),
    ],
)
def test_covers(target: str, covered: set[str]) -> None:
    members = [("web", "a", "tokyo"), ("web", "b", "osaka"), ("db", "a", "tokyo")]
    assert {
        f"{pool}/{name}" for pool, name, site in members if Target.parse(target).covers(pool, name, site)
    } == covered


def test_active_ends_at_expiry_and_at_removal() -> None:
    assert drain("site/a").active(199.9)
    assert not drain("site/a").active(200.0)
    assert not drain("site/a", removed=150.0).active(160.0)


def test_most_specific_drain_wins_then_the_longest_then_the_id() -> None:
    site, pool = drain("site/tokyo", drain_id="s", expires=900), drain("pool/web", drain_id="p", expires=800)
    member = drain("member/web/a", drain_id="m", expires=300)
    longer, twin = drain("site/tokyo", drain_id="z", expires=1000), drain("site/tokyo", drain_id="y", expires=1000)
    assert intent_on([site, pool, member], "web", "a", "tokyo", 150) == member
    assert intent_on([site, pool, member], "web", "a", "tokyo", 300) == pool
    assert intent_on([site, pool], "db", "a", "tokyo", 150) == site
    assert intent_on([site, longer, twin], "db", "a", "tokyo", 150) == twin
    assert intent_on([site, pool, member], "db", "a", "osaka", 150) is None


def test_next_expiry_looks_at_active_drains_only() -> None:
    drains = [drain("site/a", expires=120), drain("site/b", expires=300), drain("site/c", expires=200, removed=110)]
    assert next_expiry(drains, 100) == 120
    assert next_expiry(drains, 120) == 300
    assert next_expiry(drains, 300) is None


def test_an_older_writer_and_a_newer_one_can_be_read() -> None:
    values = drain("site/a").to_dict()
    del values["removed"]
    assert Drain.from_dict({**values, "percent": 100}) == drain("site/a")


@given(st.sampled_from(["site/a", "pool/p", "member/p/a"]), st.text(), st.none() | st.floats(0, 1e12))
def test_dict_and_back(target: str, reason: str, removed: float | None) -> None:
    value = Drain("d-1", Target.parse(target), reason, "me", 1.5, 2.5, removed)
    assert Drain.from_dict(value.to_dict()) == value
