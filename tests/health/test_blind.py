"""A prober that is cut off knows it."""

import pytest

from gslb.config.model import Monitor
from gslb.health.blind import Doubt, blindness, recovery, trusted
from gslb.health.states import Observation, TargetKey, Verdict


def world(**sites: str) -> tuple[dict[TargetKey, Observation], dict[TargetKey, str]]:
    """A target for each letter: u up, d down, ? not known."""
    verdicts: dict[TargetKey, Observation] = {}
    places: dict[TargetKey, str] = {}
    names: dict[str, Verdict] = {"u": "up", "d": "down", "?": "unknown"}
    for site, letters in sites.items():
        for number, letter in enumerate(letters):
            key = TargetKey("web", f"{site}-{number}")
            verdicts[key], places[key] = Observation(names[letter], 1.0), site
    return verdicts, places


@pytest.mark.parametrize(
    ("references", "blind"),
    [(("down", "down"), True), (("down", "up"), False), (("down", "down", "up"), True), (("up",), False)],
)
def test_more_than_half_of_the_references(references: tuple[Verdict, ...], blind: bool) -> None:
    assert bool(blindness([[one] for one in references], *world(a="u", b="u"), "a")) is blind


def test_a_dead_site_is_one_failure_however_many_references_it_had() -> None:
    sites = world(a="d", b="u")
    assert not blindness([["down", "down"], ["up"]], *sites, "b")
    assert not blindness([["down", "unknown"], ["up", "up"]], *sites, "b")
    assert blindness([["down", "down"], ["down"]], *sites, "b") == "2 of 2 references fail"


def test_a_lone_group_may_be_dead_itself() -> None:
    assert not blindness([["down", "down"]], *world(a="d", b="u"), "b", chosen=False)
    assert blindness([["down"]], *world(a="d", b="d"), "b", chosen=False) == "every target at all 2 sites fails"
    assert not blindness([["down", "up"]], *world(a="d", b="d"), "b", chosen=False)
    assert blindness([["down"]], *world(a="d", b="u"), "b", chosen=True) == "1 of 1 references fail"


@pytest.mark.parametrize(
    ("sites", "blind"),
    [
        ({"a": "dd", "b": "d"}, "every target at all 2 sites fails"),
        ({"a": "dd", "b": "du"}, ""),
        ({"a": "dd"}, ""),  # one site alone may just be dead
        ({"a": "dd", "b": "?"}, ""),
        ({"a": "u", "b": "d", "c": "d"}, ""),
        ({"a": "u", "b": "d", "c": "d", "d": "u"}, "2 of 3 other sites fail"),
        ({"a": "u", "b": "d", "c": "u", "d": "u"}, ""),
    ],
)
def test_without_references_it_shows_in_the_sites(sites: dict[str, str], blind: str) -> None:
    assert blindness((), *world(**sites), "a") == blind


def test_references_that_answer_settle_it() -> None:
    assert not blindness([["up"], ["up"]], *world(a="d", b="d"), "a")


def test_before_the_first_results_nobody_is_blind() -> None:
    assert not blindness([["unknown"], ["unknown"]], *world(a="?", b="?"), "a")


def test_references_without_a_verdict_settle_nothing() -> None:
    seen = {TargetKey("web", "192.0.2.1"): Observation("down", 1.0), TargetKey("web", "192.0.2.2"): DOWN}
    sites = dict(zip(seen, ("tokyo", "osaka"), strict=True))
    assert blindness([["unknown", "unknown"]], seen, sites, "tokyo")
    assert not blindness([["up"], ["unknown"]], seen, sites, "tokyo")


DOWN = Observation("down", 105.0, "timeout")
MONITOR = Monitor("web", interval=5.0, timeout=2.0, rise=5)
BLIND_TIME = Doubt(100.0, 160.0)


def test_what_was_found_in_the_dark_is_no_vote_until_a_live_target_would_be_up_again() -> None:
    dark, before, up = (TargetKey("web", f"192.0.2.{n}") for n in range(3))
    gone = TargetKey("gone", "192.0.2.9")
    verdicts = {dark: DOWN, before: Observation("down", 99.0), up: Observation("up", 120.0), gone: DOWN}
    again = BLIND_TIME.ended + recovery(MONITOR)
    assert MONITOR.detection < recovery(MONITOR)
    assert set(trusted(verdicts, {"web": MONITOR}, BLIND_TIME, 160.0)) == {before, up, gone}
    assert dark not in trusted(verdicts, {"web": MONITOR}, BLIND_TIME, again - 0.1)
    assert trusted(verdicts, {"web": MONITOR}, BLIND_TIME, again) == verdicts
    assert again - 160.0 >= MONITOR.rise * MONITOR.interval + MONITOR.timeout


def test_what_dies_after_the_dark_is_a_vote_at_once() -> None:
    key = TargetKey("web", "192.0.2.1")
    seen = BLIND_TIME.ended + MONITOR.detection
    for since, votes in ((seen - 0.1, False), (seen, True)):
        verdicts = {key: Observation("down", since)}
        assert bool(trusted(verdicts, {"web": MONITOR}, BLIND_TIME, seen + 1)) is votes
