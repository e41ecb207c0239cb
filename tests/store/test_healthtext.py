"""The health snapshot as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.health.memory import Past, PoolPast
from gslb.health.states import Observation, TargetKey
from gslb.store.healthtext import dump, load

VERDICTS = st.sampled_from(("up", "down", "unknown"))
BELIEFS = st.dictionaries(
    st.builds(TargetKey, st.text(), st.text()), st.builds(Observation, VERDICTS, st.floats(0, 1e10), st.text())
)


@given(BELIEFS)
def test_belief_comes_back(belief: dict[TargetKey, Observation]) -> None:
    assert load(dump(belief, {})) == (belief, {})


def test_of_the_memory_what_makes_a_difference_comes_back() -> None:
    waits = Past("down", 5.0, "down", 1.0, waiting=True)
    damped = Past("up", 6.0, "down", 3.5, suppressed=True)
    held = Past("down", 7.0, "up")
    memory = {
        "web": PoolPast({("tokyo", "192.0.2.1"): waits, ("osaka", "192.0.2.2"): Past("up", 1.0, "up")}),
        "db": PoolPast({("a", "192.0.2.3"): damped}, only="a"),
        "held": PoolPast({("a", "192.0.2.5"): held}),
        "calm": PoolPast({("a", "192.0.2.4"): Past("up", 1.0, "up")}),
    }
    assert load(dump({}, memory))[1] == {
        "web": PoolPast({("tokyo", "192.0.2.1"): waits}),
        "db": PoolPast({("a", "192.0.2.3"): damped}, only="a"),
        "held": PoolPast({("a", "192.0.2.5"): held}),
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"belief": [], "waiting": []}',
        '{"belief": [["m", "a", "sideways", 1, ""]], "waiting": [], "only": {}}',
    ],
)
def test_what_is_something_else_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        load(text)
