"""What every SQLite file of ours shares: how it is opened, written, and kept from the event loop."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from gslb.errors import StoreError

BUSY_SECONDS = 0.5  # somebody looks into the file with a tool of their own

T = TypeVar("T")


class Schema(NamedTuple):
    """What a file holds. `synchronous`: FULL survives a power cut, NORMAL the end of every process."""

    version: int
    tables: str
    synchronous: Literal["FULL", "NORMAL"]
    holds: str  # in the words of the operator, who may move the file away to begin without it


async def in_thread(thread: ThreadPoolExecutor, path: str, call: Callable[[], T]) -> T:
    """Await `call` in the thread that owns the file. What SQLite or the system refuses is raised as StoreError."""
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, call)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: {error}", hint="check the disk and the file's permissions") from error


def open_database(path: str, schema: Schema) -> sqlite3.Connection:
    """Open the file, or create it, for this user alone. Raises sqlite3.Error, OSError, StoreError (newer schema)."""
    # isolation_level=None: transactions begin where we say, not where the module guesses.
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        _prepare(connection, path, schema)
        Path(path).chmod(0o600)
    except BaseException:
        connection.close()
        raise
    return connection


def transaction(connection: sqlite3.Connection, call: Callable[[], T]) -> T:
    """Run `call`, which writes, whole or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = call()
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()  # does nothing where SQLite has rolled back by itself, as on a full disk
        raise
    return result


def _prepare(connection: sqlite3.Connection, path: str, schema: Schema) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > schema.version:
        raise StoreError(
            f"{path}: schema version {version} was written by a newer gslb, this one reads {schema.version}",
            hint=f"start the newer version, or move the file away to begin without {schema.holds}",
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {schema.synchronous}")
    if version < schema.version:
        connection.executescript(f"BEGIN IMMEDIATE; {schema.tables} PRAGMA user_version = {schema.version}; COMMIT")
