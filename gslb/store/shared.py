"""The store that several nodes share, on etcd: intents, votes, who is there, and the record of what was done.

Reading never asks anybody: a mirror holds what every node must know, and a copy of the drains outlives this node's restart
in its own file. Writing is one transaction that compares the registration of this node and what it judged by. Decisions:
docs/decisions/0070.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import ceil
from typing import NamedTuple

from gslb.errors import NotFoundError, StaleError, StoreError
from gslb.intents import Drain
from gslb.store import Held
from gslb.store.audit import Record, chained
from gslb.store.ballots import SharedVotes
from gslb.store.drainview import DrainView
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Compare, Delete, Item, Put, Read, absent, unchanged
from gslb.store.keys import Keys
from gslb.store.mirror import Mirror
from gslb.store.roster import Condition, Registration
from gslb.store.session import Session
from gslb.store.sqlite import AUDIT, SqliteStore
from gslb.store.valuetext import dump_drain, dump_record, load_node, load_record
from gslb.store.votes import RENEW

FIRST_LOOK = 1.0  # seconds that the start waits for the store; after that it goes on with the copy
CATCH_UP = 1.0  # seconds that the mirror has to show what was written
TRIES = 5  # at a write that others overtake
_PRUNE_EVERY = 100  # records

log = logging.getLogger("gslb.store")


class Place(NamedTuple):
    """Where the store is for one node: the keys, and the node's name."""

    keys: Keys
    node: str


