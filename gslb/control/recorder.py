"""Keeps the history of health while the node runs: told of each publication, it writes in the background.

Nothing waits for it. What cannot be written is kept for a while and tried again; of more than QUEUE publications the
oldest are dropped, and the time until the next is a gap in the history.
"""

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from gslb.errors import StoreError
from gslb.health.record import Event, Row
from gslb.health.states import States
from gslb.store.history import HistoryStore
from gslb.store.historyfile import Publication, Wanted

log = logging.getLogger("gslb.control")

QUEUE = 100  # publications: ten seconds of them at their fastest
BATCH = 1.0  # seconds from one write to the next, at least
SETTLE = 0.5  # seconds; thousands of events at once are a second of work, while workers need the processors
STAMP = 10.0  # seconds from one write to the next, at most: after kill -9, so much of the past is not known
CACHE = 10.0  # seconds for which a report is good
PAGE = 60.0  # seconds for which it is good enough for metrics
_SHARE = 10.0  # a report that takes long is good for so many times as long


class Report(NamedTuple):
    """What the history added up to at `at` (epoch seconds)."""

    at: float
    rows: list[Row]


class Recorder:
    """The history of one node: `note` publications, let `run` run, `close` it."""

    def __init__(self, store: HistoryStore) -> None:
        self.noted = 0  # publications
        self.dropped = 0  # of them, those that were never written
        self.latest: Report | None = None
        self._store = store
        self._waiting: deque[Publication] = deque()
        self._noted = asyncio.Event()
        self._any = False  # whether something was published yet
        self._gap = False
        self._failing = False
        self._page_wanted = False
        self._writing = asyncio.Lock()
        self._reporting = asyncio.Lock()
        self._good_for = CACHE

    @property
    def kept(self) -> int:
        """Events in the history."""
        return self._store.kept

    def note(self, states: States, now: float) -> None:
        """This is published from now (epoch seconds) on. Returns at once."""
        self._any = True
        self.noted += 1
        self._waiting.append(Publication(now, states))
        self._drop_oldest()
        self._noted.set()

    async def run(self) -> None:
        """Write what is noted, until cancelled: each BATCH at most, and when workers have had time to load it."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(STAMP):
                    await self._noted.wait()
            await asyncio.sleep(SETTLE)
            self._noted.clear()
            try:
                await self._write()
                if self._page_wanted:
                    self._page_wanted = False
                    await self.report(time.time(), PAGE)
            except StoreError as error:
                log.debug("no report: %s", error.message)
            except Exception:
                log.exception("the history failed; answers do not depend on it")
            await asyncio.sleep(BATCH)

    async def close(self) -> None:
        """Write what is left and let go of the store."""
        await self._write()
        with suppress(StoreError):
            await self._store.close()

    async def events(self, wanted: Wanted) -> list[Event]:
        """The newest events that fit, newest first; all that was noted until now among them. Raises StoreError."""
        await self._write()
        return await self._store.events(wanted)

    async def extent(self) -> tuple[int, int]:
        """The numbers of the first and the last event that are kept; zeros for none. Raises StoreError."""
        await self._write()
        return await self._store.extent()

    async def report(self, now: float, age: float = CACHE) -> Report:
        """The figures of the history, at most `age` seconds old (more where they take long). Raises StoreError."""
        async with self._reporting:
            report = self.latest
            if report is None or not 0 <= now - report.at < max(age, self._good_for):
                begun = time.perf_counter()
                await self._write()
                report = self.latest = Report(now, await self._store.report(now))
                self._good_for = _SHARE * (time.perf_counter() - begun)
            return report

    def page(self) -> list[Row]:
        """The latest figures, for metrics; where they are old, others are made in the background."""
        self._page_wanted = True
        self._noted.set()
        return self.latest.rows if self.latest else []

    async def _write(self) -> None:
        async with self._writing:
            if not self._any:
                return
            taken, self._waiting = list(self._waiting), deque()
            gap, self._gap = self._gap, False
            try:
                await self._store.append(taken, time.time(), gap=gap)
            except StoreError as error:
                self._keep_for_later(taken, gap)
                self._tell(failing=True, why=error.message)
            else:
                self._tell(failing=False)

    def _keep_for_later(self, taken: list[Publication], gap: bool) -> None:
        self._waiting.extendleft(reversed(taken))
        self._gap = self._gap or gap
        self._drop_oldest()

    def _tell(self, *, failing: bool, why: str = "") -> None:
        if failing and not self._failing:
            log.error("the history is not written, which changes no answer: %s", why)
        elif self._failing and not failing:
            log.info("the history is written again")
        self._failing = failing

    def _drop_oldest(self) -> None:
        while len(self._waiting) > QUEUE:
            self._waiting.popleft()
            self.dropped += 1
            self._gap = True
