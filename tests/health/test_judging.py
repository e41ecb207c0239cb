"""The steps to the effective state in their order, each with its reason."""

from dataclasses import replace

import pytest

from gslb.config.model import Config, Damping, Failback, Member, MonitorSet, Pool, Site, Window
from gslb.config.settings import NodeSettings
from gslb.health.effective import Outcome, effective
from gslb.health.judging import Inputs
from gslb.health.states import AddressState, Observation, TargetKey, Verdict
from gslb.health.votes import Ballot
from gslb.intents import Drain, Force, Hold, Target

NODE = NodeSettings("tokyo-1", "tokyo", ("dns",), (), None, 0, "/zones", "/state")
A, B, DB = "192.0.2.1", "192.0.2.2", "192.0.2.3"
WEB = Pool("web", (Member("a", "tokyo", (A,)), Member("b", "osaka", (B,))), MonitorSet(("web",), 1))
BASE = Pool("db", (Member("a", "tokyo", (DB,)), Member("b", "osaka", ("192.0.2.4",))), MonitorSet(("web",), 1))


class World:
    """A pool and what became of it, moment by moment."""

    def __init__(self, web: Pool = WEB) -> None:
        sites = {name: Site(name) for name in ("tokyo", "osaka")}
        self.config = Config(NODE, sites, {}, {"web": web, "db": BASE}, {}, "digest")
        self.verdicts: dict[str, Verdict] = {A: "up", B: "up", DB: "up"}
        self.more: dict[str, object] = {}
        self.outcome: Outcome | None = None
        self.step(0.0)

    def step(self, now: float, **verdicts: Verdict) -> Outcome:
        self.verdicts.update({{"a": A, "b": B, "db": DB}[name]: verdict for name, verdict in verdicts.items()})
        belief = {TargetKey("web", address): Observation(v, 1.0, "timeout") for address, v in self.verdicts.items()}
        self.outcome = effective(self.config, Inputs(belief, **self.more), now, self.outcome)  # type: ignore[arg-type]
        return self.outcome

    def served(self) -> str:
        """The members that are served."""
        assert self.outcome
        return "".join(m for m, state in self.outcome.states["web"].items() if state.addresses[0].effective == "up")

    def address(self, member: str) -> AddressState:
        assert self.outcome
        return self.outcome.states["web"][member].addresses[0]

    def steps(self, member: str) -> list[str]:
        return [step.name for step in self.address(member).steps]


def intent(kind: type, target: str, **more: object):
    return kind("i1", Target.parse(target), "CHG-7", "ann", 0.0, 1000.0, **more)


def test_a_member_needs_the_required_pool_at_its_site() -> None:
    world = World(replace(WEB, requires=("db",)))
    world.step(1.0, db="down")
    assert world.served() == "b"
    assert world.address("a").steps[0][:2] == ("requires", "down")
    assert world.address("a").reason == "pool db is down at tokyo"
    world.step(2.0, db="up")
    assert world.served() == "ab"


BEHIND = (Member("a", "tokyo", ("203.0.113.1",), checks=(A,)), Member("b", "osaka", ("203.0.113.2",), checks=(B,)))


def test_an_address_is_judged_by_the_one_that_is_probed_for_it() -> None:
    world = World(replace(WEB, members=BEHIND))
    assert world.served() == "ab"
    world.step(1.0, a="down")  # with an outcome before: the pool must be among those that something changed for
    assert (world.served(), world.address("a").address) == ("b", "203.0.113.1")
    assert world.address("a").reason == "web: timeout"
    world.step(2.0, a="up")
    assert world.served() == "ab"


def test_a_required_member_lives_by_what_is_probed_for_it() -> None:
    world = World(replace(WEB, members=(Member("a", "tokyo", (DB,)),), requires=("db",)))
    behind = replace(BASE, members=(Member("a", "tokyo", ("203.0.113.9",), checks=(B,)),))
    world.config = replace(world.config, pools={**world.config.pools, "db": behind})
    world.outcome = None
    assert world.step(1.0, b="down").states["web"]["a"].addresses[0].reason == "pool db is down at tokyo"


def test_voters_outside_agree_on_what_is_probed() -> None:
    world = World(replace(WEB, members=BEHIND))
    witness = {TargetKey("web", address): Observation("down", 1.0) for address in (A, B)}
    world.more = {"ballots": {"w": Ballot("w", "witness", witness)}}
    world.step(1.0, a="down", b="down")
    assert world.served() == "", "blast radius holds nobody whom all voters call down"


