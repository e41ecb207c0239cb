"""What a worker counts, by position: first the responder's counters, then those of the sockets.

A worker keeps plain lists of integers and copies them into its shared page on every tick.
"""

import logging
from bisect import bisect_left
from collections.abc import Sequence

from gslb.counters import NAMES

log = logging.getLogger("gslb.worker")

BATCH_BOUNDS = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)  # microseconds

SOCKET_COUNTERS = (
    "udp_received",
    "udp_sent",
    "udp_send_errors",  # datagrams that the kernel refused one by one
    "udp_send_dropped",  # the send buffer was full
    "udp_port_zero",  # queries from source port 0: nobody can be answered there
    "udp_kernel_drops",  # the receive buffer was full
    "udp_batches",
    "udp_full_batches",
    "respond_errors",
    "tcp_accepted",
    "tcp_open",
    "tcp_closed_idle",
    "tcp_closed_slow",  # a message that took too long to arrive
    "tcp_closed_frame",  # a length below a DNS header's
    "tcp_evicted",  # made room for a newcomer
    "tcp_shed",  # no descriptor left
    "loop_lag_max_us",
    "loop_lag_us",  # of all ticks together
    "loop_ticks",
    "udp6_queries",  # those of them that came over IPv6
    "tcp6_queries",
    "udp_batch_us",  # from receiving datagrams to having sent their replies, one by one
    *(f"udp_within_{bound}us" for bound in BATCH_BOUNDS),
    "udp_beyond",  # every bound
)
(
    UDP_RECEIVED,
    UDP_SENT,
    UDP_SEND_ERRORS,
    UDP_SEND_DROPPED,
    UDP_PORT_ZERO,
    UDP_KERNEL_DROPS,
    UDP_BATCHES,
    UDP_FULL_BATCHES,
    RESPOND_ERRORS,
    TCP_ACCEPTED,
    TCP_OPEN,
    TCP_CLOSED_IDLE,
    TCP_CLOSED_SLOW,
    TCP_CLOSED_FRAME,
    TCP_EVICTED,
    TCP_SHED,
    LOOP_LAG_MAX_US,
    LOOP_LAG_US,
    LOOP_TICKS,
    UDP6_QUERIES,
    TCP6_QUERIES,
    UDP_BATCH_US,
    UDP_WITHIN,  # the first of them: one for each of BATCH_BOUNDS, and one for what took longer
    *_,
) = range(len(SOCKET_COUNTERS))

COUNTER_NAMES: tuple[str, ...] = tuple(NAMES) + SOCKET_COUNTERS
_TCP_OPEN_AT = COUNTER_NAMES.index("tcp_open")
_LAG_AT = COUNTER_NAMES.index("loop_lag_max_us")


def new_stats() -> list[int]:
    """Zeroed socket counters; the constants of this module are the positions."""
    return [0] * len(SOCKET_COUNTERS)


def named(values: Sequence[int]) -> dict[str, int]:
    """Counters by name."""
    return dict(zip(COUNTER_NAMES, values, strict=False))


def add(total: Sequence[int], values: Sequence[int]) -> list[int]:
    """Two sets of counters together: sums, and the greater of the greatest lags."""
    both = [a + b for a, b in zip(total, values, strict=True)]
    both[_LAG_AT] = max(total[_LAG_AT], values[_LAG_AT])
    return both


def bequeathed(values: Sequence[int]) -> list[int]:
    """What a worker that is gone leaves to the totals: all but its open connections."""
    left = list(values)
    left[_TCP_OPEN_AT] = 0
    return left


def note_tick(stats: list[int], lag: float) -> None:
    """The loop turned, `lag` seconds later than it should have."""
    late = int(lag * 1e6)
    stats[LOOP_LAG_MAX_US] = max(stats[LOOP_LAG_MAX_US], late)
    stats[LOOP_LAG_US] += late
    stats[LOOP_TICKS] += 1


def note_batch(stats: list[int], seconds: float, queries: int) -> None:
    """So many datagrams were received together, and their replies had been sent after so many seconds."""
    took = max(int(seconds * 1e6), 0)  # the machine's clock may have been set back
    stats[UDP_BATCH_US] += took * queries
    stats[UDP_WITHIN + bisect_left(BATCH_BOUNDS, took)] += queries


def note_fault(stats: list[int]) -> None:
    """An exception came out of `respond`, which never raises: count it, and log the 1st, 2nd, 4th, 8th..."""
    stats[RESPOND_ERRORS] += 1
    count = stats[RESPOND_ERRORS]
    if count & (count - 1) == 0:
        log.exception("a query could not be answered (%d so far)", count)