class EtcdStore:
    """A Store that others see, too. Made by `EtcdStore.open`; `own` keeps what is for this node alone."""

    def __init__(self, etcd: Etcd, place: Place, own: SqliteStore) -> None:
        self._etcd = etcd
        self._keys, self._node = place
        self._own = own
        self._key = self._keys.nodes + self._node
        self._mirror = Mirror(etcd, self._keys.live, self._changed)
        self._session = Session(etcd, self._key, self._holder)
        self._drains = DrainView(self._keys.drains)
        self._nodes: dict[str, Registration] = {}
        self._alarms: dict[str, str] = {}
        self._last: Record | None = None  # of the chain of this node
        self._chained = False  # whether `_last` is known
        self._told: list[Callable[[], None]] = []
        self._writing = asyncio.Lock()
        self._copy_wanted = asyncio.Event()
        self._looked = asyncio.Event()
        self.votes = SharedVotes(etcd, self._mirror, self._session, self._keys.votes, self._node)

    @classmethod
    async def open(cls, etcd: Etcd, place: Place, own: SqliteStore) -> "EtcdStore":
        """Begin with the drains that this node knew at its end. Raises StoreError where its own file cannot be read."""
        store = cls(etcd, place, own)
        store._drains.restore(await own.read_copy("drains") or "[]")
        return store

    async def run(self) -> None:
        """See Store."""
        async with asyncio.TaskGroup() as group:
            for task in (self._mirror.run, self._session.run, self._keep_copy):
                group.create_task(task())

    async def first_look(self) -> bool:
        """Wait a moment for the store; whether it was there."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK):
                await self._looked.wait()
        return self._looked.is_set()

    def held(self) -> Held:
        """See Store. What is for this node alone is among it."""
        item = self._mirror.items.get(self._keys.intents)
        return Held(self._drains.all(self._own.held().drains), item.mod_revision if item else 0)

    def watch(self, told: Callable[[], None]) -> None:
        """See Store."""
        self._told.append(told)

    def announce(self, registration: Registration) -> None:
        """See Store."""
        self._session.announce(registration)

    def roster(self) -> Mapping[str, Registration]:
        """See Store."""
        return self._nodes

    def condition(self) -> Condition:
        """See Store."""
        heard = self._mirror.heard
        silent = None if heard == float("-inf") else time.monotonic() - heard
        alarms = [*self._alarms.values(), *self.votes.alarms.values(), *self._drains.alarms.values()]
        alarms += [text for text in (self._mirror.alarm,) if text]
        if self._session.rival:
            alarms.append(f"another node has the name of this one, {self._node}")
        return Condition("etcd", self._mirror.lost, silent, tuple(sorted(alarms)), self._etcd.endpoint)

    async def add_drain(self, drain: Drain, after: int | None = None) -> Drain:
        """See Store; one that is `local` is kept by this node alone."""
        if drain.local:
            return await self._own.add_drain(drain)
        self._require()
        async with self._writing:
            for _ in range(TRIES):
                self._drains.refuse_second(drain)
                lease = await self._etcd.grant(max(1, ceil(drain.expires - drain.created)))
                seen = self.held().revision if after is None else after
                compares = [Compare(self._keys.intents, "mod_revision", "=", seen)]
                put = Put(self._keys.drains + drain.id, dump_drain(drain), lease)
                if await self._write(drain, "drain", compares, put):
                    return self._drains.get(drain.id) or drain
                with suppress(StoreError):
                    await self._etcd.revoke(lease)
                if after is not None:
                    break
        raise StaleError("other intents came meanwhile, and this one was judged without them", hint="try again")

    async def remove_drain(self, drain_id: str, now: float) -> Drain:
        """See Store."""
        if any(drain.id == drain_id for drain in self._own.held().drains):
            return await self._own.remove_drain(drain_id, now)
        async with self._writing:
            for _ in range(TRIES):
                drain, item = self._drains.get(drain_id), self._mirror.items.get(self._keys.drains + drain_id)
                if drain is None:
                    raise NotFoundError(
                        f"there is no drain {drain_id!r}", hint="GET /api/v1/drains?all=true lists them"
                    )
                if item is None:
                    return drain
                self._require()
                if await self._write(drain, "undrain", [unchanged(item)], Delete(item.key)):
                    with suppress(StoreError):
                        await self._etcd.revoke(item.lease)
                    return self._drains.get(drain_id) or drain
        raise StaleError(f"drain {drain_id} keeps changing", hint="try again")

    async def audit(self, limit: int) -> tuple[Record, ...]:
        """See Store: of all nodes, those done here without the store included."""
        listing = await self._etcd.scan(self._keys.audit(""))
        found = list(await self._own.audit(limit))
        for item in listing.items:
            with suppress(ValueError):
                found.append(load_record(item.value))
        return tuple(sorted(found, key=lambda one: (-one.at, one.node, -one.number))[:limit])

    async def share_cookies(self, own: bytes) -> bytes:
        """What all nodes sign cookies with: what is there, else `own` from now on. Raises StoreError."""
        key = self._keys.cookies
        if key not in self._mirror.items:
            await self._etcd.txn([absent(key)], [Put(key, own)], repeat=True)
        _, item = await self._etcd.get(key)
        return item.value if item else own

    async def close(self) -> None:
        """Leave, so that others need not wait for the lease to run out."""
        await self._session.end()
        await self._etcd.close()

    def _require(self) -> None:
        if self._mirror.lost:
            raise StoreError(
                f"the store does not answer: {self._mirror.problem or 'nothing was heard yet'}",
                hint="with --local it is for this node alone, at once",
            )

    async def _write(self, drain: Drain, action: str, compares: list[Compare], write: Put | Delete) -> bool:
        """Whether it was written; if not, the mirror has what stood in the way. Raises StoreError."""
        guard, entry = self._session.guard(), await self._next_record(drain, action)
        record = self._keys.record(self._node, entry.number)
        writes = [write, Put(self._keys.intents, f"{action} {drain.id}".encode()), Put(record, dump_record(entry))]
        reads = [Read(self._key), Read(record)]
        self._chained = False  # until it is known what became of it
        done = await self._etcd.txn([guard, absent(record), *compares], writes, reads, repeat=True)
        ours = any(item.key == record and item.value == dump_record(entry) for item in done.items)
        await self._mirror.reaches(done.revision, CATCH_UP)
        if done.succeeded or ours:
            self._last, self._chained = entry, True
            await self._prune(entry)
            return True
        if not any(item.key == self._key and item.lease == guard.value for item in done.items):
            raise self._session.lapsed()
        return False

    async def _next_record(self, drain: Drain, action: str) -> Record:
        if not self._chained:
            items = (await self._etcd.scan(self._keys.audit(self._node))).items
            self._last, self._chained = _latest(items), True
        entry = Record(self._node, 0, time.time(), action, str(drain.target), drain.id, drain.owner, drain.reason)
        return chained(entry, self._last)

    async def _prune(self, entry: Record) -> None:
        """Forget what was done long ago."""
        if entry.number % _PRUNE_EVERY == 0 and entry.number > AUDIT:
            old = range(max(1, entry.number - AUDIT - _PRUNE_EVERY), entry.number - AUDIT)
            with suppress(StoreError):
                await self._etcd.txn([], [Delete(self._keys.record(self._node, number)) for number in old])

    def _holder(self) -> int:
        item = self._mirror.items.get(self._key)
        return item.lease if item else 0

    def _changed(self, keys: frozenset[str]) -> None:
        """What the mirror tells."""
        self._looked.set()
        self.votes.changed([key for key in keys if key.startswith(self._keys.votes)])
        nodes = [key for key in keys if key.startswith(self._keys.nodes)]
        for key in nodes:
            self._read_node(key, self._mirror.items.get(key))
        drains = [key for key in keys if key.startswith(self._keys.drains)]
        if not self._drains.listed:
            drains = [*drains, *self._drains.unlisted(self._mirror.items)]
        if drains:
            self._drains.changed(drains, self._mirror.items, time.time())
            self._copy_wanted.set()
        if nodes or drains:
            for told in self._told:
                told()

    def _read_node(self, key: str, item: Item | None) -> None:
        name = key.removeprefix(self._keys.nodes)
        self._alarms.pop(key, None)
        if item is None:
            self._nodes.pop(name, None)
            return
        try:
            self._nodes[name] = load_node(item.value)
        except ValueError as error:
            self._alarms[key] = f"{key}: {error}"

    async def _keep_copy(self) -> None:
        """Write what is known of the drains to the node's own file."""
        while True:
            await self._copy_wanted.wait()
            self._copy_wanted.clear()
            try:
                await self._own.write_copy("drains", self._drains.text())
            except StoreError as error:
                log.error("the copy of the drains was not saved: %s", error)
                await asyncio.sleep(RENEW)
                self._copy_wanted.set()


def _latest(items: tuple[Item, ...]) -> Record | None:
    for item in reversed(items):
        with suppress(ValueError):
            return load_record(item.value)
    return None
