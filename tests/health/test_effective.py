"""From belief to what is served, by example and over every combination of verdicts."""

from collections.abc import Sequence
from itertools import product
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import Config, Member, MonitorSet, Pool, Site
from gslb.config.settings import NodeSettings
from gslb.health.effective import Outcome, effective
from gslb.health.judging import Inputs
from gslb.health.states import AddressState, Observation, TargetKey, Verdict
from gslb.intents import Drain, Target

V4, V6 = "192.0.2.10", "2001:db8::10"
NODE = NodeSettings("tokyo-1", "tokyo", ("dns",), (("127.0.0.1", 5300),), None, 0, "/zones", "/state")
WEB = MonitorSet(("web",), 1)
VERDICTS: tuple[Verdict, ...] = ("up", "down", "unknown")


def config(monitors: MonitorSet = WEB) -> Config:
    members = (Member("tokyo", "tokyo", (V4, V6)), Member("osaka", "osaka", ("198.51.100.10",)))
    sites = {name: Site(name) for name in ("tokyo", "osaka")}
    return Config(NODE, sites, {}, {"front": Pool("front", members, monitors)}, {}, "digest")


def drain(target: str, expires: float = 100.0, ident: str = "d1") -> Drain:
    return Drain(ident, Target.parse(target), "CHG-1042", "ann", 0.0, expires)


def believe(**verdicts: Verdict) -> dict[TargetKey, Observation]:
    """Belief of the first address by monitor name."""
    return {TargetKey(name, V4): Observation(verdict, 1.0, "refused") for name, verdict in verdicts.items()}


def first(states: object) -> AddressState:
    return states["front"]["tokyo"].addresses[0]  # type: ignore[index]


def judged(
    setting: Config, belief: dict, drains: Sequence[Drain], now: float, *, settled: bool, former: Outcome | None = None
) -> Outcome:
    return effective(setting, Inputs(belief, drains, settled=settled), now, former)


def plain(state: AddressState) -> tuple[str, ...]:
    return (state.address, state.observed, state.effective, state.reason)


def test_holds_every_pool_and_member() -> None:
    states, _, again, *_ = judged(config(), {}, (), 5.0, settled=False)
    assert {pool: list(members) for pool, members in states.items()} == {"front": ["tokyo", "osaka"]}
    tokyo = states["front"]["tokyo"]
    assert (tokyo.member, tokyo.site, tokyo.drain) == ("tokyo", "tokyo", "")
    assert [address.address for address in tokyo.addresses] == [V4, V6]
    assert again is None


def test_families_are_judged_separately() -> None:
    belief = {
        TargetKey("web", V4): Observation("up", 1.0),
        TargetKey("web", V6): Observation("down", 1.0, "timeout: connecting, within 2 s"),
    }
    states, *_ = judged(config(), belief, (), 5.0, settled=True)
    assert states["front"]["tokyo"].addresses == (
        AddressState(V4, "up", "up"),
        AddressState(V6, "down", "down", "web: timeout: connecting, within 2 s"),
    )


def test_unknown_counts_as_up_only_once_settled() -> None:
    states, *_ = judged(config(), {}, (), 5.0, settled=False)
    assert plain(first(states)) == (V4, "unknown", "unknown", "no result yet from web")
    states, *_ = judged(config(), {}, (), 5.0, settled=True)
    assert plain(first(states)) == (V4, "unknown", "up", "counts as up until the first result; no result yet from web")


def test_a_pool_without_monitors_is_up() -> None:
    states, *_ = judged(config(MonitorSet((), 0)), {}, (), 5.0, settled=False)
    assert plain(first(states)) == (V4, "up", "up", "")


@pytest.mark.parametrize("at_least", [1, 2, 3])
@pytest.mark.parametrize("verdicts", list(product(VERDICTS, repeat=3)))
def test_a_composite_is_decided_only_when_the_unknown_cannot_change_it(
    verdicts: tuple[Verdict, ...], at_least: int
) -> None:
    names = ("a", "b", "c")
    states, *_ = judged(
        config(MonitorSet(names, at_least)), believe(**dict(zip(names, verdicts, strict=True))), (), 5.0, settled=False
    )
    choices = [("up", "down") if verdict == "unknown" else (verdict,) for verdict in verdicts]
    outcomes = {"up" if future.count("up") >= at_least else "down" for future in product(*choices)}
    assert first(states).observed == (outcomes.pop() if len(outcomes) == 1 else "unknown")


def test_the_reason_names_the_monitors_that_do_not_pass() -> None:
    monitors = MonitorSet(("a", "b", "c"), 3)
    states, *_ = judged(config(monitors), believe(a="down", b="up", c="down"), (), 5.0, settled=True)
    assert first(states).reason == "a: refused; c: refused"


def test_a_drain_takes_out_with_its_reason() -> None:
    states, _, again, *_ = judged(config(), believe(web="up"), [drain("site/tokyo")], 5.0, settled=True)
    assert states["front"]["tokyo"].drain == "d1"
    assert plain(first(states)) == (V4, "up", "down", "drained: CHG-1042 (drain d1, until 1970-01-01T00:01:40Z)")
    assert states["front"]["osaka"].drain == ""
    assert states["front"]["osaka"].addresses[0].effective == "up"
    assert again == 100.0


def test_a_drain_does_not_hide_why_a_target_is_down() -> None:
    states, *_ = judged(config(), believe(web="down"), [drain("pool/front")], 5.0, settled=True)
    assert first(states).reason == "drained: CHG-1042 (drain d1, until 1970-01-01T00:01:40Z); web: refused"


