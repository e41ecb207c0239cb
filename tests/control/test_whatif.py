"""What if: the inputs are changed, the rest is what always answers."""

from dataclasses import replace
from typing import Any

import pytest

from gslb.config.model import Config, Failback, Monitor, MonitorSet, Pool, Rule
from gslb.control.explain import Json, Question
from gslb.control.line import Line, Plan, Served
from gslb.control.whatif import FARTHEST, Assumption, Moment, assume, changed, explain_if
from gslb.dns.message import A
from gslb.errors import NotFoundError, RequestError
from gslb.geo.atlas import Atlas
from gslb.health.judging import Inputs
from gslb.health.states import Belief, Observation, TargetKey
from gslb.intents import Drain, Target
from gslb.table.build import compile_base
from gslb.table.entries import Table
from gslb.table.snapshot import dump_leaves
from tests.support import APEX, OSAKA, SOURCE, TOKYO, config, name, wire

NOW = 1_700_000_000.0
QUESTION = Question(wire("www"), A, SOURCE)
PROBED = MonitorSet(("web",), 1)


class Probe(Monitor):
    kind = "probe"


def made(**options: Any) -> Config:
    pools = [Pool("web", (TOKYO, OSAKA), PROBED, **options), Pool("free", (TOKYO,))]
    found = config(pools=pools, names=[name("www", Rule(("web",))), name("free", Rule(("free",)))])
    return replace(found, monitors={"web": Probe("web")})


def moment(config: Config, *drains: Drain, **seen: str) -> Moment:
    belief: Belief = {
        TargetKey("web", address): Observation(seen.get(one.name, "up"), NOW - 60, "seen")  # type: ignore[arg-type]
        for one in (TOKYO, OSAKA)
        for address in one.addresses
    }
    plan = Plan(config, compile_base(config, Atlas.empty()))
    line, inputs = Line(plan), Inputs(belief, drains)
    states = line.judge(inputs, NOW).states
    leaves = line.compile(states, {})
    served = Served(config, Table(plan.base, leaves), states, belief)
    return Moment(plan, inputs, line.memory, leaves.last_good, served, NOW)


def told(at: Moment, *assumed: str, when: float | None = None) -> Json:
    return explain_if(at, QUESTION, [Assumption.parse(text) for text in assumed], when)


def chances(view: Json) -> dict[str, float]:
    return {member["name"]: member["chance"] for pool in view["pools"] for member in pool["members"]}


def drain(target: str, **times: float) -> Drain:
    return Drain("d-1", Target.parse(target), "CHG-1", "ann", NOW - 60, **{"expires": NOW + 600, **times})  # type: ignore[arg-type]


def test_nothing_assumed_nothing_different() -> None:
    view = told(moment(made()))
    assert (view["assumed"], view["notes"], view["differs"]) == ([], [], [])
    assert view["text"].endswith("different from now:\n  nothing")


@pytest.mark.parametrize(
    ("assumed", "expected"),
    [
        (["site/tokyo=down"], {"tokyo": 0, "osaka": 1}),
        (["member/web/osaka=down"], {"tokyo": 1, "osaka": 0}),
        (["drain=site/osaka"], {"tokyo": 1, "osaka": 0}),
        (["force=member/web/osaka=down"], {"tokyo": 1, "osaka": 0}),
        (["site/osaka=down", "force=member/web/osaka=up"], {"tokyo": 0.6, "osaka": 0.4}),
        (["hold=pool/web", "site/osaka=down"], {"tokyo": 0.6, "osaka": 0.4}),
        (["pool/web=up"], {"tokyo": 0.6, "osaka": 0.4}),
    ],
)
def test_assumptions(assumed: list[str], expected: dict[str, float]) -> None:
    assert chances(told(moment(made()), *assumed)) == expected


def test_what_is_told() -> None:
    view = told(moment(made()), "site/tokyo=down")
    assert view["assumed"] == ["probes find site/tokyo down"]
    assert view["notes"] == ["pool free has no monitors: nobody would notice"]
    down = "; ".join(f"{address} up -> down (web: assumed)" for address in TOKYO.addresses)
    assert view["differs"] == [
        f"web/tokyo at tokyo: chance 60.0% -> 0.0%; {down}",
        "web/osaka at osaka: chance 40.0% -> 100.0%",
    ]
    text = view["text"].splitlines()
    assert text[:2] == [
        "assumed: probes find site/tokyo down",
        "  note: pool free has no monitors: nobody would notice",
    ]
    assert text[-3:] == ["different from now:", *(f"  {line}" for line in view["differs"])]


