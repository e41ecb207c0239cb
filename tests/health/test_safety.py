"""What an intent may not take away."""

from dataclasses import replace

import pytest

from gslb.config.model import MinUp, Pool
from gslb.health.safety import remains, shortages
from gslb.health.states import MemberState, Step
from gslb.intents import Drain, Force, Hold, Intent, Target
from tests.support import OSAKA, TOKYO, config, member, states

WEB = Pool("web", (TOKYO, OSAKA))
THREE = Pool("api", (TOKYO, OSAKA, member("nagoya", "203.0.113.10")), min_up=MinUp(2))
DOWN_IN_TOKYO = ["192.0.2.10", "2001:db8:a::10"]


def drained(target: str, drain_id: str = "d-1") -> Drain:
    return Drain(drain_id, Target.parse(target), "test", "ops", 0.0, 1000.0)


def told(pools: list[Pool], target: str, *, down: list[str] | None = None, drains: tuple[Drain, ...] = ()) -> list[str]:
    setting = config(pools=pools)
    found = shortages(setting, states(setting, down=down or []), drains, drained(target, "new"), 1.0)
    return list(map(str, found))


def test_one_of_two_may_go_and_the_last_may_not() -> None:
    assert told([WEB], "site/tokyo") == []
    assert told([WEB], "site/osaka", down=DOWN_IN_TOKYO) == ["pool web would keep 0 of 1 live members, and needs 1"]
    assert told([WEB], "pool/web") == ["pool web would keep 0 of 2 live members, and needs 1"]


def test_what_is_out_already_may_always_be_drained() -> None:
    assert told([WEB], "site/tokyo", down=DOWN_IN_TOKYO) == []
    everything = ["192.0.2.10", "2001:db8:a::10", "198.51.100.10", "2001:db8:b::10"]
    assert told([WEB], "pool/web", down=everything) == []
    assert told([WEB], "member/web/tokyo", drains=(drained("site/tokyo"),)) == []


def test_drains_that_are_not_served_by_yet_count() -> None:
    assert told([WEB], "site/osaka", drains=(drained("site/tokyo"),)) != []
    assert told([WEB], "site/osaka", drains=(replace(drained("site/tokyo"), removed=0.5),)) == []


def test_min_up_counts_and_every_pool_is_looked_at() -> None:
    assert told([WEB, THREE], "site/tokyo") == []
    assert told([WEB, THREE], "site/osaka", drains=(drained("member/api/tokyo"),)) == [
        "pool api would keep 1 of 2 live members, and needs 2"
    ]


@pytest.mark.parametrize("target", ["site/nagoya", "pool/none", "member/web/nagoya"])
def test_what_covers_nobody_takes_nothing_away(target: str) -> None:
    assert told([WEB], target) == []


def test_before_anything_is_served_nothing_is_judged() -> None:
    assert shortages(config(), {}, (), drained("pool/web"), 1.0) == []


BY_LOAD = Pool("web", (TOKYO, OSAKA), policy="capacity", load=100.0, capacities=(("tokyo", 80.0), ("osaka", 120.0)))


def judged(pools: list[Pool], new: Intent, *others: Intent, now: float = 1.0, down: tuple[str, ...] = ()) -> list[str]:
    setting = config(pools=pools)
    return list(map(str, shortages(setting, states(setting, down=down), others, new, now)))


def later(target: str, starts: float, ends: float, drain_id: str = "d-2") -> Drain:
    return replace(drained(target, drain_id), starts=starts, expires=ends)


def forced(target: str, *, up: bool) -> Force:
    return Force("f-1", Target.parse(target), "test", "ops", 0.0, None, up=up)


def test_the_rest_must_carry_the_load() -> None:
    assert judged([BY_LOAD], drained("site/tokyo")) == []
    assert judged([BY_LOAD], drained("site/osaka")) == [
        "pool web would keep 1 of 2 live members, with capacity 80 for a load of 100"
    ]
    assert judged([replace(BY_LOAD, capacities=(("osaka", 120.0),))], drained("site/osaka")) == [], "tokyo: no limit"
    full = replace(BY_LOAD, load=500.0)
    assert judged([full], drained("site/tokyo")) != [], "it could not be carried before, and less is left"
    assert judged([full], drained("site/tokyo"), forced("site/tokyo", up=False)) == []


def test_a_drain_for_some_takes_its_part_of_the_capacity() -> None:
    tight = replace(BY_LOAD, load=180.0)
    assert judged([tight], replace(drained("site/tokyo"), percent=25)) == []
    found = judged([tight], replace(drained("site/tokyo"), percent=26))
    assert found == ["pool web would keep 2 of 2 live members, with capacity 179.2 for a load of 180"]
    assert judged([tight], replace(drained("pool/web"), percent=50)) == [], "the clients take their load along"
    assert judged([replace(tight, exclusive=True)], replace(drained("site/tokyo"), percent=90)) == [], "it does nothing"