def test_a_force_on_the_required_member_counts_and_its_drain_does_not() -> None:
    world = World(replace(WEB, requires=("db",), max_loss=1.0, damping=None))
    world.more = {"drains": (intent(Drain, "pool/db"),)}
    world.step(1.0)
    assert world.address("a").effective == "up"
    world.more = {"forces": (intent(Force, "pool/db", up=False),)}
    world.step(2.0)
    assert world.address("a").effective == "down"
    world.more = {"forces": (intent(Force, "pool/db", up=True),)}
    world.step(3.0, db="down")
    assert world.address("a").effective == "up"


def test_what_waits_is_served_where_nothing_else_lives_but_not_against_an_operator() -> None:
    world = World(replace(WEB, failback=Failback("hold", 60.0)))
    world.step(1.0, a="down")
    world.step(70.0, b="down", a="up")
    assert world.served() == "a"
    assert [step[:2] for step in world.address("a").steps] == [("failback", "down"), ("failback", "up")]
    manual = World(replace(WEB, failback=Failback("manual")))
    manual.step(1.0, a="down")
    manual.step(70.0, b="down", a="up")
    assert manual.served() == ""


def test_a_drained_member_is_no_reason_to_keep_another_waiting() -> None:
    world = World(replace(WEB, failback=Failback("hold", 60.0)))
    world.step(1.0, a="down")
    world.more = {"drains": (intent(Drain, "member/web/b"),)}
    world.step(5.0, a="up")
    assert world.served() == "a"


def test_flapping_is_damped_and_a_steady_failure_is_not_delayed() -> None:
    world = World(replace(WEB, damping=Damping(), max_loss=1.0))
    for second in range(1, 13):
        world.step(10.0 * second, a="down" if second % 2 else "up")
    assert world.served() == "b"
    assert world.steps("a") == ["damping"]
    world.step(200.0, a="up", b="down")  # nothing else lives
    assert world.served() == "a"
    world.step(210.0, a="down")
    assert world.address("a").effective == "down"


def test_blast_radius_holds_and_outside_voters_end_it() -> None:
    world = World()
    world.step(1.0, a="down", b="down")
    assert len(world.served()) == 1
    (held,) = [m for m in "ab" if world.steps(m)]
    assert world.steps(held) == ["blast radius"]
    assert world.outcome
    assert world.outcome.change_at == 61.0
    world.step(61.0)
    assert world.served() == ""
    witness = {TargetKey("web", address): Observation("down", 1.0) for address in (A, B)}
    agreed = World()
    agreed.more = {"ballots": {"w": Ballot("w", "witness", witness)}}
    agreed.step(1.0, a="down", b="down")
    assert agreed.served() == ""


def test_outside_voters_agree_on_what_a_pool_requires() -> None:
    web = replace(WEB, requires=("db",))
    needed = [address for one in BASE.members for address in one.addresses]
    for seen, served in ((needed, ""), (needed[:1], "a"), ([], "a")):
        world = World(web)
        verdicts: dict[str, Verdict] = {**dict.fromkeys((A, B), "up"), **dict.fromkeys(seen, "down")}
        witness = {TargetKey("web", address): Observation(verdict, 1.0) for address, verdict in verdicts.items()}
        world.more = {"ballots": {"w": Ballot("w", "witness", witness)}}
        world.verdicts[needed[1]] = "down"
        world.step(1.0, db="down")
        assert len(world.served()) == len(served), f"a voter who sees {seen} down"


def test_a_hold_freezes_what_health_does() -> None:
    world = World()
    world.more = {"holds": (intent(Hold, "site/tokyo"),)}
    world.step(1.0, a="down")
    assert world.served() == "ab"
    assert world.steps("a") == ["hold"]
    assert world.address("a").observed == "down"
    world.step(1001.0)
    assert world.served() == "b"


def test_what_returns_ramps_up_and_a_cold_start_does_not() -> None:
    world = World(replace(WEB, ramp=60.0, damping=None))
    assert world.outcome
    assert world.outcome.states["web"]["a"].share == 1.0
    world.step(1.0, a="down")
    world.step(10.0, a="up")
    shares = []
    while (at := world.outcome.change_at) is not None:
        shares.append(world.outcome.states["web"]["a"].share)
        world.step(at)
    assert len(shares) >= 10
    assert shares == sorted(shares)
    assert shares[0] < 0.15
    assert world.outcome.states["web"]["a"].share == 1.0


