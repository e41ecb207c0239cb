"""A fake clock."""

from gslb.server.backoff import Backoff


def test_the_first_death_costs_nothing() -> None:
    backoff = Backoff()
    backoff.died(0.1, 100.0)
    assert backoff.ready(100.0)


def test_quick_deaths_in_a_row_wait_longer_and_longer() -> None:
    backoff = Backoff()
    waits = []
    for _ in range(10):
        backoff.died(0.1, 100.0)
        waits.append(next(w for w in (0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0) if backoff.ready(100.0 + w)))
    assert waits == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_a_long_life_starts_over() -> None:
    backoff = Backoff()
    for age in (0.1, 0.1, 0.1, 60.0):
        backoff.died(age, 100.0)
    backoff.died(0.1, 200.0)
    assert backoff.ready(200.0)
