"""The store that several nodes share, on etcd: intents, votes, who is there, and the record of what was done.

Reading never asks anybody: a mirror holds what every node must know, and a copy of intents and documents outlives this
node's restart in its own file. Writing is one transaction that compares the registration of this node and what it
judged by (`changes`).
Decisions: docs/decisions/0070.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from gslb.errors import StoreError
from gslb.intents import Intent
from gslb.store import Document, Held
from gslb.store.audit import Deed
from gslb.store.auditpages import AuditPage, AuditWanted, Read, read_page
from gslb.store.ballots import SharedVotes
from gslb.store.changes import Changes
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Item, Put, absent
from gslb.store.intentview import IntentView
from gslb.store.keptview import KeptView
from gslb.store.mirror import Mirror
from gslb.store.roster import Condition, Registration
from gslb.store.session import Session
from gslb.store.sqlite import SqliteStore
from gslb.store.valuetext import check_secrets, load_node, shown
from gslb.store.votes import RENEW
from gslb.store.writer import Place, Writer

ASK_EVERY: Final = 5.0  # seconds between questions for etcd's own alarms
FIRST_LOOK: Final = 1.0  # seconds that the start waits for the store; after that it goes on with the copy
ALARMS: Final = 20  # that are told at once

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
        self._intents = IntentView(self._keys)
        self._kept = KeptView(self._keys)
        self._changes = Changes(etcd, self._mirror, self._writer, self._intents, self._keys)
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
        """Begin with what this node knew at its end. Raises StoreError where its own file cannot be read."""
        store = cls(etcd, place, own)
        # The version before kept its drains under that name.
        store._intents.restore(await own.read_copy("intents") or await own.read_copy("drains") or "[]")
        store._kept.restore(await own.read_copy("kept") or "{}")
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
        return self._intents.held(self._own.held().intents, self._changes.revision)

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
        texts = [
            *self._alarms.values(),
            *self.votes.alarms.values(),
            *self._intents.alarms.values(),
            *self._kept.alarms.values(),
        ]
        more = [f"and {len(texts) - ALARMS} more keys that cannot be understood"] if len(texts) > ALARMS else []
        found = (self._mirror.problem if lost else "", self._mirror.alarm, self._session.problem, *self._own_alarms)
        alarms = (*filter(None, found), *sorted(texts)[:ALARMS], *more)
        return Condition("etcd", lost, silent, alarms, self._etcd.endpoint)

    async def find(self, intent_id: str) -> Intent:
        """See Store."""
        return self.held().find(intent_id) or await self._changes.find(intent_id)

    async def add(self, intent: Intent, after: int | None, deed: Deed) -> Intent:
        """See Store; one that is `local` is kept by this node alone, whatever the others do."""
        if intent.local:
            return replace(await self._own.add(intent, None, deed), local=True)
        return await self._changes.add(intent, after, deed)

    async def change(self, intent: Intent, after: int | None, deed: Deed) -> Intent:
        """See Store."""
        if self._own.held().find(intent.id):
            return replace(await self._own.change(intent, None, deed), local=True)
        return await self._changes.change(intent, after, deed)

    async def remove(self, intent_id: str, now: float, deed: Deed, changed: int | None = None) -> Intent:
        """See Store."""
        if self._own.held().find(intent_id):
            return replace(await self._own.remove(intent_id, now, deed, changed), local=True)
        return await self._changes.remove(intent_id, now, deed, changed)

    def kept(self, kind: str) -> Mapping[str, Document]:
        """See Store."""
        return self._kept.of(kind)

    async def keep(self, kind: str, key: str, value: Document | None, deed: Deed | None) -> None:
        """See Store."""
        await self._changes.keep(kind, key, value, deed)

    async def record(self, deed: Deed) -> None:
        """See Store."""
        try:
            await self._changes.record(deed)
        except StoreError as error:
            log.warning("recorded by this node alone, as the store does not take it: %s", error)
            await self._own.record(deed)

    async def audit(self, wanted: AuditWanted) -> AuditPage:
        """See Store: of all nodes, and what was done for this one alone."""
        chains: dict[str, Read] = {name: partial(self._writer.records, name) for name in await self._writer.nodes()}
        return await read_page({**chains, self._own.node: self._own.chain(self._own.node)}, wanted)

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
                await self._write_copies()

    def _changed(self, keys: Collection[str]) -> None:
        """What the mirror tells."""
        self._looked.set()
        nodes = [key for key in keys if key.startswith(self._keys.nodes)]
        for key in nodes:
            self._read_node(key, self._mirror.items.get(key))
        intents = self._intents.changed(keys, self._mirror.items, time.time())
        kept = self._kept.changed(keys, self._mirror.items)
        if intents or kept:
            self._copy_wanted.set()
        self.votes.changed([key for key in keys if key.startswith(self._keys.votes)])
        if nodes or intents or kept:
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
        """Write what is known of intents and documents to the node's own file."""
        while True:
            await self._copy_wanted.wait()
            self._copy_wanted.clear()
            try:
                await self._write_copies()
            except StoreError as error:
                log.error("the copy of what all nodes share was not saved: %s", error)
                await asyncio.sleep(RENEW)
                self._copy_wanted.set()

    async def _write_copies(self) -> None:
        await self._own.write_copy("intents", self._intents.text())
        await self._own.write_copy("kept", self._kept.text())
