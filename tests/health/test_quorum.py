"""The majority decides, and where there is none, nothing moves."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import Monitor
from gslb.health.quorum import believe, decide
from gslb.health.states import UNKNOWN, Observation, TargetKey, Verdict
from gslb.health.votes import Ballot, Vote

KEY = TargetKey("web", "192.0.2.1")
SITES = {KEY: "tokyo"}
VERDICTS: tuple[Verdict, ...] = ("up", "down", "unknown")
BEFORE = Observation("up", 1.0)


def vote(number: int, verdict: Verdict, site: str = "") -> Vote:
    return Vote(f"prober-{number}", site or f"site-{number}", Observation(verdict, 10.0 + number, "timeout"))


def monitor(min_votes: int = 1, *, self_vote: bool = True) -> Monitor:
    return Monitor("web", min_votes=min_votes, self_vote=self_vote)


def ballot(name: str, verdict: Verdict | None, site: str = "osaka", blind: str = "") -> Ballot:
    seen = {} if verdict is None else {KEY: Observation(verdict, 10.0)}
    return Ballot(name, site, seen, blind)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("min_votes", [1, 2])
def test_a_strict_majority_of_enough_voters_decides_and_nothing_else(count: int, min_votes: int) -> None:
    for verdicts in product(VERDICTS, repeat=count):
        for before in (UNKNOWN, BEFORE, Observation("down", 1.0, "refused")):
            found = decide(monitor(min_votes), "tokyo", [vote(n, v) for n, v in enumerate(verdicts)], before)
            wanted = next((v for v in ("up", "down") if 2 * verdicts.count(v) > count and count >= min_votes), None)
            if wanted:
                assert (found.verdict, found.no_quorum) == (wanted, False)
            else:
                assert found.verdict == before.verdict
                assert found.no_quorum == (before.verdict != "unknown" or set(verdicts) != {"unknown"})


def test_no_votes_move_nothing() -> None:
    kept = decide(monitor(), "tokyo", [], BEFORE)
    assert (kept.verdict, kept.since, kept.no_quorum) == ("up", 1.0, True)
    assert decide(monitor(), "tokyo", [], kept) is kept


def test_a_tie_of_two_keeps_and_the_survivor_decides() -> None:
    tie = {"a": ballot("a", "up"), "b": ballot("b", "down")}
    assert believe({"web": monitor()}, SITES, tie, {KEY: BEFORE})[KEY].verdict == "up"
    assert believe({"web": monitor()}, SITES, {"b": tie["b"]}, {KEY: BEFORE})[KEY].verdict == "down"


def test_of_three_a_site_cannot_save_itself() -> None:
    ballots = {n: ballot(n, v) for n, v in (("tokyo-1", "up"), ("osaka-1", "down"), ("witness-1", "down"))}
    assert believe({"web": monitor(2)}, SITES, ballots, {KEY: BEFORE})[KEY].verdict == "down"


def test_one_of_three_alone_decides_nothing() -> None:
    found = believe({"web": monitor(2)}, SITES, {"a": ballot("a", "down")}, {KEY: BEFORE})[KEY]
    assert (found.verdict, found.no_quorum) == ("up", True)


def test_the_blind_do_not_vote() -> None:
    ballots = {"a": ballot("a", None, blind="cut off"), "b": ballot("b", "up")}
    assert believe({"web": monitor()}, SITES, ballots, {})[KEY].verdict == "up"
    everyone = {"a": ballot("a", None, blind="cut off")}
    assert believe({"web": monitor()}, SITES, everyone, {KEY: BEFORE})[KEY].verdict == "up"


def test_without_self_vote_the_own_site_does_not_count() -> None:
    votes = [vote(1, "up", "tokyo"), vote(2, "down", "osaka")]
    assert decide(monitor(self_vote=False), "tokyo", votes, BEFORE).verdict == "down"
    alone = {"a": ballot("a", "down", "tokyo")}
    assert believe({"web": monitor(self_vote=False)}, SITES, alone, {KEY: BEFORE})[KEY].verdict == "up"


def test_since_is_when_the_majority_was_reached_and_stays() -> None:
    votes = [vote(1, "down"), vote(2, "down"), vote(3, "up")]
    found = decide(monitor(), "tokyo", votes, BEFORE)
    assert found.since == 12.0
    assert found.reason == "prober-1 down (timeout), prober-2 down (timeout), prober-3 up (timeout)"
    assert decide(monitor(), "tokyo", [*votes[:2], vote(3, "down")], found).since == 12.0


@given(st.lists(st.sampled_from(VERDICTS), max_size=5), st.integers(1, 3))
def test_what_did_not_change_is_the_same_object(verdicts: list[Verdict], min_votes: int) -> None:
    ballots = {str(n): ballot(str(n), v) for n, v in enumerate(verdicts)}
    first = believe({"web": monitor(min_votes)}, SITES, ballots, {})
    again = believe({"web": monitor(min_votes)}, SITES, ballots, first)
    assert again[KEY] is first[KEY]


def test_without_self_vote_the_survivor_decides_about_the_other_site() -> None:
    alone = {"a": ballot("a", "down", "osaka")}
    assert believe({"web": monitor(self_vote=False)}, SITES, alone, {KEY: BEFORE})[KEY].verdict == "down"


def test_what_is_kept_is_calm_no_longer_than_its_voters() -> None:
    uneasy = Vote("b", "osaka", Observation("down", 2.0, "timeout", calm=False))
    kept = decide(monitor(), "tokyo", [vote(1, "up"), uneasy], BEFORE)
    assert (kept.verdict, kept.calm, kept.no_quorum) == ("up", False, True)
    assert decide(monitor(), "tokyo", [vote(1, "up"), uneasy], kept) is kept


def test_one_voter_left_of_two_that_are_needed_is_no_quorum_though_it_says_what_is_believed() -> None:
    seen = ballot("prober-1", "up")
    found = believe(
        {"web": monitor(2)}, SITES, {"prober-1": seen, "prober-2": ballot("prober-2", None, blind="cut")}, seen.verdicts
    )
    assert found[KEY] == replace(seen.verdicts[KEY], no_quorum=True)
