"""Targets, drains and which drain decides."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.errors import RequestError
from gslb.intents import KINDS, Drain, Force, Hold, Target, intent_on, next_change


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


def test_next_change_looks_at_active_drains_only() -> None:
    drains = [drain("site/a", expires=120), drain("site/b", expires=300), drain("site/c", expires=200, removed=110)]
    assert next_change(drains, 100) == 120
    assert next_change(drains, 120) == 300
    assert next_change(drains, 300) is None


def test_an_older_writer_and_a_newer_one_can_be_read() -> None:
    values = drain("site/a").to_dict()
    del values["removed"]
    newer = Drain.from_dict({**values, "kind": "drain", "colour": "red", "unknown": 7})
    assert newer.unknown == {"colour": "red", "unknown": 7}
    assert newer.to_dict() == drain("site/a").to_dict(), "what is not known is not shown"
    assert newer.to_kept() == {**newer.to_dict(), **newer.unknown}
    assert Drain.from_dict(newer.to_kept()) == newer
    assert hash(replace(newer, unknown={})) == hash(drain("site/a"))
    old = {key: value for key, value in values.items() if key not in ("starts", "changed", "percent", "local")}
    assert Drain.from_dict(old) == drain("site/a")


def test_kinds() -> None:
    assert list(KINDS) == ["drain", "hold", "force"]
    assert all(kind("i", Target.parse("site/a"), "", "", 1.0, 2.0).kind == name for name, kind in KINDS.items())


def test_from_the_schedule_to_the_end() -> None:
    one = Hold("h-1", Target.parse("site/a"), "test", "me", 100.0, 200.0, starts=150.0)
    assert [one.state(now) for now in (100, 149.9, 150, 199.9, 200)] == [
        *("scheduled", "scheduled", "active", "active", "expired")
    ]
    assert replace(one, removed=120.0).state(160) == "removed"
    assert replace(one, leased=True).state(900) == "active", "the store takes it away, and nobody else"


def test_what_is_to_hold_at_once_holds_by_the_clock_of_every_node() -> None:
    one = drain("site/a")
    assert one.starts == one.created == 100.0
    assert one.state(95.0) == "active", "this node's clock is behind that of the node that took it"


def test_a_force_lasts_until_it_is_cancelled() -> None:
    one = Force("f-1", Target.parse("site/a"), "test", "me", 100.0, None, up=True)
    assert one.active(1e12)
    assert not replace(one, removed=150.0).active(160.0)
    assert next_change([one], 100.0) is None
    assert Force.from_dict(one.to_dict()) == one
    assert intent_on([one, replace(one, id="f-0", expires=1e9)], "web", "x", "a", 100) == one, "it lasts longest"


def test_the_largest_drain_decides_then_the_most_specific() -> None:
    part, more = replace(drain("member/web/a"), percent=10), replace(drain("pool/web"), percent=20)
    whole = drain("site/tokyo")
    assert intent_on([part, more, whole], "web", "a", "tokyo", 150) == whole
    assert intent_on([part, more], "web", "a", "tokyo", 150) == more
    assert intent_on([replace(part, percent=20), more], "web", "a", "tokyo", 150).target == part.target  # type: ignore[union-attr]


def test_the_next_change_may_be_a_start() -> None:
    scheduled = replace(drain("site/a", expires=300), starts=150.0)
    assert next_change([scheduled], 100) == 150
    assert next_change([scheduled, drain("site/b", expires=140)], 100) == 140
    assert next_change([scheduled], 150) == 300
    assert next_change([replace(scheduled, leased=True)], 150) is None


@given(st.sampled_from(["site/a", "pool/p", "member/p/a"]), st.text(), st.none() | st.floats(0, 1e12))
def test_dict_and_back(target: str, reason: str, removed: float | None) -> None:
    value = Drain("d-1", Target.parse(target), reason, "me", 1.5, 2.5, removed)
    assert Drain.from_dict(value.to_dict()) == value
