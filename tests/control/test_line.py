"""A line turns what is known into what is served, and remembers its last step."""

import gc

import pytest

from gslb.config.model import Pool
from gslb.control.line import Line, Plan, Served, uncollected
from gslb.geo.atlas import Atlas
from gslb.health.judging import Inputs
from gslb.health.states import Belief
from gslb.intents import Drain, Target
from gslb.policy.nodes import Choice
from gslb.table.build import compile_base
from gslb.table.entries import Leaves, Table
from gslb.table.snapshot import dump_leaves
from tests.support import OSAKA, TOKYO, config


@pytest.fixture
def plan() -> Plan:
    made = config()
    return Plan(made, compile_base(made, Atlas.empty()))


def test_a_line_that_remembers_says_the_same_as_one_that_does_not(plan: Plan) -> None:
    line = Line(plan)
    drain = Drain("d1", Target.parse("member/web/tokyo"), "test", "", 0.0, 100.0)
    belief: Belief = {}
    for drains in ((), (drain,), ()):
        states = line.judge(Inputs(belief, drains), 5.0).states
        assert states == Line(plan).judge(Inputs(belief, drains), 5.0).states
        assert dump_leaves(line.compile(states, {})) == dump_leaves(Line(plan).compile(states, {}))


def test_what_did_not_change_stays_the_same_object(plan: Plan) -> None:
    line = Line(plan)
    states = line.judge(Inputs({}), 5.0).states
    leaves = line.compile(states, {})
    again = line.judge(Inputs({}), 6.0).states
    assert again["web"] is states["web"]
    assert line.compile(again, leaves.last_good).nodes[0] is leaves.nodes[0]
    assert leaves.last_good["web"] >= set(TOKYO.addresses)


def test_reported_loads_stand_in_for_configured_ones() -> None:
    busy = Pool("web", (TOKYO, OSAKA), policy="capacity", load=50.0, capacities=(("tokyo", 60.0), ("osaka", 100.0)))
    made = config(pools=[busy])
    line = Line(Plan(made, compile_base(made, Atlas.empty())))
    states = line.judge(Inputs({}), 5.0).states
    found = [shares(line.compile(states, {}, loads)) for loads in ({}, {"web": 120.0, "gone": 1.0}, {})]
    assert found == [[0.6, 0.4], [0.5, 0.5], [0.6, 0.4]]


def shares(leaves: Leaves) -> list[float]:
    node = leaves.nodes[0]
    assert isinstance(node, Choice)
    return [weight / node.total for weight in node.weights]


def test_what_is_served_holds_until_config_states_or_loads_are_others(plan: Plan) -> None:
    line = Line(plan)
    states = line.judge(Inputs({}), 5.0).states
    table = Table(plan.base, line.compile(states, {}), 1)
    served = Served(plan.config, table, states, loads={"web": 5.0})
    assert served.holds(plan.config, dict(states), {"web": 5.0})
    assert not served.holds(plan.config, states, {"web": 6.0})
    assert not served.holds(plan.config, {}, {"web": 5.0})
    assert not served.holds(config(), states, {"web": 5.0})


def test_the_collector_rests_meanwhile() -> None:
    assert gc.isenabled()
    with pytest.raises(ValueError, match="fault"), uncollected():  # noqa: PT012 - the state after it is the matter
        assert not gc.isenabled()
        with uncollected():
            pass
        assert not gc.isenabled()
        raise ValueError("fault")
    assert gc.isenabled()
