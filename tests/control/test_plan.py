"""What a plan says: the clients that are moved, sites, capacity, recovery, and what health has to do with it."""

import sys
import time
from dataclasses import replace
from typing import Any

import pytest

from gslb.config.model import Config, Monitor, MonitorSet, Pool, Rule, Site
from gslb.control.line import Line, Plan, Served
from gslb.control.plan import at_rest, compared, served_by
from gslb.control.whatif import Moment
from gslb.geo.atlas import Atlas
from gslb.health.judging import Inputs
from gslb.health.states import Belief, Observation, TargetKey
from gslb.intents import Drain, Target
from gslb.table.build import compile_base
from gslb.table.entries import Table
from tests.support import APEX, OSAKA, TOKYO, config, member, name

NOW = 1_700_000_000.0
WEB = Rule(("web",))


class Probe(Monitor):
    kind = "probe"


def plan(made: Config) -> Plan:
    return Plan(made, compile_base(made, Atlas.empty()))


def said(before: Config, after: Config, **options: Any) -> dict[str, Any]:
    return compared(at_rest(plan(before), NOW), plan(after), **{"count": 1000, **options})


def web(tokyo: int, osaka: int, **options: Any) -> Config:
    members = replace(TOKYO, weight=tokyo), replace(OSAKA, weight=osaka)
    return config(pools=[Pool("web", members, **options)])


def test_equal_configurations() -> None:
    found = said(web(60, 40), web(60, 40))
    assert (found["moved"], found["worst"], found["names"], found["recovery"], found["capacity"]) == (
        0,
        None,
        [],
        [],
        [],
    )
    assert found["sites"] == [
        {"name": site, "before": share, "after": share} for site, share in (("tokyo", 0.6), ("osaka", 0.4))
    ]
    assert found["clients"] == {"sampled": 1000, "seed": 1}


def test_the_mean_over_names_and_the_worst_of_them() -> None:
    pools = [Pool("web", (TOKYO, OSAKA)), Pool("other", (TOKYO, OSAKA))]
    names = [name("www", WEB), *(name(f"n{at}", Rule(("other",))) for at in range(9))]
    before = config(pools=pools, names=names)
    after = config(pools=[Pool("web", (replace(TOKYO, weight=30), replace(OSAKA, weight=70))), pools[1]], names=names)
    found = said(before, after)
    assert (found["moved"], found["worst"]) == (0.03, {"name": f"www.{APEX}", "moved": 0.3})
    assert found["names"] == [
        {
            "name": f"www.{APEX}",
            "moved": 0.3,
            "before": {"tokyo": 0.6, "osaka": 0.4},
            "after": {"tokyo": 0.3, "osaka": 0.7},
        }
    ]
    assert found["sites"] == [
        {"name": "tokyo", "before": 0.6, "after": 0.57},
        {"name": "osaka", "before": 0.4, "after": 0.43},
    ]


def test_names_that_go_lose_all_their_clients_and_those_that_come_move_nobody() -> None:
    before = config(names=[name("www", WEB), name("gone", WEB)])
    after = config(names=[name("www", WEB), name("new", WEB)])
    found = said(before, after)
    assert (found["moved"], found["worst"]) == (0.5, {"name": f"gone.{APEX}", "moved": 1.0})
    assert found["changes"]["names"]["added"] == [f"new.{APEX}"]
    assert "1 of 2 names" in found["changes"]["too_much"]


def test_without_names_there_is_nothing_to_move() -> None:
    found = said(config(names=[]), config())
    assert (found["moved"], found["sites"]) == (0, [])


def test_health_and_drains_of_the_moment_count() -> None:
    probed = {"monitors": MonitorSet(("web",), 1)}
    before, after = (
        replace(web(*weights, **probed), monitors={"web": Probe("web")}) for weights in ((60, 40), (30, 70))
    )
    belief: Belief = {
        TargetKey("web", address): Observation("down" if one is TOKYO else "up", NOW - 60)
        for one in (TOKYO, OSAKA)
        for address in one.addresses
    }
    drain = Drain("d-1", Target.parse("site/osaka"), "test", "ann", NOW - 5, NOW + 60)
    for inputs, expected in ((Inputs(belief), {"osaka": 1.0}), (Inputs({}, [drain]), {"tokyo": 1.0})):
        line = Line(plan(before))
        states = line.judge(inputs, NOW).states
        served = Served(before, Table(line.plan.base, line.compile(states, {})), states)
        found = compared(Moment(line.plan, inputs, line.memory, {}, served, NOW), plan(after), 100)
        assert found["moved"] == 0
        assert {row["name"]: row["after"] for row in found["sites"]} == expected


