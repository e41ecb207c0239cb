"""The embedded store: one SQLite file, one connection, one thread.

A write waits for the disk (synchronous=FULL: a drain that was acknowledged survives a power cut), so calls run in a
thread of the store's own: probing and publishing never wait for them.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from gslb.errors import ConflictError, NotFoundError, SnapshotError, StaleError
from gslb.intents import Intent
from gslb.store import Document, HealthSnapshot, Held, healthtext, rows
from gslb.store.audit import Deed, Record
from gslb.store.auditpages import AuditPage, AuditWanted, Read, read_page
from gslb.store.conflicts import conflict, missing, require_next, require_version
from gslb.store.database import in_thread, open_database, transaction
from gslb.store.keptview import Documents, document_text
from gslb.store.roster import Condition, Registration
from gslb.store.votes import OwnVotes

T = TypeVar("T")


class SqliteStore:
    """Store and HealthStore of one node in one file. Made by `SqliteStore.open`."""

    def __init__(self, path: str, node: str, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self.votes = OwnVotes()
        self.node = node
        self._path = path
        self._connection = connection
        self._thread = thread
        self._held = Held((), 0)
        self._documents: Documents = {}
        self._writing = asyncio.Lock()
        self._roster: dict[str, Registration] = {}

    @classmethod
    async def open(cls, path: str, node: str = "") -> "SqliteStore":
        """Open the file, or create it; `node` is the name that records of what was done bear.

        Raises StoreError: unreadable, not a database, or too new.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        try:
            store = cls(path, node, await in_thread(thread, path, lambda: open_database(path, rows.FILE)), thread)
            await store._refresh()
            return store
        except BaseException:
            thread.shutdown(wait=False)
            raise

    def sign_as(self, node: str) -> None:
        """Put another name into records of what was done, from now on."""
        self.node = node

    def held(self) -> Held:
        """See Store."""
        return self._held

    async def find(self, intent_id: str) -> Intent:
        """See Store."""
        intent = self._held.find(intent_id)
        if intent is None:
            raise missing(intent_id)
        return intent

    async def add(self, intent: Intent, after: int | None, deed: Deed) -> Intent:
        """See Store; what ended long ago is forgotten."""

        def insert() -> Intent:
            if rows.find_intent(self._connection, intent.id):
                raise ConflictError(f"there is an intent {intent.id} already")
            rows.forget_intents(self._connection, intent.created)
            return self._put(intent, None, deed)

        return await self._change_intents(insert, after)

    async def change(self, intent: Intent, after: int | None, deed: Deed) -> Intent:
        """See Store."""

        def update() -> Intent:
            former = self._find(intent.id)
            require_next(intent, former)
            return self._put(intent, former, deed)

        return await self._change_intents(update, after)

    async def remove(self, intent_id: str, now: float, deed: Deed, changed: int | None = None) -> Intent:
        """See Store."""

        def end() -> Intent:
            former = self._find(intent_id)
            if former.state(now) in ("removed", "expired"):
                return former
            require_version(former, changed)
            ended = replace(former, removed=now)
            rows.put_intent(self._connection, ended)
            rows.put_record(self._connection, self.node, deed.about(former, None))
            return ended

        return await self._change_intents(end, None)

    def kept(self, kind: str) -> Mapping[str, Document]:
        """See Store."""
        return MappingProxyType(self._documents.get(kind, {}))

    async def keep(self, kind: str, key: str, value: Document | None, deed: Deed | None) -> None:
        """See Store."""
        text = None if value is None else document_text(kind, key, value)

        def put() -> None:
            if not rows.put_document(self._connection, kind, key, text):
                raise NotFoundError(f"there is nothing under {key!r} among the {kind}")
            if deed:
                rows.put_record(self._connection, self.node, deed)

        async with self._writing:
            await self._run(partial(self._transaction, put))
            self._documents = await self._run(lambda: rows.read_documents(self._connection))

    async def record(self, deed: Deed) -> None:
        """See Store."""
        async with self._writing:
            put = partial(rows.put_record, self._connection, self.node, deed)
            await self._run(partial(self._transaction, put))

    def watch(self, told: Callable[[], None]) -> None:
        """There is nobody else who changes anything."""

    def announce(self, registration: Registration) -> None:
        """There are no other nodes to tell."""
        self._roster = {registration.name: registration}

    def roster(self) -> Mapping[str, Registration]:
        """This node."""
        return self._roster

    def condition(self) -> Condition:
        """It is always there."""
        return Condition("sqlite")

    async def audit(self, wanted: AuditWanted) -> AuditPage:
        """See Store; of every name that this node had."""
        names = await self._run(lambda: rows.recorders(self._connection))
        return await read_page({name: self.chain(name) for name in names}, wanted)

    def chain(self, name: str) -> Read:
        """What was recorded under a name."""

        async def read(below: int | None, limit: int) -> tuple[Record, ...]:
            return await self._run(lambda: rows.read_records(self._connection, name, below, limit))

        return read

    async def run(self) -> None:
        """Nothing changes but by this node itself."""
        await asyncio.Event().wait()

    async def read_copy(self, name: str) -> str | None:
        """What was kept under a name, if anything. Raises StoreError."""
        find = "SELECT text FROM copies WHERE name = ?"
        row = await self._run(lambda: self._connection.execute(find, (name,)).fetchone())
        return str(row[0]) if row else None

    async def write_copy(self, name: str, text: str) -> None:
        """Keep a text under a name. Raises StoreError."""
        put = "REPLACE INTO copies (name, text) VALUES (?, ?)"
        await self._run(lambda: self._connection.execute(put, (name, text)))

    async def read_health(self) -> HealthSnapshot | None:
        """The last health snapshot. Raises SnapshotError, StoreError."""
        row = await self._run(lambda: self._connection.execute("SELECT stamp, belief FROM health").fetchone())
        return _decode_health(self._path, *row) if row else None

    async def write_health(self, snapshot: HealthSnapshot) -> None:
        """Replace the health snapshot. Raises StoreError."""
        values = (snapshot.stamp, healthtext.dump(snapshot.belief, snapshot.memory))
        put = "REPLACE INTO health (only, stamp, belief) VALUES (1, ?, ?)"
        await self._run(lambda: self._connection.execute(put, values))

    async def close(self) -> None:
        """Finish what is under way, fold the write-ahead log into the file, and end the thread."""
        await self._run(self._connection.close)
        self._thread.shutdown()

    async def _change_intents(self, call: Callable[[], Intent], after: int | None) -> Intent:
        async with self._writing:
            if after not in (None, self._held.revision):
                raise StaleError("other intents came meanwhile, and this one was judged without them", hint="try again")
            changed = await self._run(partial(self._transaction, call))
            if changed != self._held.find(changed.id):
                await self._refresh()
        return changed

    def _find(self, intent_id: str) -> Intent:
        intent = rows.find_intent(self._connection, intent_id)
        if intent is None:
            raise missing(intent_id)
        return intent

    def _put(self, intent: Intent, former: Intent | None, deed: Deed) -> Intent:
        if refused := conflict(intent, rows.read_intents(self._connection), time.time()):
            raise refused
        rows.put_intent(self._connection, intent)
        rows.put_record(self._connection, self.node, deed.about(former, intent))
        return intent

    async def _refresh(self) -> None:
        """Know what is in the file; of what is new or changed the revision is the one that this is."""
        intents = await self._run(lambda: rows.read_intents(self._connection))
        before, revision = {one.id: one for one in self._held.intents}, self._held.revision + 1
        former = self._held.revisions
        since = {one.id: former[one.id] if one == before.get(one.id) else revision for one in intents}
        self._held = Held(intents, revision, since)
        self._documents = await self._run(lambda: rows.read_documents(self._connection))

    async def _run(self, call: Callable[[], T]) -> T:
        return await in_thread(self._thread, self._path, call)

    def _transaction(self, call: Callable[[], T]) -> T:
        return transaction(self._connection, call)


def _decode_health(path: str, stamp: float, text: str) -> HealthSnapshot:
    try:
        belief, memory = healthtext.load(text)
        return HealthSnapshot(belief, float(stamp), memory)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SnapshotError(f"{path}: the health snapshot cannot be understood: {error}") from error
