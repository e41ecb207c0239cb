"""Chances against draws that are really made."""

import random
from collections import Counter
from itertools import permutations

import pytest

from gslb.control.chances import chances, data_of, inclusion
from gslb.dns.message import A
from gslb.dns.response import record
from gslb.policy.nodes import Answer, Choice, Sample
from gslb.policy.split import Split
from gslb.table.client import Client
from tests.support import config, table

ADDRESSES = [bytes((192, 0, 2, last)) for last in range(1, 6)]


def answer(*data: bytes) -> Answer:
    return Answer([record(A, 30, item) for item in data])


@pytest.fixture
def client() -> Client:
    return Client(table(config()), random.Random(7))


def exact(weights: list[int], count: int) -> list[float]:
    """By enumeration of every order of draws."""
    found = [0.0] * len(weights)
    for order in permutations(range(len(weights)), count):
        chance, left = 1.0, sum(weights)
        for at in order:
            chance *= weights[at] / left
            left -= weights[at]
        for at in order:
            found[at] += chance
    return found


@pytest.mark.parametrize("weights", [[1, 1, 1], [60, 40, 5], [1, 2, 3, 4], [1000, 1, 1, 1], [5, 5, 5, 5, 90]])
@pytest.mark.parametrize("count", [1, 2])
def test_inclusion_is_what_enumeration_gives(weights: list[int], count: int) -> None:
    assert inclusion(weights, count) == pytest.approx(exact(weights, count), abs=2e-3)


def test_all_are_drawn_where_there_are_not_more() -> None:
    assert inclusion([3, 1], 2) == [1.0, 1.0]


def test_data_of_joined_records() -> None:
    assert list(data_of(answer(*ADDRESSES).records)) == ADDRESSES


def test_a_tree_gives_what_its_draws_give(client: Client) -> None:
    first, second, third, fourth, fifth = ADDRESSES
    sample = Sample([1, 2, 3], [answer(second), answer(third), answer(fourth)], 2)
    tree = Choice([60, 30, 10], [answer(first), sample, answer(first, fifth)])
    drawn: Counter[bytes] = Counter()
    for _ in range(20_000):
        drawn.update(data_of(tree.select(client).records))
    told = chances(tree, client)
    assert told[first] == pytest.approx(0.7)
    assert told == pytest.approx({data: count / 20_000 for data, count in drawn.items()}, abs=0.02)


def test_a_client_is_kept_away_or_is_not(client: Client) -> None:
    first, second, *_ = ADDRESSES
    for percent, data in ((1, second), (99, first)):
        assert chances(Split(b"site/tokyo", [percent], [answer(first), answer(second)]), client) == {data: 1.0}


def test_an_unknown_kind_is_told(client: Client) -> None:
    with pytest.raises(TypeError, match="no such kind"):
        chances(object(), client)  # type: ignore[arg-type]
