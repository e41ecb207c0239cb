"""The store that several nodes share, on etcd: intents, votes, who is there, and the record of what was done.

Reading never asks anybody: a mirror holds what every node must know, and a copy of the drains outlives this node's
restart in its own file. Writing is one transaction that compares the registration of this node and what it judged by.
Decisions: docs/decisions/0070.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from math import ceil
from typing import Final

from gslb.errors import NotFoundError, RequestError, StaleError, StoreError
from gslb.intents import Drain
from gslb.store import Held
from gslb.store.audit import Record, added, newest
from gslb.store.ballots import SharedVotes
from gslb.store.drainview import DrainView
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Compare, Delete, Item, Put, absent, unchanged
from gslb.store.mirror import Mirror
from gslb.store.roster import Condition, Registration
from gslb.store.session import Session
from gslb.store.sqlite import SqliteStore
from gslb.store.valuetext import check_secrets, dump_drain, load_drain, load_node, shown
from gslb.store.votes import RENEW
from gslb.store.writer import Deed, Place, Writer

ASK_EVERY: Final = 5.0  # seconds between questions for etcd's own alarms
FIRST_LOOK: Final = 1.0  # seconds that the start waits for the store; after that it goes on with the copy
TRIES: Final = 5  # at a write that others overtake
ALARMS: Final = 20  # that are told at once
_LOCAL: Final = "with --local it is for this node alone, at once"

log = logging.getLogger("gslb.store")


class EtcdStore:
    """A Store that others see, too. Made by `EtcdStore.open`; `own` keeps what is for this node alone."""

    def __init__(self, etcd: Etcd, place: Place, own: SqliteStore) -> None:
        self._etcd = etcd
        self._keys, self._node = place
        self._own = own
        own.sign_as(f"{self._node} (local)")
        self._mirror = Mirror(etcd, self._keys.live, self._changed)
        self._session = Session(etcd, self._mirror, self._keys.nodes + self._node)
        self._writer = Writer(etcd, self._mirror, self._session, place)
        self._drains = DrainView(self._keys)
        self._nodes: dict[str, Registration] = {}
        self._alarms: dict[str, str] = {}  # by key
        self._own_alarms: tuple[str, ...] = ()  # that etcd raises itself
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
            for task in (self._mirror.run, self._session.run, self._keep_copy, self._keep_asking):
                group.create_task(task())

    async def first_look(self) -> bool:
        """Wait a moment for the store; whether it was there."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK):
                await self._looked.wait()
        return self._looked.is_set()

    def held(self) -> Held:
        """See Store. What is for this node alone is among it."""
        return Held(self._drains.all(self._own.held().drains), self._revision)

    def watch(self, told: Callable[[], None]) -> None:
        """See Store."""
        self._told.append(told)

    def announce(self, registration: Registration) -> None:
        """See Store."""
        self._session.announce(registration)

    def roster(self) -> Mapping[str, Registration]:
        """See Store."""
        own = self._session.registration
        return {own.name: own, **self._nodes} if own else self._nodes

    def condition(self) -> Condition:
        """See Store."""
        heard, lost = self._mirror.heard, self._mirror.lost
        silent = None if heard == float("-inf") else time.monotonic() - heard
        texts = [*self._alarms.values(), *self.votes.alarms.values(), *self._drains.alarms.values()]
        more = [f"and {len(texts) - ALARMS} more keys that cannot be understood"] if len(texts) > ALARMS else []
        found = (self._mirror.problem if lost else "", self._mirror.alarm, self._session.problem, *self._own_alarms)
        alarms = (*filter(None, found), *sorted(texts)[:ALARMS], *more)
        return Condition("etcd", lost, silent, alarms, self._etcd.endpoint)

    async def add_drain(self, drain: Drain, after: int | None = None, *, forced: bool = False) -> Drain:
        """See Store; one that is `local` is kept by this node alone, whatever the others do."""
        if drain.local:
            return replace(await self._own.add_drain(drain, forced=forced), local=True)
        self._require(_LOCAL)
        try:
            text = dump_drain(drain)
            kept = load_drain(text)
        except ValueError as error:
            raise RequestError(f"the drain cannot be kept: {error}") from error
        async with self._writing:
            try:
                return await self._add(kept, text, after, added(forced=forced))
            except StoreError as error:
                error.hint = error.hint or _LOCAL
                raise

    async def _add(self, drain: Drain, text: bytes, after: int | None, action: str) -> Drain:
        for _ in range(TRIES):
            if self._drains.second(drain):
                await self._writer.catch_up()  # it may have ended
            seen = self._revision if after is None else after  # before anything is awaited: it goes with what is judged
            if conflict := self._drains.second(drain):
                raise conflict
            lease = await self._etcd.grant(max(1, ceil(drain.expires - drain.created)))
            judged = Compare(self._keys.intents, "mod_revision", "=", seen)
            put = Put(self._keys.drains + drain.id, text, lease)
            if await self._writer.write(Deed(action, drain, (judged,), put)):
                return self._drains.get(drain.id) or drain
            with suppress(StoreError):
                await self._etcd.revoke(lease)
            if after not in (None, self._revision):
                break
        raise StaleError("other intents came meanwhile, and this one was judged without them", hint="try again")

    async def remove_drain(self, drain_id: str, now: float) -> Drain:
        """See Store."""
        if any(drain.id == drain_id for drain in self._own.held().drains):
            return replace(await self._own.remove_drain(drain_id, now), local=True)
        async with self._writing:
            for _ in range(TRIES):
                drain, item = await self._find(drain_id)
                if item is None:
                    return drain
                if await self._writer.write(Deed("undrain", drain, (unchanged(item),), Delete(item.key))):
                    with suppress(StoreError):
                        await self._etcd.revoke(item.lease)
                    ended = self._drains.get(drain_id)
                    return ended if ended and ended.removed is not None else replace(drain, removed=now)
        raise StaleError(f"drain {drain_id} keeps changing", hint="try again")

    async def _find(self, drain_id: str) -> tuple[Drain, Item | None]:
        """A drain, and its key where it has not ended. Raises NotFoundError, StoreError."""
        key = self._keys.drains + drain_id
        drain = self._drains.get(drain_id)
        if drain is None or drain.removed is None:
            self._require("it can be ended when the store answers; it lasts until its expiry at most")
        if drain is None or (drain.removed is None and key not in self._mirror.items):
            await self._writer.catch_up()  # it may be new
            drain = self._drains.get(drain_id)
        if drain is None:
            raise NotFoundError(f"there is no drain {drain_id!r}", hint="GET /api/v1/drains?all=true lists them")
        return drain, self._mirror.items.get(key)

    async def audit(self, limit: int) -> tuple[Record, ...]:
        """See Store: of all nodes, and what was done for this one alone."""
        own = [record for record in await self._own.audit(limit) if record.node == self._own.node]
        return newest([*await self._writer.records(), *reversed(own)], limit)

    async def share_cookies(self, own: bytes) -> bytes:
        """What all nodes sign cookies with: what is there, else `own` from now on. Raises StoreError."""
        key = self._keys.cookies
        item = self._mirror.items.get(key)
        if item is None:
            await self._etcd.txn([absent(key)], [Put(key, own)], repeat=True)
            _, item = await self._etcd.get(key)
        try:
            secrets = check_secrets(item.value) if item else own
            self._alarms.pop(key, None)
            return secrets
        except ValueError as error:
            self._alarms[key] = f"{shown(key)}: {error}"
            return own

    async def close(self) -> None:
        """Leave, so that others need not wait for the lease to run out. When `run` has ended."""
        await self._session.end()
        await self._etcd.close()
        if self._copy_wanted.is_set():
            with suppress(StoreError):
                await self._own.write_copy("drains", self._drains.text())

    @property
    def _revision(self) -> int:
        item = self._mirror.items.get(self._keys.intents)
        return item.mod_revision if item else 0

    def _require(self, hint: str) -> None:
        if self._mirror.lost:
            problem = self._mirror.problem or "nothing was heard of it yet"
            raise StoreError(f"the store does not answer: {problem}", hint=hint)

    def _changed(self, keys: Collection[str]) -> None:
        """What the mirror tells."""
        self._looked.set()
        nodes = [key for key in keys if key.startswith(self._keys.nodes)]
        for key in nodes:
            self._read_node(key, self._mirror.items.get(key))
        drains = self._drains.changed(keys, self._mirror.items, time.time())
        if drains:
            self._copy_wanted.set()
        self.votes.changed([key for key in keys if key.startswith(self._keys.votes)])
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
            node = load_node(item.value)
            if node.name != name or not item.lease:
                raise ValueError("has no lease" if node.name == name else f"is of the node {ascii(node.name)[:40]}")
            self._nodes[name] = node
        except ValueError as error:
            self._alarms[key] = f"{shown(key)}: {error}"

    async def _keep_asking(self) -> None:
        """Learn what etcd says of itself: that it is full, before anybody writes."""
        while True:
            told = (await self._etcd.status()).alarms
            self._own_alarms = tuple(f"etcd: {alarm.strip()}" for alarm in told)
            await asyncio.sleep(ASK_EVERY)

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
