"""What a state rests on: votes and steps."""

from gslb.config.model import Member, MonitorSet, Pool
from gslb.control.evidence import evidence_lines, monitors_view, probers_view, steps_view
from gslb.health.states import AddressState, Observation, Step, TargetKey
from gslb.health.votes import Ballot

KEY = TargetKey("web", "192.0.2.1")
POOL = Pool("web", (Member("a", "tokyo", (KEY.address,)),), MonitorSet(("web",), 1))
DOWN, UP = Observation("down", 5.0, "timeout", calm=False), Observation("up", 1.0)
BALLOTS = {
    "tokyo-1": Ballot("tokyo-1", "tokyo", {KEY: UP}),
    "osaka-1": Ballot("osaka-1", "osaka", {KEY: DOWN}),
    "blind-1": Ballot("blind-1", "nara", {}, "cut off"),
}
KEPT = Observation("up", 1.0, no_quorum=True)


def test_who_voted_what_when_and_why() -> None:
    (monitor,) = monitors_view(POOL, KEY.address, {KEY: KEPT}, BALLOTS)
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


def test_lines_tell_votes_and_steps() -> None:
    steps = (Step("failback", "down", "up for 3 s of 60 s"), Step("failback", "up", "ignored: nothing else lives"))
    state = AddressState(KEY.address, "up", "up", "", steps)
    view = {"steps": steps_view(state), "monitors": monitors_view(POOL, KEY.address, {KEY: KEPT}, BALLOTS)}
    assert [line.strip() for line in evidence_lines(view)] == [
        "votes by web: osaka-1 down, tokyo-1 up; no quorum, what was believed before is kept",
        "failback: down, up for 3 s of 60 s",
        "failback: up, ignored: nothing else lives",
    ]


def test_one_voter_and_one_step_are_told_by_the_line_of_the_address() -> None:
    ballots = {"tokyo-1": BALLOTS["tokyo-1"]}
    view = {"steps": [], "monitors": monitors_view(POOL, KEY.address, {KEY: UP}, ballots)}
    assert not list(evidence_lines(view))
