"""The embedded store: one SQLite file, one connection, one thread.

A write waits for the disk (synchronous=FULL: a drain that was acknowledged survives a power cut), so calls run in a
thread of the store's own: probing and publishing never wait for them.
"""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from gslb.errors import ConflictError, NotFoundError, RequestError, SnapshotError, StoreError
from gslb.intents import Drain
from gslb.store import HISTORY, HealthSnapshot, healthtext
from gslb.store.database import Schema, in_thread, open_database, transaction
from gslb.store.votes import OwnVotes

SCHEMA_VERSION = 1
_COLUMNS = "id, target, reason, owner, created, expires, removed"
_SCHEMA = """
CREATE TABLE drains (
  id TEXT PRIMARY KEY, target TEXT NOT NULL, reason TEXT NOT NULL, owner TEXT NOT NULL,
  created REAL NOT NULL, expires REAL NOT NULL, removed REAL
);
CREATE TABLE health (only INTEGER PRIMARY KEY CHECK (only = 1), stamp REAL NOT NULL, belief TEXT NOT NULL);
"""
_FILE = Schema(SCHEMA_VERSION, _SCHEMA, "FULL", "drains")

T = TypeVar("T")


class SqliteStore:
    """A Store in one file. Made by `SqliteStore.open`."""

    def __init__(self, path: str, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._path = path
        self._connection = connection
        self._thread = thread
        self.votes = OwnVotes()

    @classmethod
    async def open(cls, path: str) -> "SqliteStore":
        """Open the file, or create it. Raises StoreError: unreadable, not a database, or of a newer schema."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        try:
            return cls(path, await in_thread(thread, path, lambda: open_database(path, _FILE)), thread)
        except BaseException:
            thread.shutdown(wait=False)
            raise

    async def drains(self) -> tuple[Drain, ...]:
        """Every drain kept, ended ones included, oldest first."""
        return await self._run(self._drains)

    async def add_drain(self, drain: Drain) -> None:
        """Keep a drain and forget those that ended long ago. Raises ConflictError, StoreError."""
        await self._run(lambda: self._add(drain))

    async def remove_drain(self, drain_id: str, now: float) -> Drain:
        """End a drain at `now`; one that has ended stays as it is. Raises NotFoundError, StoreError."""
        return await self._run(lambda: self._remove(drain_id, now))

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

    def _add(self, drain: Drain) -> None:
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
            return _drain(cast(tuple[Any, ...], self._one(find, (drain_id,))))

        return self._transaction(update)


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
