"""A copy in memory of every key under a prefix, kept current: listed once, then watched.

A watch proves nothing by its silence: its member may be cut off, or frozen. So once a second a read that needs a
majority tells where the store is. Either the copy is known to hold everything up to there, or it is asked whether that
touched the prefix at all, or the watch is behind, and everything is listed again. The read and the watch go to the same
member; where the read moves on to another, the watch follows.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing, suppress
from types import MappingProxyType
from typing import Final

from gslb.errors import StoreError
from gslb.store.etcd import Etcd
from gslb.store.etcderrors import CompactedError, TooLongError
from gslb.store.etcdtext import Batch, Bounds, Change, Item, Tally, octets_of

LOST: Final = 3.0  # seconds without proof after which the store counts as lost
PROVE: Final = 1.0  # seconds between proofs
GRACE: Final = 1.0  # seconds that the watch has to tell what a read has seen
_MOMENT: Final = 0.2  # seconds that it has before a read finds out whether there is anything to tell
_PAUSE: Final = 0.25  # seconds before the next try
_LONG_PAUSE: Final = 5.0  # seconds, where there is too much to hold: it is much to read again, too

log = logging.getLogger("gslb.store")


class BehindError(StoreError):
    """The watch has not told of something that a read has seen."""


class MovedError(StoreError):
    """Reads go to another member now; the watch has to follow."""


class Mirror:
    """The copy. `told` is called, in the loop, with the keys that changed; it must be quick and raise nothing."""

    def __init__(
        self, etcd: Etcd, prefix: str, told: Callable[[frozenset[str]], None], bounds: Bounds | None = None
    ) -> None:
        self._etcd = etcd
        self._prefix = prefix
        self._told = told
        self._bounds = bounds or Bounds()
        self._items: dict[str, Item] = {}
        self._octets = 0
        self._listed = False  # False = list before the next watch
        self._advanced = asyncio.Event()
        self.items: Mapping[str, Item] = MappingProxyType(self._items)  # always as it is now
        self.revision = 0  # everything up to it is in the copy; 0 = never listed
        self.heard = float("-inf")  # time.monotonic when the copy was last known to be current
        self.problem = ""  # why it is not known to be current, while it is not
        self.alarm = ""  # set while there is more in the store than is held

    @property
    def lost(self) -> bool:
        """Whether nothing has proved the copy current for LOST seconds."""
        return time.monotonic() - self.heard > LOST

    async def run(self) -> None:
        """Keep the copy current until cancelled; nothing else ends it."""
        while True:
            pause = _PAUSE
            try:
                await self._follow()
            except* StoreError as group:
                pause = self._failed(_first(group))
            except* Exception:
                log.exception("the copy of the store is made anew")
                self._listed = False
            await asyncio.sleep(pause)

    async def _follow(self) -> None:
        """List if need be, then watch and prove until one of them fails.

        Who has lost the store lists, too: where watches alone fail, that keeps the copy going.
        """
        if not self._listed or self.lost:
            await self._list()
        async with asyncio.TaskGroup() as group:
            endpoint = self._etcd.endpoint
            group.create_task(self._watch())
            group.create_task(self._prove(endpoint))

    async def _list(self) -> None:
        listing = await self._etcd.scan(self._prefix, self._bounds)
        when = time.monotonic()
        if listing.revision < self.revision:
            log.warning("the store went back from revision %d to %d", self.revision, listing.revision)
        first, old, new = not self.revision, dict(self._items), {item.key: item for item in listing.items}
        self._items.clear()
        self._items.update(new)
        self._octets = octets_of(listing.items)
        self.revision, self._listed, self.alarm = listing.revision, True, ""
        self._current(when)
        changed = frozenset(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        if changed or first:
            self._told(changed)

    async def _watch(self) -> None:
        async with aclosing(self._etcd.watch(self._prefix, self.revision + 1)) as batches:
            async for batch in batches:
                self._apply(batch)

    def _apply(self, batch: Batch) -> None:
        changed = [change for change in batch.changes if self._newer(change)]
        self._take({change.key: change for change in changed})  # of several changes of a key the last counts
        self.revision = max(self.revision, batch.revision)
        self._advanced.set()
        if changed:
            self._told(frozenset(change.key for change in changed))

    def _newer(self, change: Change) -> bool:
        held = self._items.get(change.key)
        return change.mod_revision > self.revision and (held is None or change.mod_revision > held.mod_revision)

    def _take(self, changes: Mapping[str, Change]) -> None:
        """All of them, or none: raises TooLongError where they do not fit."""
        old = [self._items[key] for key in changes if key in self._items]
        new = [Item(key, value, *numbers) for key, value, *numbers in changes.values() if value is not None]
        keys, octets = len(self._items) - len(old) + len(new), self._octets - octets_of(old) + octets_of(new)
        self._bounds.check(self._prefix, keys, octets)
        for item in old:
            del self._items[item.key]
        self._items.update((item.key, item) for item in new)
        self._octets = octets

    async def _prove(self, endpoint: str) -> None:
        """Prove once a second that the copy is current. Raises StoreError where that fails or the endpoint changes."""
        while True:
            began = time.monotonic()
            await self._prove_once(endpoint)
            await asyncio.sleep(max(0.0, began + PROVE - time.monotonic()))

    async def _prove_once(self, endpoint: str) -> None:
        before = self.revision
        tally = await self._etcd.tally(self._prefix)
        when = time.monotonic()
        if self._etcd.endpoint != endpoint:  # nothing is to be expected of the watch
            raise MovedError(f"{endpoint}: did not answer; going on with {self._etcd.endpoint}")
        if tally.revision < before:
            raise BehindError(f"the store went back from revision {before} to {tally.revision}")
        if not await self.reaches(tally.revision, _MOMENT):
            when = await self._settle()
        elif self.revision == tally.revision and self._differs(tally):
            raise BehindError(f"the store has {tally.keys} keys at revision {tally.revision}, not {len(self._items)}")
        self._current(when)

    async def _settle(self) -> float:
        """Find out whether the watch is behind, or was not concerned; returns when. Raises BehindError."""
        before = self.revision
        tally = await self._etcd.tally(self._prefix, before)
        when = time.monotonic()
        if self._differs(tally) and not await self.reaches(before + 1, GRACE):
            raise BehindError(f"the watch has not told of what changed after revision {before}")
        if self.revision == before:  # whatever was written since, it was not under the prefix
            self.revision = tally.revision
        return when

    def _differs(self, tally: Tally) -> bool:
        return tally.newer or tally.keys != len(self._items)

    async def reaches(self, revision: int, seconds: float) -> bool:
        """Whether the watch has come to a revision within the time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.revision < revision:
                    self._advanced.clear()
                    await self._advanced.wait()
        return self.revision >= revision

    def _current(self, when: float) -> None:
        self.heard = when
        if self.problem:
            log.warning("the store answers again")
            self.problem = ""

    def _failed(self, error: StoreError) -> float:
        """Note it, once for all that follows until the copy is current again, and return how long to wait."""
        if not self.problem:
            log.warning("the store: %s", error)
        self.problem = f"{error} ({error.hint})" if error.hint else str(error)
        if isinstance(error, CompactedError | BehindError | TooLongError):
            self._listed = False
        if isinstance(error, TooLongError):
            self.alarm = f"the store is too large to be held: {error}"
            return _LONG_PAUSE
        return 0.0 if isinstance(error, BehindError | MovedError) else _PAUSE


def _first(group: BaseExceptionGroup[StoreError]) -> StoreError:
    """What went wrong; where several did, that which asks for a new list goes first."""
    errors = list(_flat(group))
    return next((error for error in errors if isinstance(error, CompactedError | BehindError)), errors[0])


def _flat(group: BaseExceptionGroup[StoreError]) -> Iterable[StoreError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flat(error)
        else:
            yield error