def test_an_operator_has_the_last_word() -> None:
    world = World()
    world.more = {"drains": (intent(Drain, "site/tokyo"),), "forces": (intent(Force, "member/web/a", up=True),)}
    world.step(1.0, a="down")
    assert world.served() == "ab"
    assert world.steps("a") == ["drain", "force"]
    world.more = {"forces": (intent(Force, "member/web/b", up=False),)}
    world.step(2.0)
    assert world.outcome
    assert world.outcome.states["web"]["b"].forced_down
    assert world.address("b").effective == "down"


def test_a_hold_freezes_what_was_and_a_force_and_a_drain_go_over_it() -> None:
    world = World(replace(WEB, max_loss=1.0))
    hold, force = intent(Hold, "pool/web"), intent(Force, "site/tokyo", up=False)
    world.more = {"holds": (hold,)}
    world.step(1.0, a="down", b="down")
    assert world.served() == "ab"
    world.more = {"holds": (hold,), "forces": (force,)}
    world.step(2.0)
    assert (world.served(), world.steps("a")) == ("b", ["hold", "force"])
    world.more = {"holds": (hold,), "drains": (intent(Drain, "site/osaka"),)}
    world.step(3.0)
    assert (world.served(), world.steps("b")) == ("a", ["hold", "drain"])
    world.more = {}
    world.step(4.0, b="up")
    assert world.served() == "b", "the hold is over: health has its say again"


@pytest.mark.parametrize("kind", [Drain, Hold, Force])
def test_what_begins_in_the_future_changes_the_pool_then(kind: type) -> None:
    world = World(replace(WEB, max_loss=1.0, damping=None))
    world.more = {f"{kind.__name__.lower()}s": (intent(kind, "site/tokyo", starts=50.0),)}
    world.step(1.0)
    assert (world.served(), world.steps("a")) == ("ab", [])
    seen, now = [], 1.0
    while now < 50.0:
        assert world.outcome
        assert world.outcome.change_at
        now = world.outcome.change_at
        seen.append(now)
        world.step(now, **({"a": "down"} if kind is Hold and now == 50.0 else {}))
    assert now == 50.0
    assert world.steps("a") == [kind.__name__.lower()]
    assert (world.served() == "ab") == (kind is Hold)
    assert world.outcome
    assert world.outcome.change_at == 1000.0
    world.step(1000.0)
    assert world.steps("a") == []


def test_the_ttl_of_what_is_about_to_be_drained_steps_down() -> None:
    world = World()
    world.more = {"drains": (intent(Drain, "site/tokyo", starts=50.0),)}
    seen, now = {}, 1.0
    while now <= 50.0:
        outcome = world.step(now)
        seen[now] = outcome.states["web"]["a"].ttl
        assert outcome.states["web"]["b"].ttl is None
        now = outcome.change_at or 1e9
    assert seen == {1.0: 40, 9.0: 20, 29.0: 10, 39.0: 5, 50.0: None}


def test_a_drain_for_some_leaves_the_addresses_as_they_are_and_says_so() -> None:
    world = World()
    world.more = {"drains": (intent(Drain, "site/tokyo", percent=10),)}
    world.step(1.0)
    assert world.served() == "ab"
    assert world.steps("a") == ["drain"]
    assert world.address("a").reason.startswith("drained for 10 % of the clients: CHG-7 (drain i1, until ")
    assert world.outcome
    state = world.outcome.states["web"]["a"]
    assert (state.drain, state.percent, state.drained_with) == ("i1", 10, "site/tokyo")
    assert (state.drained, state.drained_in_part) == (False, True)
    world.step(2.0, a="down")
    assert world.served() == "b", "and health has its say as ever"


def test_a_force_up_ends_what_a_drain_does() -> None:
    world = World()
    for percent in (10, 100):
        drains = (intent(Drain, "site/tokyo", percent=percent),)
        world.more = {"drains": drains, "forces": (intent(Force, "member/web/a", up=True),)}
        world.step(1.0 + percent)
        assert world.outcome
        assert (world.outcome.states["web"]["a"].drain, world.served()) == ("", "ab")


def test_an_exclusive_pool_serves_all_clients_by_one() -> None:
    world = World(replace(WEB, exclusive=True, damping=None))
    world.more = {"drains": (intent(Drain, "site/tokyo", percent=10),)}
    world.step(1.0)
    assert world.outcome
    assert (world.served(), world.outcome.states["web"]["a"].drain) == ("a", "")
    assert world.address("a").reason.startswith("not drained, since one member serves all, for 10 % of")


