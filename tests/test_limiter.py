"""The limiter: its rates, its levels, its fixed size."""

import random
from collections import Counter
from ipaddress import ip_address

import pytest

from gslb.config.settings import RateLimit
from gslb.limiter import ANSWER, DROP, SLIP, Limiter

SOURCE = ip_address("203.0.113.7").packed


def limiter(share: float = 1.0, **settings: float) -> Limiter:
    return Limiter(RateLimit(**settings), share, random.Random(1))  # type: ignore[arg-type]


def asked(made: Limiter, sources: list[bytes], seconds: float, each: int, start: float = 1000.0) -> Counter[int]:
    """`each` queries per second in total, in turn from the sources."""
    verdicts: Counter[int] = Counter()
    for number in range(int(seconds * each)):
        verdicts[made.judge(sources[number % len(sources)], start + number / each)] += 1
    return verdicts


def test_an_address_gets_its_burst_and_then_its_rate() -> None:
    verdicts = asked(limiter(), [SOURCE], seconds=10, each=2000)
    assert abs(verdicts[ANSWER] - (125 + 50 * 10)) <= 2
    assert verdicts[SLIP] == 20_000 - verdicts[ANSWER]


def test_slow_sources_are_never_limited() -> None:
    assert asked(limiter(), [SOURCE], seconds=20, each=50) == {ANSWER: 1000}


@pytest.mark.parametrize(("slip", "slips", "drops"), [(0, 0, 1), (1, 1, 0), (2, 0.5, 0.5), (4, 0.25, 0.75)])
def test_slip(slip: int, slips: float, drops: float) -> None:
    verdicts = asked(limiter(slip=slip), [SOURCE], seconds=5, each=2000)
    limited = verdicts[SLIP] + verdicts[DROP]
    assert abs(verdicts[SLIP] - slips * limited) <= 1
    assert abs(verdicts[DROP] - drops * limited) <= 1


def test_a_worker_grants_its_share() -> None:
    verdicts = asked(limiter(share=0.5), [SOURCE], seconds=10, each=2000)
    assert abs(verdicts[ANSWER] - (125 / 2 + 250)) <= 2


@pytest.mark.parametrize(
    ("sources", "multiple"),
    [
        ([ip_address(f"203.0.113.{n}").packed for n in range(200)], 32),
        ([ip_address(f"2001:db8::{n:x}").packed for n in range(200)], 2),
        ([ip_address(f"2001:db8:0:{n:x}::1").packed for n in range(200)], 3),
        ([ip_address(f"2001:db8:0:{n << 8:x}::1").packed for n in range(200)], 4),
    ],
)
def test_networks_get_a_multiple(sources: list[bytes], multiple: int) -> None:
    verdicts = asked(limiter(rate=5, burst=10), sources, seconds=10, each=2000)
    expected = multiple * (10 + 5 * 10)
    assert abs(verdicts[ANSWER] - expected) <= 0.05 * expected


def test_others_are_not_harmed() -> None:
    made = limiter()
    for number in range(2000):
        made.judge(SOURCE, 1000 + number / 1000)
    assert made.judge(ip_address("198.51.100.1").packed, 1002) == ANSWER


def test_the_table_does_not_grow_and_random_sources_do_not_fill_it_for_others() -> None:
    made, rng = limiter(), random.Random(3)
    sizes = [len(row) for row in made._rows]
    for number in range(20_000):
        made.judge(rng.randbytes(4), 1000 + number / 20_000)
    assert [len(row) for row in made._rows] == sizes
    assert all(made.judge(rng.randbytes(4), 1001) == ANSWER for _ in range(100))


def test_a_clock_that_is_set_back_limits_nobody() -> None:
    made = limiter()
    asked(made, [SOURCE], seconds=5, each=1000, start=10_000)
    assert made.judge(SOURCE, 5_000) == ANSWER
