"""Wrong tokens: counted by where they come from, in a table of fixed size, and told to the log now and then.

The buckets are those that limit replies (gslb.limiter): an address, and the networks around it with larger shares.
However many wrong tokens come, from however many addresses, memory stays and the log gains a line in ten seconds.
"""

import logging
import random
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

from gslb.config.settings import RateLimit
from gslb.limiter import DROP, Limiter

AT_ONCE: Final = 20  # wrong tokens of one address that are answered as such; then one in AGAIN seconds
AGAIN: Final = 3
TELL_EVERY: Final = 10.0  # seconds

log = logging.getLogger("gslb.api")


class Guesses:
    """What one node counts. `wrong` and `limited` are totals; `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.wrong = 0
        self.limited = 0
        self._clock = clock
        self._limiter = Limiter(RateLimit(1 / AGAIN, AT_ONCE, slip=0), 1.0, random.SystemRandom())
        self._told = float("-inf")
        self._untold = 0

    def too_many(self, source: str) -> bool:
        """Count a wrong token from an address, and say whether that address and its network have sent too many."""
        now = self._clock()
        self.wrong += 1
        limited = self._limiter.judge(_packed(source), now) == DROP
        self.limited += limited
        self._untold += 1
        if now - self._told >= TELL_EVERY:
            log.warning("wrong token from %s (%d since the last such line)", source or "?", self._untold)
            self._told, self._untold = now, 0
        return limited


def _packed(source: str) -> bytes:
    """The address as the limiter takes it; what is none, such as a Unix socket's, counts as one place."""
    try:
        address = ip_address(source.partition("%")[0])
    except ValueError:
        return bytes(16)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).packed
