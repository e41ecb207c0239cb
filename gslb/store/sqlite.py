"""The embedded store: one SQLite file, one connection, one thread.

A write waits for the disk (synchronous=FULL: a drain that was acknowledged survives a power cut), so calls run in a
thread of the store's own: probing and publishing never wait for them.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, TypeVar, cast

from gslb.errors import ConflictError, NotFoundError, RequestError, SnapshotError, StaleError, StoreError
from gslb.intents import Drain
from gslb.store import HISTORY, HealthSnapshot, Held, healthtext
from gslb.store.audit import Record, added, chained
from gslb.store.database import Schema, in_thread, open_database, transaction
from gslb.store.roster import Condition, Registration
from gslb.store.votes import OwnVotes

SCHEMA_VERSION = 2
AUDIT = 10_000  # records that are kept
_COLUMNS = "id, target, reason, owner, created, expires, removed"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS drains (
  id TEXT PRIMARY KEY, target TEXT NOT NULL, reason TEXT NOT NULL, owner TEXT NOT NULL,
  created REAL NOT NULL, expires REAL NOT NULL, removed REAL
);
CREATE TABLE IF NOT EXISTS health (
  only INTEGER PRIMARY KEY CHECK (only = 1), stamp REAL NOT NULL, belief TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS audit (number INTEGER PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS copies (name TEXT PRIMARY KEY, text TEXT NOT NULL);
"""
_FILE = Schema(SCHEMA_VERSION, _SCHEMA, "FULL", "drains")

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
        self._writing = asyncio.Lock()
        self._roster: dict[str, Registration] = {}

    @classmethod
    async def open(cls, path: str, node: str = "") -> "SqliteStore":
        """Open the file, or create it; `node` is the name that records of what was done bear.

        Raises StoreError: unreadable, not a database, or of a newer schema.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        try:
            store = cls(path, node, await in_thread(thread, path, lambda: open_database(path, _FILE)), thread)
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

    async def add_drain(self, drain: Drain, after: int | None = None, *, forced: bool = False) -> Drain:
        """Keep a drain and forget those that ended long ago. Raises ConflictError, StaleError, StoreError."""
        async with self._writing:
            if after is not None and after != self._held.revision:
                raise StaleError("other intents came meanwhile, and this one was judged without them", hint="try again")
            await self._run(lambda: self._add(drain, added(forced=forced)))
            await self._refresh()
        return drain

    async def remove_drain(self, drain_id: str, now: float) -> Drain:
        """End a drain at `now`; one that has ended stays as it is. Raises NotFoundError, StoreError."""
        async with self._writing:
            removed = await self._run(lambda: self._remove(drain_id, now))
            await self._refresh()
        return removed

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

    async def audit(self, limit: int) -> tuple[Record, ...]:
        """See Store."""
        find = "SELECT record FROM audit ORDER BY number DESC LIMIT ?"
        rows = await self._run(lambda: self._execute(find, (limit,)))
        return tuple(Record(**json.loads(text)) for (text,) in rows)

    async def run(self) -> None:
        """Nothing changes but by this node itself."""
        await asyncio.Event().wait()

    async def read_copy(self, name: str) -> str | None:
        """What was kept under a name, if anything. Raises StoreError."""
        row = await self._run(lambda: self._one("SELECT text FROM copies WHERE name = ?", (name,)))
        return str(row[0]) if row else None

    async def write_copy(self, name: str, text: str) -> None:
        """Keep a text under a name. Raises StoreError."""
        await self._run(lambda: self._write("REPLACE INTO copies (name, text) VALUES (?, ?)", (name, text)))

    async def read_health(self) -> HealthSnapshot | None:
        """The last health snapshot. Raises SnapshotError, StoreError."""
        row = await self._run(lambda: self._one("SELECT stamp, belief FROM health"))
        return _decode_health(self._path, *row) if row else None

    async def write_health(self, snapshot: HealthSnapshot) -> None:
        """Replace the health snapshot. Raises StoreError."""
        values = (snapshot.stamp, healthtext.dump(snapshot.belief, snapshot.memory))
        await self._run(lambda: self._write("REPLACE INTO health (only, stamp, belief) VALUES (1, ?, ?)", values))

    async def close(self) -> None:
        """Finish what is under way, fold the write-ahead log into the file, and end the thread."""
        await self._run(self._connection.close)
        self._thread.shutdown()

    async def _refresh(self) -> None:
        self._held = Held(await self._run(self._drains), self._held.revision + 1)

    async def _run(self, call: Callable[[], T]) -> T:
        return await in_thread(self._thread, self._path, call)

    def _execute(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()

    def _one(self, sql: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        return next(iter(self._execute(sql, values)), None)

    def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        self._transaction(lambda: self._execute(sql, values))

    def _transaction(self, call: Callable[[], T]) -> T:
        return transaction(self._connection, call)

    def _drains(self) -> tuple[Drain, ...]:
        return tuple(map(_drain, self._execute(f"SELECT {_COLUMNS} FROM drains ORDER BY created, id")))  # noqa: S608

    def _add(self, drain: Drain, action: str) -> None:
        def insert() -> None:
            now = drain.created
            for other in self._drains():
                if other.target == drain.target and other.active(now):
                    raise ConflictError(
                        f"{other.target} is drained already, by {other.id}: {other.reason}",
                        pointer="/target",
                        hint=f"remove {other.id} first",
                    )
            self._execute("DELETE FROM drains WHERE min(expires, ifnull(removed, expires)) < ?", (now - HISTORY,))
            values = (drain.id, str(drain.target), drain.reason, drain.owner, now, drain.expires, drain.removed)
            self._execute(f"INSERT INTO drains ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608
            self._record(action, drain, now)

        self._transaction(insert)

    def _remove(self, drain_id: str, now: float) -> Drain:
        def update() -> Drain:
            find = f"SELECT {_COLUMNS} FROM drains WHERE id = ?"  # noqa: S608
            row = self._one(find, (drain_id,))
            if row is None:
                raise NotFoundError(
                    f"there is no drain {drain_id!r}", hint="list them with GET /api/v1/drains?all=true"
                )
            if not _drain(row).active(now):
                return _drain(row)
            self._execute("UPDATE drains SET removed = ? WHERE id = ?", (now, drain_id))
            self._record("undrain", _drain(row), now)
            return _drain(cast(tuple[Any, ...], self._one(find, (drain_id,))))

        return self._transaction(update)

    def _record(self, action: str, drain: Drain, now: float) -> None:
        last = self._one("SELECT record FROM audit ORDER BY number DESC LIMIT 1")
        entry = Record(self.node, 0, now, action, str(drain.target), drain.id, drain.owner, drain.reason)
        entry = chained(entry, Record(**json.loads(last[0])) if last else None)
        self._execute("INSERT INTO audit (number, record) VALUES (?, ?)", (entry.number, json.dumps(asdict(entry))))
        self._execute("DELETE FROM audit WHERE number <= ?", (entry.number - AUDIT,))


def _drain(row: tuple[Any, ...]) -> Drain:
    try:
        return Drain.from_dict(dict(zip(_COLUMNS.split(", "), row, strict=True)))
    except RequestError as error:
        raise StoreError(f"drain {row[0]!r} cannot be understood: {error}") from error


def _decode_health(path: str, stamp: float, text: str) -> HealthSnapshot:
    try:
        belief, memory = healthtext.load(text)
        return HealthSnapshot(belief, float(stamp), memory)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SnapshotError(f"{path}: the health snapshot cannot be understood: {error}") from error