def test_a_partial_drain_is_that_of_the_client() -> None:
    views = [told(moment(made()), f"drain=site/tokyo={percent}%") for percent in (1, 99)]
    assert [view["assumed"] for view in views] == [[f"site/tokyo is drained for {percent} %"] for percent in (1, 99)]
    assert [chances(view)["tokyo"] for view in views] == [0.6, 0]


def test_a_drain_may_be_taken_away() -> None:
    at = moment(made(), drain("site/osaka"))
    assert chances(told(at)) == {"tokyo": 1, "osaka": 0}
    assert chances(told(at, "undrain=site/osaka")) == {"tokyo": 0.6, "osaka": 0.4}
    assert chances(told(at, "undrain=site/tokyo")) == {"tokyo": 1, "osaka": 0}


def test_later_drains_are_over_and_scheduled_ones_have_begun() -> None:
    at = moment(made(), drain("site/osaka"))
    view = told(at, when=NOW + 601)
    assert chances(view) == {"tokyo": 0.6, "osaka": 0.4}
    assert view["assumed"] == ["it is 2023-11-14 22:23:21Z"]
    later = moment(made(), drain("site/osaka", starts=NOW + 100))
    assert [chances(told(later, when=NOW + seconds))["osaka"] for seconds in (0, 99, 101, 601)] == [0.4, 0.4, 0, 0.4]


def test_on_the_way_to_later_what_changes_by_itself_does() -> None:
    """What comes back waits for its failback, and then ramps up: each at its own moment."""
    at = moment(made(failback=Failback("hold", 300.0), ramp=100.0), osaka="down")
    found = [chances(told(at, "site/osaka=up", when=NOW + seconds))["osaka"] for seconds in (0, 299, 301, 500)]
    assert found[:2] == [0, 0]
    assert 0 < found[2] < 0.2
    assert found[3] == 0.4


def test_where_all_is_down_the_pool_fails_open() -> None:
    view = told(moment(made(max_loss=1.0)), "pool/web=down")
    assert view["differs"][0].startswith("pool web: serving -> all down")


def test_what_it_answers_is_what_would_be_served() -> None:
    """An assumption that comes true gives the same leaves."""
    config = made()
    assumed = assume(moment(config), [Assumption.parse("site/tokyo=down")], NOW)
    line = Line(moment(config).plan, moment(config).memory)
    inputs = changed(config, moment(config).inputs, [Assumption.parse("site/tokyo=down")], NOW)
    states = line.judge(inputs, NOW).states
    assert assumed.states == states
    assert dump_leaves(assumed.table.leaves) == dump_leaves(line.compile(states, moment(config).last_good))


def test_nothing_of_the_present_is_changed() -> None:
    at = moment(made())
    before = dump_leaves(at.served.table.leaves)
    told(at, "site/tokyo=down", "drain=site/osaka", when=NOW + 10)
    assert dump_leaves(at.served.table.leaves) == before
    assert at.inputs == moment(made()).inputs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "site/tokyo",
        "site/tokyo=maybe",
        "force=site/tokyo",
        "drain=site/tokyo=up",
        "drain=site/tokyo=0%",
        "drain=site/tokyo=101%",
        "hold=site/tokyo=30%",
        "site/tokyo=30%",
        "a=b=c=d",
    ],
)
def test_what_is_no_assumption_is_told_with_the_forms(text: str) -> None:
    with pytest.raises(RequestError, match="is no assumption such as site/tokyo=down, drain=site/osaka"):
        Assumption.parse(text)


def test_misspelt_targets() -> None:
    with pytest.raises(RequestError, match="is not one of"):
        Assumption.parse("tokyo=down")
    with pytest.raises(NotFoundError, match="no site/tokio"):
        told(moment(made()), "site/tokio=down")


@pytest.mark.parametrize("when", [NOW - 60, NOW + FARTHEST + 1])
def test_the_moment_lies_ahead(when: float) -> None:
    with pytest.raises(RequestError, match="must lie ahead"):
        told(moment(made()), when=when)


def test_assumptions_read_as_they_were_meant() -> None:
    texts = ["site/tokyo=up", "drain=pool/web", "undrain=pool/web", "hold=site/tokyo", "force=site/tokyo=up"]
    assert [str(Assumption.parse(text)) for text in texts] == [
        "probes find site/tokyo up",
        "pool/web is drained",
        "pool/web is not drained",
        "site/tokyo is held",
        "site/tokyo is forced up",
    ]


def test_another_name_of_the_zone_is_untouched() -> None:
    at = moment(made())
    view = explain_if(at, Question(wire("free"), A, SOURCE), [Assumption.parse("member/web/tokyo=down")])
    assert view["differs"] == []
    assert view["name"] == f"free.{APEX}"
