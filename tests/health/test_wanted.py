"""What operators want of a pool: who decides, in part or wholly, and the TTL before it begins."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import Member, Pool
from gslb.health.wanted import SHORTEST, told, ttl_before, wanted
from gslb.intents import Drain, Force, Hold, Intent, Target

POOL = Pool("web", (Member("a", "tokyo", ("192.0.2.1",)), Member("b", "osaka", ("192.0.2.2",))))


def drain(target: str = "site/tokyo", starts: float = 0.0, percent: int = 100, ident: str = "d1") -> Drain:
    return Drain(ident, Target.parse(target), "CHG-7", "ann", 100.0, 5000.0, starts=starts, percent=percent)


def force(target: str, *, up: bool, starts: float = 0.0) -> Force:
    return Force("f1", Target.parse(target), "CHG-8", "ann", 100.0, None, starts=starts, up=up)


def test_nothing_is_wanted_without_intents() -> None:
    found = wanted(POOL, (), (), (), 100.0)
    assert not any(found)
    assert found.drain_of("a") is None


def test_drains_for_all_and_for_some_are_told_apart() -> None:
    found = wanted(POOL, [drain(), drain("member/web/b", percent=10, ident="d2")], (), (), 100.0)
    assert (found.drains.keys(), found.parts.keys()) == ({"a"}, {"b"})
    assert [found.drain_of(name).id for name in "ab"] == ["d1", "d2"]  # type: ignore[union-attr]


@pytest.mark.parametrize("percent", [0, -5])
def test_a_drain_for_nobody_is_none(percent: int) -> None:
    assert wanted(POOL, [drain(percent=percent)], (), (), 100.0).drain_of("a") is None


def test_the_largest_part_decides_however_wide_its_target() -> None:
    found = wanted(POOL, [drain("member/web/a", percent=10, ident="d2"), drain()], (), (), 100.0)
    assert found.drains["a"].id == "d1"
    assert not found.parts


def test_a_force_up_overrides_a_drain_and_a_force_down_adds_to_it() -> None:
    for percent in (10, 100):
        up = wanted(POOL, [drain(percent=percent)], (), [force("site/tokyo", up=True)], 200.0)
        assert up.drain_of("a") is None
        down = wanted(POOL, [drain(percent=percent)], (), [force("site/tokyo", up=False)], 200.0)
        assert down.drain_of("a") is not None


def test_what_has_not_begun_says_when_it_will() -> None:
    hold = Hold("h1", Target.parse("pool/web"), "CHG-9", "ann", 100.0, 5000.0, starts=900.0)
    found = wanted(POOL, [drain(starts=1000.0)], [hold], [force("site/osaka", up=True, starts=950.0)], 100.0)
    assert [*found.drains, *found.holds, *found.forces] == []
    assert found.ttls.keys() == {"a"}, "a hold and a force up take nobody out"
    assert {900.0, 950.0, 1000.0} < set(found.at)
    assert wanted(POOL, [drain(starts=1000.0)], [hold], (), 1000.0).at == []


def test_a_scheduled_force_down_lowers_the_ttl_as_a_drain_does() -> None:
    found = wanted(POOL, (), (), [force("site/osaka", up=False, starts=112.0)], 101.0)
    assert found.ttls == {"b": 5}


def test_the_nearest_of_several_counts() -> None:
    found = wanted(POOL, [drain(starts=1000.0), drain("pool/web", starts=130.0)], (), (), 101.0)
    assert found.ttls == {"a": 20, "b": 20}


def test_an_exclusive_pool_is_not_drained_in_part() -> None:
    alone = replace(POOL, exclusive=True)
    assert wanted(alone, [drain(starts=1000.0, percent=10)], (), (), 101.0).ttls == {}
    assert wanted(alone, [drain(starts=1000.0)], (), (), 101.0).ttls != {}
    assert wanted(POOL, [drain(starts=1000.0, percent=10)], (), (), 101.0).ttls != {}


def test_intents_elsewhere_are_nothing_to_a_pool() -> None:
    assert wanted(POOL, [drain("pool/db", starts=1000.0)], (), (), 101.0).at == []


@given(st.floats(0.01, 1e6), st.floats(0, 1))
def test_no_answer_outlives_the_time_to_the_start(left: float, share: float) -> None:
    now = 1_000_000.0
    ttl, until = ttl_before(now + left, now)
    assert now < until <= now + left
    later = now + (until - now) * share
    assert ttl <= max(SHORTEST, now + left - later)
    assert ttl >= min(left / 2 - 1.01, 1 << 30), "nor is it less than it has to be"


@given(st.floats(0.01, 1e6))
def test_there_are_few_steps_and_each_is_lower(left: float) -> None:
    now, found = 1_000_000.0, []
    while now < 1_000_000.0 + left:
        ttl, now = ttl_before(1_000_000.0 + left, now)
        found.append(ttl)
    assert found == sorted(set(found), reverse=True)
    assert len(found) <= 18
    assert found[-1] == SHORTEST


def test_a_start_that_never_comes_has_a_ttl_too() -> None:
    assert ttl_before(inf, 0.0)[0] > 86400


def intents() -> list[Intent]:
    return [drain(), force("site/tokyo", up=False)]


def test_intents_in_a_line() -> None:
    assert [told(one) for one in intents()] == [
        "CHG-7 (drain d1, until 1970-01-01T01:23:20Z)",
        "CHG-8 (force f1, until cancelled)",
    ]
