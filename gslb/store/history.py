"""The history of health, behind a thread of its own. It decides nothing about answers, so it may fail and be lost.

A file that is damaged is set aside, and a new one begun; one that cannot be written is tried again at the next call.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from gslb.health.record import Event, Row, report
from gslb.health.states import States
from gslb.store.database import in_thread
from gslb.store.historyfile import HistoryFile, Publication, Wanted

log = logging.getLogger("gslb.store")

KEEP = 31 * 86_400.0  # seconds: the longest span of a report, and a day
LIMIT = 1_000_000  # events
DAMAGED = ".damaged"

T = TypeVar("T")


class HistoryStore:
    """One history. The file is opened when it is needed. Any call may raise StoreError; then nothing was changed."""

    def __init__(self, path: str, *, keep: float = KEEP, limit: int = LIMIT) -> None:
        self.kept = 0  # events in the file
        self._path = path
        self._keep = keep
        self._limit = limit
        self._file: HistoryFile | None = None
        self._latest: States | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")

    async def append(self, publications: Sequence[Publication], now: float, *, gap: bool = False) -> int:
        """Write what changed from each publication to the next, watched until `now`. Returns the number of events.

        The first is compared with what the file says, so a restart adds no event where nothing has changed. `gap`: some
        publications are missing, so the time from the last write to the first of these is not known.
        """
        return await self._call(lambda file: self._append(file, publications, now, gap))

    async def events(self, wanted: Wanted) -> list[Event]:
        """See HistoryFile.events."""
        return await self._call(lambda file: file.events(wanted))

    async def extent(self) -> tuple[int, int]:
        """See HistoryFile.extent."""
        return await self._call(lambda file: file.extent())

    async def report(self, now: float) -> list[Row]:
        """See gslb.health.record."""
        return await self._call(lambda file: report(file.history(), now))

    async def close(self) -> None:
        """Finish what is under way and let go of the file."""
        await in_thread(self._thread, self._path, self._let_go)
        self._thread.shutdown()

    async def _call(self, call: Callable[[HistoryFile], T]) -> T:
        return await in_thread(self._thread, self._path, lambda: self._with_file(call))

    def _with_file(self, call: Callable[[HistoryFile], T]) -> T:
        try:
            self._file = self._file or HistoryFile(self._path, self._keep, self._limit)
            return call(self._file)
        except sqlite3.DatabaseError as error:
            # The subclasses speak of locks, disks and permissions; this one says that the content makes no sense.
            if type(error) is sqlite3.DatabaseError:
                self._set_aside(error)
            raise

    def _append(self, file: HistoryFile, publications: Sequence[Publication], now: float, gap: bool) -> int:
        if publications:
            self._latest = publications[-1].states
        elif self._latest is not None and file.states is not self._latest:
            publications, gap = [Publication(now, self._latest)], True  # the file was lost meanwhile
        written = file.append(publications, now, gap=gap)
        self.kept = file.kept
        return written

    def _set_aside(self, error: sqlite3.Error) -> None:
        with suppress(sqlite3.Error):
            self._let_go()
        self._file = None
        try:
            Path(self._path).replace(self._path + DAMAGED)
            for leftover in ("-wal", "-shm"):
                Path(self._path + leftover).unlink(missing_ok=True)
        except OSError as trouble:
            log.error("%s is damaged (%s) and cannot be set aside: %s", self._path, error, trouble.strerror)
            return
        log.error("%s was damaged (%s): set aside as %s%s, a new one begins", self._path, error, self._path, DAMAGED)

    def _let_go(self) -> None:
        if self._file:
            self._file.close()
            self._file = None
