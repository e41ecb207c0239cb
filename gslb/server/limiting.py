"""What a worker keeps of earlier queries, as its table asks for: the rate limiter, and the memory of cookies."""

import logging
import random

from gslb.config.settings import RateLimit
from gslb.context import Context
from gslb.counters import RATE_LIMITED
from gslb.limiter import Limiter
from gslb.memory import Memory

log = logging.getLogger("gslb.worker")

QUIET = 30.0  # seconds from one line to the next


class Limiting:
    """Sees to one context's limiter and memory. `share` is this worker's part of the node's rate."""

    def __init__(self, context: Context, share: float) -> None:
        self._context = context
        self._share = share
        self._told = 0
        self._next = 0.0
        self.follow()

    def follow(self) -> None:
        """Give the context the limiter and the memory of its table; those of an equal setting are kept."""
        context = self._context
        size = context.table.base.settings.cookie_memory
        if size != (context.memory.size if context.memory else 0):
            context.memory = Memory(size) if size else None
        setting = context.table.base.settings.rate_limit
        wanted = RateLimit(*setting) if setting else None
        if wanted != (context.limiter.limit if context.limiter else None):
            context.limiter = Limiter(wanted, self._share, random.SystemRandom()) if wanted else None

    def tell(self, now: float) -> None:
        """Log how many replies were limited since the last line, if any were (`now` is monotonic)."""
        count = self._context.counters[RATE_LIMITED]
        if count == self._told or now < self._next:
            return
        limiter = self._context.limiter
        would = " would have been" if limiter and limiter.limit.dry_run else ""
        log.warning("rate limit: %d replies%s limited since the last such line", count - self._told, would)
        self._told, self._next = count, now + QUIET
