"""Wrong tokens, counted by where they come from."""

import logging
import random
import sys
import time

import pytest

from gslb.api.guesses import AGAIN, AT_ONCE, TELL_EVERY, Guesses


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_address_may_err_some_times_and_then_again_after_a_while(clock: Clock) -> None:
    guesses = Guesses(clock)
    assert [guesses.too_many("192.0.2.1") for _ in range(AT_ONCE + 1)] == [False] * AT_ONCE + [True]
    clock.now += AGAIN
    assert [guesses.too_many("192.0.2.1") for _ in range(2)] == [False, True]
    assert (guesses.wrong, guesses.limited) == (AT_ONCE + 3, 2)


def test_others_may_still_err(clock: Clock) -> None:
    guesses = Guesses(clock)
    while not guesses.too_many("192.0.2.1"):
        pass
    assert not guesses.too_many("198.51.100.1")
    assert not guesses.too_many("2001:db8::1")
    assert not guesses.too_many("")


def test_a_network_has_a_limit_of_its_own(clock: Clock) -> None:
    guesses = Guesses(clock)
    assert any(guesses.too_many(f"2001:db8::{host:x}") for host in range(3 * AT_ONCE))


@pytest.mark.parametrize("source", ["::ffff:192.0.2.1", "192.0.2.1"])
def test_a_mapped_address_is_the_ipv4_address(clock: Clock, source: str) -> None:
    guesses = Guesses(clock)
    while not guesses.too_many("192.0.2.1"):
        pass
    assert guesses.too_many(source)


def test_the_log_gains_a_line_in_a_while(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    guesses = Guesses(clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(1000):
            guesses.too_many("192.0.2.1")
        clock.now += TELL_EVERY
        guesses.too_many("fe80::1%eth0")
    first, second = (record.getMessage() for record in caplog.records)
    assert "192.0.2.1 (1 since" in first
    assert "fe80::1%eth0 (1000 since" in second


def test_many_guesses_from_everywhere_cost_no_memory_and_little_time() -> None:
    guesses = Guesses()
    sources = [
        str(random.getrandbits(8)) + ".".join([""] + [str(random.getrandbits(8)) for _ in range(3)])
        for _ in range(10_000)
    ]
    before = sum(map(sys.getsizeof, guesses._limiter._rows))
    began = time.perf_counter()
    for source in sources:
        guesses.too_many(source)
    assert time.perf_counter() - began < 1.0
    assert sum(map(sys.getsizeof, guesses._limiter._rows)) == before < 2 << 20
