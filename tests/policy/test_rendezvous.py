"""Weighted rendezvous: shares follow weights, and the function never changes."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from gslb.policy.rendezvous import closeness


@given(st.integers(0, 2**64 - 1), st.integers(1, 10**6))
def test_it_is_minus_log2_over_weight(digest: int, weight: int) -> None:
    exact = -math.log2((digest + 1) / 2**64) * 2**44 / weight
    assert abs(closeness(digest, weight) - exact) <= 2**44 * 2e-6 / weight + exact * 1e-9 + 1


@given(st.integers(0, 2**64 - 2), st.integers(1, 1000))
def test_a_higher_digest_is_never_farther(digest: int, weight: int) -> None:
    assert closeness(digest + 1, weight) <= closeness(digest, weight)


def test_the_ends_of_the_range() -> None:
    assert closeness(2**64 - 1, 1) == 0
    assert closeness(0, 1) == 64 << 44


def test_known_values_never_change() -> None:
    """A change here would move clients between sites on every node that upgrades: see the module's docstring."""
    assert [closeness(digest, weight) for digest, weight in ((2**63, 1), (123456789, 60), (2**64 - 12345, 7))] == KNOWN


KNOWN = [17592186044416, 10883865964270, 149796]


def test_shares_follow_weights() -> None:
    rng = random.Random(7)
    wins = 0
    for _ in range(20_000):
        wins += closeness(rng.getrandbits(64), 60) < closeness(rng.getrandbits(64), 40)
    assert abs(wins / 20_000 - 0.6) < 0.012
