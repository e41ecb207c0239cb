"""Keeps the health snapshot in the store, and finds the one that an earlier process left (semantics section 6)."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from gslb.errors import SnapshotError, StoreError
from gslb.store import HealthSnapshot, HealthStore

log = logging.getLogger("gslb.control")

STAMP_EVERY = 10.0  # seconds between health snapshots when nothing changes


class Keeper:
    """Set `changed` where there is something new to keep."""

    def __init__(self, store: HealthStore) -> None:
        self.changed = asyncio.Event()
        self._store = store

    async def find(self) -> HealthSnapshot | None:
        """What was left; a snapshot that cannot be understood is told and ignored. Raises StoreError."""
        try:
            return await self._store.read_health()
        except SnapshotError as error:
            log.warning("ignored: %s", error)
            return None

    async def keep(self, take: Callable[[], HealthSnapshot]) -> None:
        """Write what `take` gives: on every change, and stamped anew every STAMP_EVERY."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(STAMP_EVERY):
                    await self.changed.wait()
            self.changed.clear()
            try:
                await self._store.write_health(take())
            except StoreError as error:
                log.error("health snapshot not saved: %s", error)
