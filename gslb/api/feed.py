"""Events as they happen, for many who follow: read once from the history, told to all.

A follower has a position, the number of the last event that it was told. Whoever is far behind, having come with an old
Last-Event-ID, reads the history page by page until it is among the recent ones; nobody has a queue of its own.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple

from gslb.control.recorder import Recorder
from gslb.errors import StoreError
from gslb.health.record import Event
from gslb.store.historyfile import Wanted

RECENT: Final = 1000  # events that are kept at hand
PAGE: Final = 200  # events that are read at once for one who is behind
HEARTBEAT: Final = 15.0  # seconds without an event
_LOOK_EVERY: Final = 0.25  # seconds

log = logging.getLogger("gslb.api")


class News(NamedTuple):
    """What a follower is told: events, oldest first; none is a heartbeat. `gap`: some before them are lost."""

    events: list[Event]
    gap: bool = False


class Feed:
    """The followers of one history. `close` ends them all."""

    def __init__(self, recorder: Recorder, heartbeat: float = HEARTBEAT) -> None:
        self.followers = 0
        self._recorder = recorder
        self._heartbeat = heartbeat
        self._recent: deque[Event] = deque(maxlen=RECENT)
        self._latest = 0  # number of the newest event that is known here
        self._seen = -1  # publications when it was looked last
        self._changed = asyncio.Event()
        self._closed = False
        self._reader: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[tuple[int, int]]:
        """Be one who follows; the numbers of the first and the last event that are kept. Raises StoreError."""
        self.followers += 1
        try:
            first, last = await self._recorder.extent()
            if self._reader is None:
                self._recent.clear()
                self._latest = last
                self._reader = asyncio.create_task(self._read())
            yield first, last
        finally:
            self.followers -= 1
            if not self.followers:
                self._stop()

    async def follow(self, wanted: Wanted, after: int | None, extent: tuple[int, int]) -> AsyncGenerator[News, None]:
        """Tell what happens after the event with the number `after`; None: since `wanted.since`, or from now on.

        For those who `joined`, which gave them the extent. Raises StoreError.
        """
        first, last = extent
        position = after if after is not None else first - 1 if wanted.since else last
        if not first - 1 <= position <= last:
            yield News([], gap=True)
            position = first - 1
        reader = self._reader
        while not self._closed and self._reader is reader:
            changed = self._changed
            events, position = await self._after(wanted, position)
            if events:
                yield News(events)
            elif position >= self._latest and not await self._waited(changed):
                yield News([])

    def close(self) -> None:
        """End all of them."""
        self._closed = True
        self._changed.set()
        self._stop()

    async def _after(self, wanted: Wanted, position: int) -> tuple[list[Event], int]:
        """The next events that fit, and the position behind them."""
        if position >= self._latest:
            return [], position
        if self._recent and self._recent[0].number <= position + 1:
            return [event for event in self._recent if event.number > position and _fits(event, wanted)], self._latest
        latest = self._latest
        query = wanted._replace(above=position, limit=PAGE, oldest_first=True)
        found = await self._recorder.events(query)
        return found, found[-1].number if len(found) == PAGE else max(latest, *(event.number for event in found), 0)

    async def _waited(self, changed: asyncio.Event) -> bool:
        """Whether there is news before the next heartbeat."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._heartbeat):
                await changed.wait()
                return True
        return False

    async def _read(self) -> None:
        """Keep `_recent` current; ends, and with it all who follow, where the history begins anew."""
        self._seen = -1
        while True:
            if self._recorder.noted != self._seen:
                with suppress(StoreError):
                    if not await self._look():
                        break
            await asyncio.sleep(_LOOK_EVERY)
        log.warning("the history began anew: those who follow events have to begin again")
        self._reader = None
        self._tell()

    async def _look(self) -> bool:
        seen = self._recorder.noted
        query = Wanted(above=self._latest, limit=RECENT, oldest_first=True)
        while found := await self._recorder.events(query._replace(above=self._latest)):
            self._recent.extend(found)
            self._latest = found[-1].number
            self._tell()
        self._seen = seen
        return (await self._recorder.extent())[1] >= self._latest

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _stop(self) -> None:
        if self._reader:
            self._reader.cancel()
            self._reader = None


def _fits(event: Event, wanted: Wanted) -> bool:
    pairs = ((wanted.pool, event.pool), (wanted.member, event.member), (wanted.site, event.site))
    return event.at >= wanted.since and all(one in ("", other) for one, other in pairs)
