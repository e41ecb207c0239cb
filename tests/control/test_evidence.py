"""What a state rests on: votes and steps."""

import pytest

from gslb.config.model import Member, MonitorSet, Pool
from gslb.control.evidence import Json, evidence, evidence_lines, moment, probers_view
from gslb.health.states import AddressState, Belief, Observation, Step, TargetKey, Verdict
from gslb.health.votes import Ballot, Ballots

KEY = TargetKey("web", "192.0.2.1")
POOL = Pool("web", (Member("a", "tokyo", (KEY.address,)),), MonitorSet(("web",), 1))
DOWN, UP = Observation("down", 5.0, "timeout", calm=False), Observation("up", 1.0)
BALLOTS = {
    "tokyo-1": Ballot("tokyo-1", "tokyo", {KEY: UP}),
    "osaka-1": Ballot("osaka-1", "osaka", {KEY: DOWN}),
    "blind-1": Ballot("blind-1", "nara", {}, "cut off"),
}
KEPT = Observation("up", 1.0, no_quorum=True)


STATE = AddressState(KEY.address, "up", "up")
NOW = 86_400.0


def test_who_voted_what_when_and_why() -> None:
    (monitor,) = evidence(POOL, STATE, KEY.address, {KEY: KEPT}, BALLOTS)["monitors"]
    assert (monitor["name"], monitor["verdict"], monitor["since"], monitor["quorum"]) == ("web", "up", 1.0, False)
    assert monitor["votes"][0] == {
        "prober": "osaka-1",
        "site": "osaka",
        "verdict": "down",
        "since": 5.0,
        "reason": "timeout",
    }
    assert [vote["prober"] for vote in monitor["votes"]] == ["osaka-1", "tokyo-1"]


def test_who_is_blind() -> None:
    assert probers_view(BALLOTS)[0] == {"name": "blind-1", "site": "nara", "blind": "cut off"}


def told(state: AddressState, belief: Belief, ballots: Ballots, pool: Pool = POOL) -> list[str]:
    return list(evidence_lines(evidence(pool, state, state.address, belief, ballots), NOW))


def test_lines_tell_what_was_observed_then_votes_then_steps() -> None:
    steps = (Step("failback", "down", "waits"), Step("failback", "up", "ignored: nothing else lives"))
    votes = "osaka-1 down since 1970-01-01 00:00:05Z (timeout), tokyo-1 up since 1970-01-01 00:00:01Z"
    assert told(AddressState(KEY.address, "up", "up", "", steps), {KEY: KEPT}, BALLOTS) == [
        "observed: up since 1970-01-01 00:00:01Z",
        f"votes by web: {votes}; no quorum, what was believed before is kept; believed: up",
        "failback: down, waits",
        "failback: up, ignored: nothing else lives",
    ]


def test_one_voter_and_one_step_are_told_too() -> None:
    at = NOW + 3661
    down = Observation("down", at, "timeout: connecting", calm=False)
    ballots = {"tokyo-1": Ballot("tokyo-1", "tokyo", {KEY: down})}
    reason = "drained: CHG-1; web: timeout: connecting"
    state = AddressState(KEY.address, "down", "down", reason, (Step("drain", "down", "drained: CHG-1"),))
    assert told(state, {KEY: down}, ballots) == [
        "observed: down since 01:01:01Z, web: timeout: connecting",
        "votes by web: tokyo-1 down since 01:01:01Z (timeout: connecting)",
        "drain: down, drained: CHG-1",
    ]


def test_what_is_plainly_up_or_down_has_its_observation_for_a_step() -> None:
    state = AddressState(KEY.address, "down", "down", "web: timeout")
    assert evidence(POOL, state, KEY.address, {KEY: DOWN}, BALLOTS)["steps"] == [
        {"step": "observed", "verdict": "down", "since": 5.0, "why": "web: timeout"}
    ]


def test_where_nobody_looked_or_has_a_verdict_no_time_is_told() -> None:
    bare = Pool("bare", POOL.members)
    assert told(STATE, {}, {}, bare) == ["observed: up, the pool has no monitors"]
    unknown = AddressState(KEY.address, "unknown", "unknown", "no result yet from web")
    fresh = {"tokyo-1": Ballot("tokyo-1", "tokyo", {KEY: Observation("unknown", 0.0)})}
    assert told(unknown, {}, fresh) == [
        "observed: unknown, no result yet from web",
        "votes by web: tokyo-1 unknown",
    ]
    assert told(unknown, {}, {})[1] == "votes by web: none"


@pytest.mark.parametrize(
    ("at_least", "verdicts", "observed", "since"),
    [
        (3, "up up up", "up", 3.0),  # all: the last to come up
        (1, "up up up", "up", 1.0),  # any: the first
        (2, "up down up", "up", 3.0),
        (3, "up down down", "down", 2.0),
        (1, "down down down", "down", 3.0),
        (2, "down up down", "down", 3.0),
        (2, "up up up", "down", None),  # believed otherwise since it was published
    ],
)
def test_what_several_monitors_say_holds_since_enough_of_them_say_so(
    at_least: int, verdicts: str, observed: Verdict, since: float | None
) -> None:
    found: dict[str, Verdict] = {"up": "up", "down": "down"}
    keys = [TargetKey(name, KEY.address) for name in ("a", "b", "c")]
    belief = {
        key: Observation(found[v], at) for at, key, v in zip((1.0, 2.0, 3.0), keys, verdicts.split(), strict=True)
    }
    pool = Pool("web", POOL.members, MonitorSet(("a", "b", "c"), at_least))
    view: Json = evidence(pool, AddressState(KEY.address, observed, observed), KEY.address, belief, {})
    assert view["steps"][0]["since"] == since
    lines = list(evidence_lines(view, NOW))
    assert [line.split("; ")[-1] for line in lines[1:]] == [f"believed: {v}" for v in verdicts.split()]


def test_a_moment_of_today_has_no_date() -> None:
    assert moment(NOW + 1, NOW + 50_000) == "00:00:01Z"
    assert moment(NOW - 1, NOW + 50_000) == "1970-01-01 23:59:59Z"
    assert moment(NOW + 1) == "1970-01-02 00:00:01Z"
