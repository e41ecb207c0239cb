"""What every SQLite file of ours shares: how it is opened, written, and kept from the event loop."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar

from gslb.errors import StoreError
from gslb.formats import refusal

BUSY_SECONDS = 0.5  # somebody looks into the file with a tool of their own

T = TypeVar("T")

_DECLARED: Final = """
CREATE TABLE IF NOT EXISTS format (oldest_reader INTEGER NOT NULL);
DELETE FROM format;
INSERT INTO format VALUES ({});
"""


class Schema(NamedTuple):
    """What a file holds. Each of `steps` is SQL that leads from one format to the next, the first to format 1.

    `oldest` is the oldest format whose programs may use a file of this one: see gslb.formats. `synchronous`: FULL
    survives a power cut, NORMAL the end of every process.
    """

    steps: tuple[str, ...]
    oldest: int
    synchronous: Literal["FULL", "NORMAL"]
    holds: str  # in the words of the operator, who may move the file away to begin without it

    @property
    def version(self) -> int:
        """The number of the format."""
        return len(self.steps)


async def in_thread(thread: ThreadPoolExecutor, path: str, call: Callable[[], T]) -> T:
    """Await `call` in the thread that owns the file. What SQLite or the system refuses is raised as StoreError."""
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, call)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: {error}", hint="check the disk and the file's permissions") from error


def open_database(path: str, schema: Schema) -> sqlite3.Connection:
    """Open the file, or create it, for this user alone. Raises sqlite3.Error, OSError, StoreError (too new)."""
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


def read_only(path: str) -> sqlite3.Connection:
    """The file, to look into, whoever else has it open. Raises sqlite3.Error."""
    return sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def check_file(path: str, schema: Schema) -> None:
    """Whether `open_database` would take the file, if it is there. Raises StoreError where it would not."""
    if not Path(path).exists():
        return
    try:
        with closing(read_only(path)) as connection:
            require_readable(connection, path, schema)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error


def require_readable(connection: sqlite3.Connection, path: str, schema: Schema) -> int:
    """The format of a file. Raises StoreError where a program of this schema must leave it alone."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if why := refusal(version, _oldest(connection) or version, schema.version):
        raise StoreError(
            f"{path} {why}",
            hint=f"start a newer gslb, or move the file away to begin without {schema.holds}",
        )
    return int(version)


def _oldest(connection: sqlite3.Connection) -> int | None:
    """What the file says about its oldest reader, if anything."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'format'").fetchone():
        return None
    (oldest,) = connection.execute("SELECT max(oldest_reader) FROM format").fetchone()
    return oldest if isinstance(oldest, int) else None


def _prepare(connection: sqlite3.Connection, path: str, schema: Schema) -> None:
    before = require_readable(connection, path, schema)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {schema.synchronous}")
    if before < schema.version:  # the number never goes back: a newer program has its additions already
        transaction(connection, lambda: _convert(connection, path, schema))


def _convert(connection: sqlite3.Connection, path: str, schema: Schema) -> None:
    """Within a transaction, which `executescript` would end. Somebody else may have converted the file meanwhile."""
    version = require_readable(connection, path, schema)
    if version >= schema.version:
        return
    for step in (*schema.steps[version:], _DECLARED.format(schema.oldest)):
        for statement in _statements(step):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {schema.version}")


def _statements(script: str) -> Iterator[str]:
    """SQL, statement by statement; a semicolon within a trigger or a string ends none, the last may lack its own."""
    begun = ""
    for piece in script.split(";"):
        begun += f"{piece};"
        if sqlite3.complete_statement(begun):
            yield begun
            begun = ""
    if begun:
        yield begun  # what is not complete is an error, and SQLite says which
