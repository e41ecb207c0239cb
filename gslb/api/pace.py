"""How often one client may ask: a token bucket for each address, in a table of fixed size."""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final, NamedTuple

from gslb.errors import TooManyRequestsError

CLIENTS: Final = 4096  # addresses that are remembered; the one that asked least lately is forgotten first


class Rate(NamedTuple):
    """`each` requests in a second, `burst` at once."""

    each: float = 200.0
    burst: float = 1000.0


class Pace:
    """The buckets. `clock` gives seconds that only grow."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was

    def take(self, client: str) -> None:
        """Count a request. Raises TooManyRequestsError where the bucket is empty."""
        now = self._clock()
        left, at = self._buckets.pop(client, (self._rate.burst, now))
        left = min(self._rate.burst, left + (now - at) * self._rate.each)
        self._buckets[client] = (max(left - 1.0, 0.0) if left >= 1.0 else left, now)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        if left < 1.0:
            wait = max(1, ceil((1.0 - left) / self._rate.each))
            message = f"more than {self._rate.each:g} requests a second came from this address"
            raise TooManyRequestsError(message, retry_after=wait, hint=f"ask again in {wait} s")
