"""Names, sums and faults."""

import logging

import pytest

from gslb.counters import NAMES
from gslb.server.stats import (
    BATCH_BOUNDS,
    COUNTER_NAMES,
    LOOP_LAG_MAX_US,
    LOOP_LAG_US,
    LOOP_TICKS,
    RESPOND_ERRORS,
    SOCKET_COUNTERS,
    TCP_OPEN,
    UDP_BATCH_US,
    UDP_SENT,
    UDP_WITHIN,
    add,
    bequeathed,
    named,
    new_stats,
    note_batch,
    note_fault,
    note_tick,
)


def test_positions_and_names_agree() -> None:
    assert SOCKET_COUNTERS[UDP_SENT] == "udp_sent"
    assert SOCKET_COUNTERS[LOOP_LAG_MAX_US] == "loop_lag_max_us"
    assert COUNTER_NAMES == NAMES + SOCKET_COUNTERS
    assert len(set(COUNTER_NAMES)) == len(COUNTER_NAMES)


def test_sums_keep_the_greatest_lag_and_forget_open_connections() -> None:
    one = [0] * len(NAMES) + new_stats()
    one[len(NAMES) + UDP_SENT] = 5
    one[len(NAMES) + TCP_OPEN] = 2
    one[len(NAMES) + LOOP_LAG_MAX_US] = 70
    total = named(add(one, one))
    assert (total["udp_sent"], total["tcp_open"], total["loop_lag_max_us"]) == (10, 4, 70)
    assert named(bequeathed(one))["tcp_open"] == 0
    assert named(bequeathed(one))["udp_sent"] == 5


def test_ticks_leave_their_number_their_lag_and_the_greatest() -> None:
    stats = new_stats()
    for lag in (0.001, 0.25, 0.002):
        note_tick(stats, lag)
    assert (stats[LOOP_TICKS], stats[LOOP_LAG_US], stats[LOOP_LAG_MAX_US]) == (3, 253_000, 250_000)


def test_batches_are_counted_by_the_time_that_their_replies_took() -> None:
    stats = new_stats()
    for seconds, queries in ((0.00003, 1), (0.0003, 32), (7.0, 2), (-1.0, 1)):
        note_batch(stats, seconds, queries)
    within = stats[UDP_WITHIN : UDP_WITHIN + len(BATCH_BOUNDS) + 1]
    assert dict(zip((*BATCH_BOUNDS, "beyond"), within, strict=True)) == {
        **dict.fromkeys(BATCH_BOUNDS, 0),
        50: 2,
        500: 32,
        "beyond": 2,
    }
    assert stats[UDP_BATCH_US] == pytest.approx(30 + 32 * 300 + 2 * 7_000_000, abs=40)
    assert SOCKET_COUNTERS[UDP_WITHIN] == "udp_within_50us"


def test_faults_are_counted_and_logged_ever_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    stats = new_stats()
    with caplog.at_level(logging.ERROR):
        for _ in range(20):
            note_fault(stats)
    assert stats[RESPOND_ERRORS] == 20
    assert len(caplog.records) == 5  # 1, 2, 4, 8, 16