@pytest.mark.parametrize("first", ["a", "b"])
def test_of_an_exclusive_pool_only_one_is_ever_served(first: str) -> None:
    other = {"a": "b", "b": "a"}[first]
    world = World(replace(WEB, exclusive=True, damping=None))
    world.step(1.0, **{other: "down"})  # type: ignore[arg-type]
    world.step(2.0, **{other: "up"})  # type: ignore[arg-type]
    assert world.served() == first
    assert world.steps(other) == ["exclusive"]
    world.step(3.0, **{first: "down"})  # type: ignore[arg-type]
    assert world.served() == other


def test_the_only_one_may_change_twice_within_a_minute() -> None:
    world = World(replace(WEB, exclusive=True, damping=None))
    for now, up, down in ((1.0, "a", "b"), (20.0, "b", "a"), (50.0, "a", "b")):
        world.step(now, **{up: "up", down: "down"})  # type: ignore[arg-type]
        assert world.served() == up, "nothing that is dead is held in the place of what lives"


def test_a_pool_of_local_scope_prefers_the_probers_at_its_site() -> None:
    world = World(replace(WEB, scope="local"))
    world.more = {"local": {TargetKey("web", A): Observation("down", 5.0, "refused")}}
    world.step(1.0)
    assert world.served() == "b"
    world.more = {"local": {TargetKey("web", A): Observation("unknown", 0.0)}}
    world.step(2.0)
    assert world.served() == "ab"


def test_what_was_let_in_within_its_window_stays_when_that_closes() -> None:
    window = Window(tuple(range(7)), 0, 10, "UTC")
    world = World(replace(WEB, failback=Failback("window", window=window), max_loss=1.0))
    world.step(1.0, a="down", b="down")
    for at in (2.0, 4.0):
        world.step(at, a="up")
        world.step(at + 1, a="down")
    world.step(6.0, a="up")
    assert world.steps("a") == ["damping", "damping"], "suppressed, but nothing else lives"
    world.step(601.0)
    assert world.served() == "a"


def test_the_only_one_stays_though_it_was_let_in_early() -> None:
    world = World(replace(WEB, exclusive=True))
    world.step(1.0, a="down", b="down")
    for at in (2.0, 4.0):
        world.step(at, a="up")
        world.step(at + 1, a="down")
    world.step(6.0, a="up")
    assert world.served() == "a", "suppressed, but nothing else lives"
    world.step(7.0, b="up")
    assert world.served() == "a", "the other does not take over from one that stands"


def test_the_only_one_is_served_in_both_families() -> None:
    """What waits of it is not kept out for the sake of another, which is not served."""
    six = "2001:db8::1"
    members = (replace(WEB.members[0], addresses=(A, six)), WEB.members[1])
    world = World(replace(WEB, members=members, exclusive=True, failback=Failback("hold", 60.0)))
    world.verdicts[six] = "up"
    world.step(1.0)
    world.step(2.0, a="down")
    world.step(3.0, a="up")
    assert world.served() == "a"


@pytest.mark.parametrize("said", ["up", "down"])
def test_what_the_probers_at_a_site_said_once_is_no_verdict_of_theirs(said: Verdict) -> None:
    """They are blind, gone, or at odds: the verdict of all probers decides."""
    world = World(replace(WEB, scope="local"))
    world.more = {"local": {TargetKey("web", A): Observation(said, 5.0, no_quorum=True)}}
    world.step(1.0, a="down" if said == "up" else "up")
    assert world.served() == ("b" if said == "up" else "ab")


def test_calm_shows_only_where_a_ttl_depends_on_it() -> None:
    belief = {TargetKey("web", A): Observation("up", 1.0, "timeout", calm=False)}
    for ranged in (frozenset(), frozenset({"web"})):
        outcome = effective(World().config, Inputs(belief, ranged=ranged), 1.0)
        assert outcome.states["web"]["a"].addresses[0].calm is not bool(ranged)


def test_no_quorum_shows() -> None:
    belief = {TargetKey("web", A): Observation("up", 1.0, no_quorum=True)}
    outcome = effective(World().config, Inputs(belief), 1.0)
    assert outcome.states["web"]["a"].addresses[0].reason == "(no quorum)"