def test_a_drain_for_some_leaves_every_member() -> None:
    assert judged([WEB], replace(drained("pool/web"), percent=99)) == []
    assert judged([WEB], drained("site/osaka"), replace(drained("site/tokyo", "d-2"), percent=99)) == []


def test_a_drain_that_grows_is_judged_by_what_it_adds() -> None:
    before = replace(drained("site/tokyo"), percent=50)
    assert judged([BY_LOAD], replace(drained("site/osaka"), percent=100), drained("site/osaka")) == []
    assert judged([WEB], replace(before, percent=100), before) == []
    assert judged([WEB], replace(before, percent=100), before, drained("site/osaka", "d-2")) != []


def test_a_force_down_is_judged_and_nothing_else_takes_away() -> None:
    target = "site/osaka"
    assert judged([WEB], forced(target, up=False), drained("site/tokyo")) != []
    assert judged([WEB], forced(target, up=True), drained("site/tokyo")) == []
    hold = Hold("h-1", Target.parse(target), "test", "ops", 0.0, 1000.0)
    assert judged([WEB], hold, drained("site/tokyo")) == []
    assert judged([WEB], drained(target), drained("site/tokyo", "d-2"), forced("site/tokyo", up=True)) == []
    assert judged([WEB], drained(target), forced(target, up=True), forced("site/tokyo", up=False)) == []


def test_drains_that_will_overlap_are_judged_together() -> None:
    first = later("site/tokyo", 100.0, 200.0)
    assert judged([WEB], later("site/osaka", 200.0, 300.0, "d-3"), first) == []
    assert judged([WEB], later("site/osaka", 50.0, 100.0, "d-3"), first) == []
    for starts, ends in ((150.0, 300.0), (50.0, 101.0), (0.0, 900.0)):
        assert judged([WEB], later("site/osaka", starts, ends, "d-3"), first) != [], (starts, ends)
    both = [later("site/tokyo", 100.0, 200.0), later("member/api/osaka", 300.0, 400.0)]
    assert judged([THREE], later("site/nagoya", 50.0, 900.0, "d-3"), *both) != []
    assert judged([replace(THREE, min_up=MinUp(1))], later("site/nagoya", 50.0, 900.0, "d-3"), *both) == []


def test_a_short_pool_is_told_of_once_and_when() -> None:
    setting, both = config(pools=[WEB]), [later("site/tokyo", 100.0, 200.0), later("site/tokyo", 300.0, 400.0)]
    (found,) = shortages(setting, states(setting), both, later("site/osaka", 50.0, 900.0, "d-3"), 1.0)
    assert found.to_dict() == {
        "pool": "web",
        "live": ["osaka"],
        "left": [],
        "needed": 1,
        "capacity": None,
        "load": 0.0,
        "at": 100.0,
    }


def test_what_the_store_holds_on_to_counts_though_its_time_is_over() -> None:
    leased = replace(drained("site/tokyo", "d-2"), leased=True, expires=10.0)
    assert judged([WEB], drained("site/osaka"), leased, now=20.0) != []
    assert judged([WEB], later("site/osaka", 30.0, 40.0), leased, now=20.0) == []


def state(member: MemberState, *steps: Step) -> MemberState:
    return replace(member, addresses=tuple(replace(a, effective="down", steps=steps) for a in member.addresses))


def test_the_standby_of_an_exclusive_pool_takes_over() -> None:
    setting = config(pools=[replace(WEB, exclusive=True)])
    now = states(setting)["web"]
    standby = {**now, "osaka": state(now["osaka"], Step("exclusive", "down", ""))}
    assert shortages(setting, {"web": standby}, (), drained("site/tokyo"), 1.0) == []
    gone = {**now, "osaka": state(now["osaka"], Step("damping", "down", ""), Step("force", "up", ""))}
    assert shortages(setting, {"web": gone}, (), drained("site/tokyo"), 1.0) != []


def test_a_force_takes_along_what_requires_its_target() -> None:
    web, base = replace(WEB, requires=("db",)), Pool("db", (TOKYO, OSAKA), min_up=MinUp(0))
    assert judged([web, base], forced("member/db/tokyo", up=False)) == []
    told = judged([web, base], forced("pool/db", up=False))
    assert "pool web would keep 0 of 2 live members, and needs 1" in told
    assert [text for text in judged([web, base], drained("pool/db")) if "web" in text] == []


def test_what_remains_is_told_of_every_pool_that_loses_be_it_enough() -> None:
    setting = config(pools=[WEB, THREE, Pool("far", (member("nagoya", "203.0.113.10"),))])
    found = remains(setting, states(setting), (), drained("site/tokyo"), 1.0)
    assert [(one.pool, one.live, one.left) for one in found] == [
        ("web", ("tokyo", "osaka"), ("osaka",)),
        ("api", ("tokyo", "osaka", "nagoya"), ("osaka", "nagoya")),
    ]
    assert remains(setting, states(setting), (), forced("site/tokyo", up=True), 1.0) == []
