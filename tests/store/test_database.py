"""What the SQLite files share."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from gslb.errors import ConflictError, StoreError
from gslb.store.database import Schema, in_thread, open_database, transaction

SCHEMA = Schema(2, "CREATE TABLE t (n INTEGER UNIQUE);", "NORMAL", "its numbers")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "test.db")


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [n for (n,) in connection.execute("SELECT n FROM t")]


@pytest.mark.parametrize(("synchronous", "level"), [("NORMAL", 1), ("FULL", 2)])
def test_a_new_file_is_private_and_as_the_schema_says(path: str, synchronous: str, level: int) -> None:
    with closing(open_database(path, SCHEMA._replace(synchronous=synchronous))) as connection:  # type: ignore[arg-type]
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    assert Path(path).stat().st_mode & 0o777 == 0o600


def test_a_newer_file_is_refused_in_the_words_of_its_owner(path: str) -> None:
    open_database(path, SCHEMA._replace(version=3)).close()
    with pytest.raises(StoreError, match="schema version 3") as caught:
        open_database(path, SCHEMA)
    assert "begin without its numbers" in caught.value.hint


def test_a_transaction_is_whole_or_nothing(path: str) -> None:
    with closing(open_database(path, SCHEMA)) as connection:

        def write(*values: int) -> int:
            for value in values:
                connection.execute("INSERT INTO t VALUES (?)", (value,))
            return len(values)

        assert transaction(connection, lambda: write(1, 2)) == 2
        with pytest.raises(sqlite3.IntegrityError):
            transaction(connection, lambda: write(3, 1))
        assert numbers(connection) == [1, 2]


async def test_calls_run_in_the_thread_and_their_errors_are_ours() -> None:
    with ThreadPoolExecutor(1, "the-thread") as thread:

        def fail(error: Exception) -> None:
            raise error

        assert (await in_thread(thread, "x", lambda: threading.current_thread().name)).startswith("the-thread")
        with pytest.raises(StoreError, match=r"x: disk I/O error"):
            await in_thread(thread, "x", lambda: fail(sqlite3.OperationalError("disk I/O error")))
        with pytest.raises(ConflictError):
            await in_thread(thread, "x", lambda: fail(ConflictError("ours")))
