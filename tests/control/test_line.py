"""A line turns what is known into what is served, and remembers its last step."""

import gc
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gslb.config.model import AllDown, Config, Failback, Member, MonitorSet, Pool, Rule
from gslb.control.line import Line, Plan, Served, loaded, uncollected
from gslb.geo.atlas import Atlas
from gslb.health.judging import Inputs, judge_pool
from gslb.health.memory import NOTHING, resume
from gslb.health.states import Belief, Observation, States, TargetKey
from gslb.intents import Drain, Force, Hold, Intent, Target
from gslb.policy.nodes import Choice
from gslb.table.build import compile_base
from gslb.table.entries import ChainSpec, Leaves, Table
from gslb.table.leaves import _kept, compile_chain
from gslb.table.pack import dump_node
from gslb.table.poolview import PoolView
from gslb.table.snapshot import dump_leaves
from tests.support import OSAKA, TOKYO, config, name


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


HTTP = MonitorSet(("http",), 1)
ADDRESSES = [address for site in (TOKYO, OSAKA) for address in site.addresses]


def twins() -> Config:
    """Pools of many kinds, two of each kind, and names that are answered from them."""
    priority = (replace(TOKYO, priority=1), replace(OSAKA, priority=2))
    both: tuple[Member, ...] = (TOKYO, OSAKA)
    capacities = (("tokyo", 60.0), ("osaka", 100.0))
    kinds = [
        Pool("web", both, HTTP, requires=("db0",), ramp=20.0),
        Pool("db", both, HTTP, all_down=AllDown("last_good"), max_loss=1.0),
        Pool("slow", both, HTTP, failback=Failback("manual"), policy="all"),
        Pool("one", priority, HTTP, policy="failover", exclusive=True, max_loss=1.0),
        Pool("busy", both, HTTP, policy="capacity", load=50.0, capacities=capacities),
        Pool("near", both, HTTP, policy="hash", scope="local", failback=Failback("hold", 40.0), damping=None),
    ]
    pools = [replace(kind, name=f"{kind.name}{n}") for kind in kinds for n in range(2)]
    names = [replace(name(pool.name, Rule((pool.name,)), ttl=30), ttl_min=5) for pool in (*pools[:2], pools[4])]
    names += [name(pool.name, Rule((pool.name,))) for pool in (*pools[2:4], *pools[5:])]
    names += [name(f"list{n}", Rule((f"web{n}", f"db{n}"))) for n in range(2)]
    names += [name(f"draw{n}", Rule((f"one{n}", f"slow{n}"), (2, 1))) for n in range(2)]
    return config(pools=pools, names=names)


def intent(what: str, target: str, percent: int) -> Intent:
    """A drain of all clients begins after a while, one of 30 percent at once."""
    common = (f"{what} {target}", Target.parse(target), "CHG-1", "ann", 0.0, 400.0)
    if what == "drain":
        return Drain(*common, percent=percent, starts=30.0 if percent == 100 else 0.0)
    return Hold(*common) if what == "hold" else Force(*common, up=what == "up")


TARGETS = ("site/tokyo", "site/osaka", "pool/web0", "pool/db1", "pool/db0", "member/slow1/tokyo", "member/busy0/osaka")
MOMENTS = st.tuples(
    st.dictionaries(st.sampled_from(ADDRESSES), st.tuples(st.sampled_from(("up", "down", "unknown")), st.booleans())),
    st.lists(
        st.builds(
            intent,
            st.sampled_from(("drain", "drain", "hold", "up", "down")),
            st.sampled_from(TARGETS),
            st.sampled_from((100, 30)),
        ),
        unique_by=lambda one: one.id,
        max_size=3,
    ),
    st.dictionaries(st.sampled_from(("busy0", "busy1")), st.sampled_from((40.0, 130.0))),
    st.none() | st.lists(st.tuples(st.sampled_from(("slow0", "slow1", "db1")), st.just("tokyo")), max_size=2),
)


ALL_UP, ALL_DOWN = (dict.fromkeys(ADDRESSES, (verdict, True)) for verdict in ("up", "down"))


@given(st.lists(MOMENTS, min_size=2, max_size=6), st.sampled_from((3.0, 90.0)))
@example([({}, [intent("drain", "member/busy1/tokyo", 100)], {}, None), (ALL_UP, [], {}, None)], 3.0)
@example([(ALL_DOWN, [], {}, None)], 3.0)
@settings(max_examples=200, deadline=None)
def test_pools_that_are_alike_come_to_what_each_would_come_to_alone(moments: list, pace: float) -> None:
    """A line beside pools judged and chains compiled each for itself; it starts again, and is resumed, at times."""
    made = twins()
    plan = Plan(made, compile_base(made, Atlas.empty()))
    assert len(set(plan.base.alike.values())) == 6
    line, before = Line(plan), {}
    memory, good = dict.fromkeys(made.pools, NOTHING), dict.fromkeys(made.pools, frozenset())
    good["db1"] = frozenset(OSAKA.addresses)
    for number, (verdicts, intents, loads, resumed) in enumerate(moments):
        belief = {
            TargetKey("http", address): Observation(verdict, pace * number, verdict, calm)
            for address, (verdict, calm) in verdicts.items()
        }
        wanted = ([one for one in intents if isinstance(one, kind)] for kind in (Drain, Hold, Force))
        nearby = {key: seen for key, seen in belief.items() if seen.calm}
        inputs = Inputs(belief, *wanted, nearby, settled=number > 0, ranged={"web0", "web1", "slow0"})
        found = line.judge(inputs, pace * number)
        for key, pool in made.pools.items():
            if found.states[key] is not before.get(key):  # else it was not looked at
                alone = judge_pool(made, pool, inputs, memory[key], pace * number)
                assert (found.states[key], found.memory[key], found.due.get(key)) == alone
        before, memory = found.states, found.memory

        leaves = line.compile(found.states, good, loads)
        views = {name: view(loaded(made, loads).pools[name], found.states) for name in made.pools}
        good = {name: _kept(views[name], before) for name, before in good.items()}
        assert leaves.last_good == good
        good = leaves.last_good
        assert ChainSpec._fields[0] == "pools"
        for spec, node in zip(plan.base.chains, leaves.nodes, strict=True):
            assert dump_node(node) == dump_node(compile_chain(spec, [views[name] for name in spec.pools], good))
        if resumed is not None:
            memory = resume(memory, resumed)
            line, before = Line(plan, deepcopy(memory)), {}


def view(pool: Pool, states: States) -> PoolView:
    return PoolView(pool, states[pool.name], -1, {"osaka": 0, "tokyo": 1})


def test_pools_that_are_alike_are_judged_and_compiled_once() -> None:
    made = twins()
    line = Line(Plan(made, compile_base(made, Atlas.empty())))
    for belief in ({}, {TargetKey("http", ADDRESSES[0]): Observation("down", 6.0)}):
        outcome = line.judge(Inputs(belief), 6.0)
        leaves = line.compile(outcome.states, {})
        for kind in ("web", "db", "one", "busy", "near"):  # the TTL of slow0 alone may move
            assert outcome.states[f"{kind}0"] is outcome.states[f"{kind}1"]
            assert outcome.memory[f"{kind}0"] is outcome.memory[f"{kind}1"]
        nodes = {spec.pools: node for spec, node in zip(line.plan.base.chains, leaves.nodes, strict=True)}
        assert nodes["busy0",] is nodes["busy1",]
        assert nodes["web0", "db0"] is nodes["web1", "db1"]
