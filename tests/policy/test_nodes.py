"""Decision nodes: draws, hashes, distances, and the scope that each of them reports."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from gslb.geo.nearest import NearestMap
from gslb.policy.nodes import Answer, ByHash, Choice, Nearest, Sample, join


class Asker:
    """A client at an address; what nodes see of one."""

    def __init__(self, address: int = 0xCB007107, family: int = 4, nearest: Sequence[NearestMap] = ()) -> None:
        self.scope = 0
        self.rng = random.Random(1)
        self.nearest = nearest
        self._where = family, address

    def locate(self) -> tuple[int, int]:
        return self._where


class Compass:
    """A distance map that always gives the same order."""

    def __init__(self, order: tuple[int, ...] | None) -> None:
        self.order = order

    def find(self, family: int, client: int) -> tuple[tuple[int, ...] | None, int]:
        return self.order, 19


ONE, TWO, THREE = Answer([b"1"]), Answer([b"2"]), Answer([b"3"])


def test_an_answer_chooses_itself() -> None:
    assert ONE.select(Asker()) is ONE
    assert (ONE.count, ONE.records, ONE.ede, ONE.rcode) == (1, b"1", b"", 0)


def test_choice_follows_its_weights() -> None:
    asker, choice = Asker(), Choice([60, 40], [ONE, TWO])
    drawn = Counter(choice.select(asker).records for _ in range(20_000))
    assert abs(drawn[b"1"] / 20_000 - 0.6) < 0.012
    assert asker.scope == 0
    assert choice.weights == [60, 40]


def test_sample_draws_without_replacement() -> None:
    asker, sample = Asker(), Sample([60, 30, 10], [ONE, TWO, THREE], 2)
    drawn = [sample.select(asker) for _ in range(5_000)]
    assert {answer.count for answer in drawn} == {2}
    assert all(len(set(answer.records)) == 2 for answer in drawn)
    first = Counter(answer.records[:1] for answer in drawn)
    assert abs(first[b"1"] / 5_000 - 0.6) < 0.03


def test_sample_of_more_than_there_are_gives_all() -> None:
    answer = Sample([1, 1], [ONE, TWO], 5).select(Asker())
    assert sorted(answer.records) == sorted(b"12")


def hashed(count: int = 1, keys: Sequence[bytes] = (b"a", b"b", b"c")) -> ByHash:
    answers = {b"a": ONE, b"b": TWO, b"c": THREE}
    return ByHash(keys, [1] * len(keys), [answers[key] for key in keys], count)


def test_hash_keeps_a_network_together_and_says_so() -> None:
    node = hashed()
    results = {node.select(Asker(0xCB007100 + host)).records for host in range(256)}
    assert len(results) == 1
    asker = Asker()
    node.select(asker)
    assert asker.scope == 24
    six = Asker(0x20010DB8 << 96, 6)
    node.select(six)
    assert six.scope == 56


def test_a_lost_member_moves_its_own_clients_alone() -> None:
    before, after = hashed(), hashed(keys=(b"a", b"c"))
    for network in range(2_000):
        asker = Asker(network << 8)
        was, now = before.select(asker), after.select(asker)
        assert was is TWO or was is now


def test_hash_shares_are_even() -> None:
    node = hashed()
    shares = Counter(node.select(Asker(network << 8)).records for network in range(6_000))
    assert all(abs(share / 6_000 - 1 / 3) < 0.03 for share in shares.values())


def test_hash_of_several_starts_with_the_closest() -> None:
    one, two = hashed(1), hashed(2)
    for network in range(50):
        asker = Asker(network << 8)
        assert two.select(asker).records[:1] == one.select(asker).records
        assert two.select(asker).count == 2


@pytest.mark.parametrize(
    ("order", "answers", "count", "expected"),
    [
        ((2, 0, 1), (ONE, TWO, THREE), 1, b"3"),
        ((2, 0, 1), (ONE, TWO, None), 1, b"1"),
        ((2, 0, 1), (ONE, TWO, THREE), 2, b"31"),
        ((2, 0, 1), (None, TWO, None), 2, b"2"),
        (None, (ONE, TWO, THREE), 1, b"2"),
    ],
)
def test_nearest_walks_the_live_members(
    order: tuple[int, ...] | None, answers: Sequence[Answer | None], count: int, expected: bytes
) -> None:
    asker = Asker(nearest=[Compass(order)])  # type: ignore[list-item]
    assert Nearest(0, answers, count, TWO).select(asker).records == expected
    assert asker.scope == 19


def test_join_of_one_is_that_one() -> None:
    assert join([ONE]) is ONE
    both = join([ONE, TWO])
    assert (both.count, both.records) == (2, b"12")
