"""Ballots and what is read from them."""

from gslb.config.model import MonitorSet, Pool
from gslb.health.states import Observation, TargetKey
from gslb.health.votes import Ballot, calls_down, told, voters, votes_on

KEY, OTHER = TargetKey("web", "192.0.2.1"), TargetKey("web", "192.0.2.2")
DOWN, UP = Observation("down", 1.0, "timeout"), Observation("up", 2.0)
BALLOTS = {
    "osaka-1": Ballot("osaka-1", "osaka", {KEY: UP}),
    "blind-1": Ballot("blind-1", "tokyo", {}, "2 of 2 references fail"),
    "kyoto-1": Ballot("kyoto-1", "kyoto", {OTHER: UP}),
    "tokyo-1": Ballot("tokyo-1", "tokyo", {KEY: DOWN}),
}


def test_votes_on_a_target_come_from_those_who_see_and_probe_it() -> None:
    assert [(vote.prober, vote.seen) for vote in votes_on(KEY, BALLOTS)] == [("osaka-1", UP), ("tokyo-1", DOWN)]


def test_who_is_blind_is_no_voter() -> None:
    assert [ballot.prober for ballot in voters(BALLOTS)] == ["osaka-1", "kyoto-1", "tokyo-1"]


def test_votes_in_a_line() -> None:
    assert told(votes_on(KEY, BALLOTS)) == "osaka-1 up, tokyo-1 down (timeout)"


def test_a_voter_calls_an_address_down_by_all_monitors_of_the_pool() -> None:
    ballot = Ballot("tokyo-1", "tokyo", {KEY: DOWN, TargetKey("tcp", KEY.address): UP})
    needs = {count: Pool("web", (), MonitorSet(("web", "tcp"), count)) for count in (1, 2)}
    assert calls_down(ballot, needs[2], KEY.address)
    assert not calls_down(ballot, needs[1], KEY.address), "one that passes is enough"
    assert not calls_down(ballot, needs[2], OTHER.address), "who has no verdict says nothing"
    assert not calls_down(ballot, Pool("web", ()), KEY.address), "nothing is probed"
