"""A prober that is cut off knows it."""

import pytest

from gslb.health.blind import blindness
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
    assert bool(blindness(references, *world(a="u", b="u"), "a")) is blind


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
    assert not blindness(("up", "up"), *world(a="d", b="d"), "a")


def test_before_the_first_results_nobody_is_blind() -> None:
    assert not blindness(("unknown", "unknown"), *world(a="?", b="?"), "a")
