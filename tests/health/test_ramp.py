"""What returns begins with a tenth of its weight."""

from hypothesis import given
from hypothesis import strategies as st

from gslb.health.ramp import FIRST, ramped


@given(st.floats(1, 3600), st.floats(0, 1.5))
def test_the_share_follows_its_line_within_three_points(ramp: float, part: float) -> None:
    share, again = ramped(100.0, ramp, 100.0 + part * ramp)
    assert abs(share - min(FIRST + (1 - FIRST) * part, 1.0)) <= 0.03
    assert (again is None) == (share == 1.0)


def test_it_has_at_least_ten_steps_and_ends() -> None:
    now, shares = 0.0, []
    while True:
        share, again = ramped(0.0, 60.0, now)
        shares.append(share)
        if again is None:
            break
        assert again > now
        now = again
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert (now, shares[-1]) == (60.0, 1.0)


def test_a_clock_that_was_set_back_does_not_go_below_the_first_step() -> None:
    assert ramped(100.0, 60.0, 90.0).share == ramped(100.0, 60.0, 100.0).share
