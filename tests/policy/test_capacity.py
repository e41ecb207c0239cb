"""capacity: what spreading the load promises, and the draw that it becomes."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import Member, Pool
from gslb.policy.candidates import Candidate
from gslb.policy.capacity import capacity, spread
from gslb.policy.nodes import Answer, Choice, Sample

LOADS = st.floats(0.001, 1e6) | st.integers(1, 1000).map(float)
LIMITS = st.none() | st.floats(0, 1e6) | st.integers(0, 300).map(float)
SITES = st.lists(st.tuples(st.integers(0, 1000), LIMITS), min_size=1, max_size=8)


@given(LOADS, SITES)
def test_the_sum_is_kept_and_no_part_is_negative(load: float, sites: list[tuple[int, float | None]]) -> None:
    parts = spread(load, *zip(*sites, strict=True))
    assert sum(parts) == Fraction(load)
    assert all(part >= 0 for part in parts)


@given(LOADS, SITES)
def test_no_site_is_over_its_capacity_while_another_has_room(
    load: float, sites: list[tuple[int, float | None]]
) -> None:
    parts = spread(load, *zip(*sites, strict=True))
    pairs = [(part, limit) for part, (_, limit) in zip(parts, sites, strict=True)]
    if any(limit is not None and part > Fraction(limit) for part, limit in pairs):
        assert all(limit is not None and part >= Fraction(limit) for part, limit in pairs)


@given(LOADS, LOADS, SITES)
def test_more_load_takes_nothing_from_any_site(one: float, other: float, sites: list[tuple[int, float | None]]) -> None:
    weights, limits = zip(*sites, strict=True)
    low, high = (spread(load, weights, limits) for load in sorted((one, other)))
    assert all(less <= more for less, more in zip(low, high, strict=True))


@given(LOADS, SITES)
def test_equal_inputs_give_equal_parts_wherever_a_site_stands(
    load: float, sites: list[tuple[int, float | None]]
) -> None:
    forward = spread(load, *zip(*sites, strict=True))
    backward = spread(load, *zip(*reversed(sites), strict=True))
    assert forward == list(reversed(backward))


@pytest.mark.parametrize(
    ("load", "weights", "limits", "parts"),
    [
        (100, (60, 40), (100, 100), (60, 40)),
        (100, (60, 40), (50, 100), (50, 50)),
        (100, (50, 30, 20), (30, 40, 40), (30, Fraction(110, 3), Fraction(100, 3))),  # 20 over headrooms 10 and 20
        (100, (60, 40), (30, None), (30, 70)),
        (100, (60, 30, 10), (20, None, None), (20, 60, 20)),
        (100, (60, 0), (70, 100), (70, 30)),
        (300, (60, 40), (100, 50), (200, 100)),
        (90, (1, 2), (0, 0), (30, 60)),
        (100, (1, 0, 0), (40, None, None), (40, 30, 30)),
        (100, (0, 0), (None, None), (50, 50)),
    ],
)
def test_examples(
    load: float, weights: tuple[int, ...], limits: tuple[float | None, ...], parts: tuple[int | Fraction, ...]
) -> None:
    assert spread(load, weights, limits) == list(parts)


MEMBERS = (
    Member("t1", "tokyo", ("192.0.2.1",), 3),
    Member("t2", "tokyo", ("192.0.2.2",), 1),
    Member("o1", "osaka", ("198.51.100.1",), 4),
    Member("o2", "osaka", ("198.51.100.2",), 0),
)


def candidates(*places: int) -> list[Candidate]:
    return [Candidate(at, MEMBERS[at].name, MEMBERS[at].weight, 0, (b"%d" % at,)) for at in places]


def pool(load: float = 100.0, answers: int = 1) -> Pool:
    limits = (("tokyo", 40.0), ("osaka", 80.0))
    return Pool("web", MEMBERS, policy="capacity", answers=answers, load=load, capacities=limits)


def shares(node: object) -> list[float]:
    assert isinstance(node, Choice)
    return [weight / node.total for weight in node.weights]


def test_members_of_a_site_share_its_part_by_weight() -> None:
    assert shares(capacity(pool(), candidates(0, 1, 2, 3), -1)) == pytest.approx([0.3, 0.1, 0.6])
    assert shares(capacity(pool(60.0), candidates(0, 1, 2, 3), -1)) == pytest.approx([3 / 8, 1 / 8, 1 / 2])


def test_without_a_load_the_weights_decide() -> None:
    assert shares(capacity(pool(0.0), candidates(0, 2), -1)) == pytest.approx([3 / 7, 4 / 7])


def test_a_standby_that_is_alone_at_its_site_takes_what_is_beyond_the_others() -> None:
    assert shares(capacity(pool(50.0), candidates(0, 3), -1)) == pytest.approx([0.8, 0.2])


def test_one_live_member_needs_no_draw_and_several_answers_are_a_sample() -> None:
    assert isinstance(capacity(pool(), candidates(2), -1), Answer)
    node = capacity(pool(answers=2), candidates(0, 1, 2), -1)
    assert isinstance(node, Sample)
    assert node.count == 2


def test_more_load_fills_a_site_up_to_its_capacity() -> None:
    before = [shares(capacity(pool(load), candidates(0, 2), -1))[1] * load for load in (10.0, 60.0, 100.0, 119.0)]
    assert all(less < more <= 80.001 for less, more in pairwise(before))
