"""How often one address may ask."""

import pytest

from gslb.api.pace import CLIENTS, Pace, Rate
from gslb.errors import TooManyRequestsError


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    pace = Pace(Rate(2, 3), clock)
    for _ in range(3):
        pace.take("a")
    with pytest.raises(TooManyRequestsError) as caught:
        pace.take("a")
    assert caught.value.retry_after == 1
    pace.take("b")
    clock.now = 0.5
    pace.take("a")
    with pytest.raises(TooManyRequestsError):
        pace.take("a")
    clock.now = 100.0
    for _ in range(3):
        pace.take("a")
    with pytest.raises(TooManyRequestsError):
        pace.take("a")


def test_what_is_refused_does_not_prolong_it() -> None:
    clock = Clock()
    pace = Pace(Rate(1, 1), clock)
    pace.take("a")
    for step in range(9):
        clock.now = step / 10
        with pytest.raises(TooManyRequestsError):
            pace.take("a")
    clock.now = 1.01
    pace.take("a")


def test_the_table_is_bounded() -> None:
    pace = Pace(Rate(1, 1), Clock())
    for number in range(2 * CLIENTS):
        pace.take(str(number))
    pace.take("0")  # forgotten long ago
    with pytest.raises(TooManyRequestsError):
        pace.take(str(2 * CLIENTS - 1))
