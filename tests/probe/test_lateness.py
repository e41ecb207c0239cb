"""The histogram of lateness."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.probe.lateness import BOUNDS, Lateness


def test_nothing_noted() -> None:
    assert Lateness().cumulative() == [0] * (len(BOUNDS) + 1)
    assert Lateness().worst == Lateness().total == 0


@given(st.lists(st.one_of(st.sampled_from(BOUNDS), st.floats(-0.001, 10))))
def test_each_bound_counts_those_at_most_as_late(seconds: list[float]) -> None:
    lateness = Lateness()
    for late in seconds:
        lateness.note(late)
    assert lateness.cumulative() == [*(sum(late <= bound for late in seconds) for bound in BOUNDS), len(seconds)]
    assert lateness.worst == max((0.0, *seconds))
    assert lateness.total == pytest.approx(sum(late for late in seconds if late > 0))
