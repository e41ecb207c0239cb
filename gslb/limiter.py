"""Response rate limiting: buckets for a source and for the networks around it, in a table of fixed size.

Every query over UDP without a good cookie takes from four buckets, of its address and of three prefixes that hold it,
each with a larger share (the multiples are Knot's). A bucket is one number, the time at which it would be full again,
so nothing has to be filled up while nobody asks.

Buckets are found by hash, with no memory of who was seen. Each is kept in two rows with different hashes and counts by
the emptier one, so that two sources have to collide twice to be taken for one.
"""

import random
from array import array
from typing import Final

from gslb.config.settings import RateLimit

_MULTIPLES: Final = {
    4: ((0, 1), (8, 32), (12, 256), (14, 768)),  # (bits cut off, multiple): /32, /24, /20, /18
    16: ((0, 1), (64, 2), (72, 3), (80, 4)),  # /128, /64, /56, /48
}
_SIZE: Final = 1 << 16  # buckets in a row, a power of two

ANSWER: Final = 0
SLIP: Final = 1
DROP: Final = 2


class Limiter:
    """One worker's table. `share` is the worker's part of the whole rate."""

    __slots__ = ("_costs", "_latest", "_limited", "_rows", "_seeds", "_window", "limit")

    def __init__(self, limit: RateLimit, share: float, rng: random.Random) -> None:
        self.limit = limit
        self._window = max(limit.burst / limit.rate, 1 / (limit.rate * share))  # one reply always fits
        self._seeds = (rng.getrandbits(61), rng.getrandbits(61))
        self._costs = {
            length: tuple((cut, 1 / (limit.rate * share * multiple)) for cut, multiple in levels)
            for length, levels in _MULTIPLES.items()
        }
        self._limited = 0
        self._empty(0.0)

    def _empty(self, now: float) -> None:
        self._rows = array("d", bytes(8 * _SIZE)), array("d", bytes(8 * _SIZE))
        self._latest = now

    def judge(self, source: bytes, now: float) -> int:
        """ANSWER, SLIP or DROP for one reply to a packed address at `now` (seconds)."""
        if now < self._latest - 1:  # the clock was set back: buckets would seem full until it catches up
            self._empty(now)
        self._latest = now
        address = int.from_bytes(source, "big")
        first, second = self._rows
        seed, other = self._seeds
        taken = []
        for cut, cost in self._costs[len(source)]:
            prefix = address >> cut
            at, to = hash((seed, cut, prefix)) & (_SIZE - 1), hash((other, cut, prefix)) & (_SIZE - 1)
            until = max(min(first[at], second[to]), now) + cost
            if until > now + self._window:
                return self._limited_reply()
            taken.append((at, to, until))
        for at, to, until in taken:
            first[at] = max(first[at], until)
            second[to] = max(second[to], until)
        return ANSWER

    def _limited_reply(self) -> int:
        self._limited += 1
        slip = self.limit.slip
        return SLIP if slip and self._limited % slip == 0 else DROP