def test_pools_that_would_fail_open_and_targets_that_nobody_probed() -> None:
    drain = Drain("d-1", Target.parse("site/tokyo"), "test", "ann", NOW - 5, NOW + 60)
    before = web(60, 40)
    line = Line(plan(before))
    states = line.judge(Inputs({}, [drain]), NOW).states
    served = Served(before, Table(line.plan.base, line.compile(states, {})), states)
    alone = Pool("web", (TOKYO,), MonitorSet(("web",), 1))
    after = replace(config(pools=[alone]), monitors={"web": Probe("web")})
    found = compared(Moment(line.plan, Inputs({}, [drain]), line.memory, {}, served, NOW), plan(after), 100)
    assert (found["failing_open"], found["new_targets"]) == (["web"], 2)


def test_sites_that_cannot_carry_their_load() -> None:
    def loaded(load: float, pools: int) -> Config:
        limits = (("tokyo", 100.0), ("osaka", 60.0))
        made = [Pool(f"p{at}", (TOKYO, OSAKA), policy="capacity", load=load, capacities=limits) for at in range(pools)]
        found = config(pools=made, names=[name(f"n{at}", Rule((f"p{at}",))) for at in range(pools)])
        sites = {site: Site(site, "JP", capacity=limit) for site, limit in limits}
        return replace(found, sites=sites)

    assert said(loaded(100, 1), loaded(150, 1))["capacity"] == []
    assert said(loaded(100, 1), loaded(100, 2))["capacity"] == [
        {"site": "osaka", "load": 80, "capacity": 60, "already": False},
        {"site": "tokyo", "load": 120, "capacity": 100, "already": False},
    ]
    assert [row["already"] for row in said(loaded(200, 1), loaded(220, 1))["capacity"]] == [True, True]


def test_reported_loads_stand_for_those_of_the_candidate() -> None:
    before = web(60, 40, policy="capacity", load=50.0, capacities=(("tokyo", 60.0), ("osaka", 100.0)))
    moment = at_rest(plan(before), NOW)
    busy = moment._replace(served=moment.served._replace(loads={"web": 120.0, "gone": 1.0}))
    assert served_by(busy, plan(before)).loads == {"web": 120.0}
    shares = {row["name"]: row["after"] for row in compared(busy, plan(before), 10)["sites"]}
    assert shares == pytest.approx({"tokyo": 0.5, "osaka": 0.5})


def test_recovery_times() -> None:
    slow, fast = (
        replace(web(60, 40, monitors=MonitorSet(("web",), 1)), monitors={"web": Probe("web", interval=seconds)})
        for seconds in (5.0, 1.0)
    )
    (row,) = said(slow, fast)["recovery"]
    assert (row["name"], row["before"], row["after"]) == (f"www.{APEX}", 48.0, 35.6)
    assert "detection 5.1 s by web" in row["parts"]


def test_plans_repeat() -> None:
    before, after = (web(*weights, policy="hash") for weights in ((60, 40), (30, 70)))
    assert said(before, after) == said(before, after)
    assert said(before, after, seed=2)["moved"] != said(before, after)["moved"]


def test_a_thousand_names_are_planned_in_seconds() -> None:
    pools = [
        Pool(
            f"p{at}",
            (member("tokyo", f"192.0.2.{at % 200 + 1}"), member("osaka", f"198.51.100.{at % 200 + 1}")),
            policy="hash" if at % 10 == 0 else "weighted",
        )
        for at in range(1000)
    ]
    made = config(pools=pools, names=[name(f"n{at}", Rule((f"p{at}",))) for at in range(1000)])
    tracer = sys.gettrace()
    sys.settrace(None)  # coverage would make it three times as slow
    try:
        began = time.perf_counter()
        assert said(made, made, count=10_000)["moved"] == 0
        assert time.perf_counter() - began < 12
    finally:
        sys.settrace(tracer)