def test_a_drain_overrides_unknown_before_the_first_round() -> None:
    states, *_ = judged(config(), {}, [drain("member/front/tokyo")], 5.0, settled=False)
    assert first(states).effective == "down"


def test_a_drain_ends_at_its_expiry() -> None:
    states, _, again, *_ = judged(config(), believe(web="up"), [drain("site/tokyo")], 100.0, settled=True)
    assert first(states).effective == "up"
    assert again is None


def test_wants_to_be_asked_again_at_the_next_expiry() -> None:
    drains = [drain("site/tokyo", 300.0), drain("site/osaka", 200.0), drain("pool/gone", 4.0)]
    assert judged(config(), {}, drains, 5.0, settled=True).change_at == 200.0


@pytest.mark.parametrize("expires", [float("inf"), 1e300, 253402300799.0])
def test_a_drain_without_a_sensible_end_still_has_a_reason(expires: float) -> None:
    states, *_ = judged(config(), {}, [drain("site/tokyo", expires)], 5.0, settled=True)
    assert "until 9999-12-31T23:59:59Z" in first(states).reason


keys = st.builds(
    TargetKey, st.sampled_from(("a", "b", "gone")), st.sampled_from((V4, V6, "198.51.100.10", "203.0.113.1"))
)
beliefs = st.dictionaries(
    keys, st.builds(Observation, st.sampled_from(VERDICTS), st.floats(0, 99), st.text(max_size=9))
)
targets = st.sampled_from(("site/tokyo", "site/gone", "pool/front", "member/front/osaka", "member/x/y"))
drain_lists = st.lists(st.builds(drain, targets, st.floats(allow_nan=True), st.text("abc", max_size=2)), max_size=4)


@given(beliefs, drain_lists, st.floats(0, 1e10), st.booleans())
def test_total_and_deterministic(
    belief: dict[TargetKey, Observation], drains: list[Drain], now: float, settled: bool
) -> None:
    setting = config(MonitorSet(("a", "b"), 1))
    states, _, again, *_ = judged(setting, belief, drains, now, settled=settled)
    turned = judged(setting, dict(reversed(belief.items())), drains, now, settled=settled)
    assert (states, again) == (turned.states, turned.change_at)
    assert again is None or again > now
    for member in states["front"].values():
        for address in member.addresses:
            assert not (settled and address.effective == "unknown")
            assert not (member.drain and address.effective != "down")
            assert address.reason or address.effective == "up"


TARGETS = ("site/tokyo", "site/osaka", "pool/front", "member/front/tokyo", "pool/other")
KNOWN = st.dictionaries(
    st.sampled_from([TargetKey("web", V4), TargetKey("web", V6), TargetKey("web", "198.51.100.10")]),
    st.sampled_from([Observation(verdict, 1.0) for verdict in VERDICTS]),
)
MOMENTS = st.tuples(KNOWN, st.lists(st.sampled_from(TARGETS), unique=True), st.booleans())


@given(st.lists(MOMENTS, min_size=2, max_size=6))
def test_from_a_former_outcome_comes_what_would_come_from_its_memory_alone(moments: list) -> None:
    setting, former = config(), None
    for number, (belief, targets, settled) in enumerate(moments):
        inputs = Inputs(belief, [drain(target, ident=target) for target in targets], settled=settled)
        found = effective(setting, inputs, 50.0 * number, former)
        assert found == effective(setting, inputs, 50.0 * number, memory=former.memory if former else {})
        former = found


def test_what_nothing_changed_for_stays_the_same_object() -> None:
    members = (Member("tokyo", "tokyo", (V4,)), Member("osaka", "osaka", ("198.51.100.10",)))
    pools = {"one": Pool("one", members, WEB), "two": Pool("two", members[1:], WEB)}
    setting = Config(NODE, {name: Site(name) for name in ("tokyo", "osaka")}, {}, pools, {}, "digest")
    first = judged(setting, believe(web="up"), (), 5.0, settled=True)
    after = {TargetKey("web", V4): Observation("down", 6.0)}
    second = judged(setting, after, (), 6.0, settled=True, former=first)
    assert second.states["two"] is first.states["two"]
    assert second.states["one"]["tokyo"].addresses[0].effective == "down"
    third = judged(setting, after, [drain("site/tokyo")], 7.0, settled=True, former=second)
    assert third.states["two"] is first.states["two"]
    assert third.states["one"]["tokyo"].drain == "d1"


def test_a_failure_costs_no_more_where_there_are_many_drains_of_other_pools() -> None:
    sites = {name: Site(name) for name in ("tokyo", "osaka")}
    pools = {
        f"p{at}": Pool(f"p{at}", tuple(Member(site, site, (f"10.{n}.0.{at}",)) for n, site in enumerate(sites)), WEB)
        for at in range(200)
    }
    made = Config(NODE, sites, {}, pools, {}, "digest")
    up = {TargetKey("web", m.addresses[0]): Observation("up", 1.0) for pool in pools.values() for m in pool.members}
    dead = {key: Observation("down", 2.0) if key.address.startswith("10.1.") else seen for key, seen in up.items()}

    def cost(drains: Sequence[Drain]) -> float:
        before = effective(made, Inputs(up, drains=drains), 10.0)
        begun = process_time()
        after = effective(made, Inputs(dead, drains=drains), 11.0, before)
        spent = process_time() - begun
        assert all(after.states[name]["tokyo"].drained == (at < len(drains)) for at, name in enumerate(pools))
        return spent

    many = [drain(f"member/p{at}/tokyo", ident=f"d{at}") for at in range(2_000)]
    assert min(cost(many) for _ in range(3)) < 6 * min(cost(many[:1]) for _ in range(3)) + 0.01
