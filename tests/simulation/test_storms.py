"""Storms: everything that can go wrong, in turn and at once, with every check of checks.py watching."""

import time
from collections import Counter

import pytest

from tests.simulation.storm import operated, storm

pytestmark = pytest.mark.no_cover  # measuring coverage would treble its time, and other tests cover the same lines


def test_storms() -> None:
    begun = time.perf_counter()
    stories = [storm(seed, 3.0) for seed in range(50)]
    hours, seconds = sum(one.hours for one in stories), time.perf_counter() - begun
    print(f"{hours:,.0f} simulated hours, {hours / seconds * 60:,.0f} a minute")
    assert sum(one.deaths for one in stories) >= 10
    assert hours / seconds * 60 >= 100


def test_storms_in_which_operators_have_their_say() -> None:
    seen: Counter[str] = Counter()
    for seed in range(40):
        seen.update(operated(seed, 1.0))
    print(dict(seen))
    assert min(seen[what] for what in ("drained", "held", "forced", "stepped")) > 1000


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_ten_thousand_hours_of_storms() -> None:
    begun = time.perf_counter()
    stories = [storm(seed, 10.0) for seed in range(1000, 2000)]
    hours, seconds = sum(one.hours for one in stories), time.perf_counter() - begun
    deaths, probes = sum(one.deaths for one in stories), sum(one.probes for one in stories)
    print(f"{hours:,.0f} simulated hours, {hours / seconds * 60:,.0f} a minute, {probes:,} probes")
    print(f"{deaths} deaths, the slowest at {max(one.worst for one in stories):.1%} of its bound")
    assert hours >= 10_000
    assert deaths >= 500
