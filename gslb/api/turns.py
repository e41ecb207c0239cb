"""Long work in a thread, one piece after the other: each holds the interpreter for a while that probes must wait."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from gslb.control.line import uncollected
from gslb.errors import TooManyRequestsError

T = TypeVar("T")


class Turns:
    """One queue for one kind of work, for at most `most` who wait or have their turn."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._there = 0
        self._turn = asyncio.Lock()

    async def take(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Raises TooManyRequestsError where too many wait already."""
        if self._there >= self._most:
            raise TooManyRequestsError(
                f"{self._there} such requests are under way here already", retry_after=1, hint="ask again in 1 s"
            )
        self._there += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(_collected_later, work)
        finally:
            self._there -= 1


def _collected_later(work: Callable[[], T]) -> T:
    # Its thousands of short-lived objects would set off full collections, which hold up every thread.
    with uncollected():
        return work()
