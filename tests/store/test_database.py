"""What the SQLite files share."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from gslb.errors import ConflictError, StoreError
from gslb.store.database import Schema, check_file, in_thread, open_database, require_readable, transaction

SCHEMA = Schema(("CREATE TABLE s (n INTEGER);", "CREATE TABLE t (n INTEGER UNIQUE);"), 2, "NORMAL", "its numbers")
NEXT = SCHEMA._replace(steps=(*SCHEMA.steps, "ALTER TABLE t ADD COLUMN more TEXT DEFAULT 'sunny';"))


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


def test_a_file_is_brought_up_to_date_step_by_step(path: str) -> None:
    with closing(open_database(path, SCHEMA._replace(steps=SCHEMA.steps[:1], oldest=1))) as connection:
        connection.execute("INSERT INTO s VALUES (7)")
    with closing(open_database(path, NEXT)) as connection:
        assert connection.execute("SELECT n FROM s").fetchall() == [(7,)]
        assert connection.execute("SELECT oldest_reader FROM format").fetchall() == [(2,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)


def test_a_file_of_the_next_format_is_used_and_stays_one(path: str) -> None:
    open_database(path, NEXT).close()
    with closing(open_database(path, SCHEMA)) as connection:
        connection.execute("INSERT INTO t (n) VALUES (1)")
    with closing(open_database(path, NEXT)) as connection:
        assert connection.execute("SELECT n, more FROM t").fetchall() == [(1, "sunny")]
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)


@pytest.mark.parametrize(
    ("newer", "declared", "needed"),
    [
        (NEXT._replace(oldest=3), "", 3),
        (NEXT._replace(steps=(*NEXT.steps, "")), "", 3),
        (NEXT, "DELETE FROM format", 3),
        (NEXT, "UPDATE format SET oldest_reader = 'x'", 3),
        (NEXT, "DROP TABLE format", 3),
    ],
    ids=["for newer readers", "two forth", "nothing", "nonsense", "undeclared"],
)
def test_what_is_not_for_us_is_left_alone_in_the_words_of_its_owner(
    path: str, newer: Schema, declared: str, needed: int
) -> None:
    with closing(open_database(path, newer)) as connection:
        connection.execute(declared)
    before = Path(path).read_bytes()
    with pytest.raises(StoreError, match=f"{path} is of format .* for readers of format {needed} or newer") as caught:
        open_database(path, SCHEMA)
    assert "begin without its numbers" in caught.value.hint
    assert Path(path).read_bytes() == before


def test_whether_a_file_would_be_taken_is_told_without_touching_it(path: str) -> None:
    check_file(path, SCHEMA)
    assert not Path(path).exists()
    open_database(path, NEXT).close()
    check_file(path, SCHEMA)
    with pytest.raises(StoreError, match="by a newer gslb"):
        check_file(path, SCHEMA._replace(steps=SCHEMA.steps[:1]))
    Path(path).write_text("this is not a database, but long enough to look at\n" * 50)
    with pytest.raises(StoreError, match="not a database"):
        check_file(path, SCHEMA)


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


def test_a_file_that_somebody_else_converts_meanwhile_is_converted_once(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_database(path, SCHEMA._replace(steps=SCHEMA.steps[:1], oldest=1))):
        pass
    first = True

    def slow(connection: sqlite3.Connection, name: str, schema: Schema) -> int:
        nonlocal first
        version = require_readable(connection, name, schema)
        if first:
            first = False
            open_database(path, NEXT).close()
        return version

    monkeypatch.setattr("gslb.store.database.require_readable", slow)
    with closing(open_database(path, NEXT)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)


def test_a_semicolon_within_a_trigger_or_a_string_ends_no_statement(path: str) -> None:
    step = (
        "CREATE TABLE u (n TEXT);"
        " CREATE TRIGGER w AFTER INSERT ON u BEGIN DELETE FROM u; INSERT INTO u VALUES (';'); END;"
    )
    with closing(open_database(path, Schema((step,), 1, "NORMAL", "its words"))) as connection:
        connection.execute("INSERT INTO u VALUES ('a')")
        assert connection.execute("SELECT n FROM u").fetchall() == [(";",)]


def test_a_last_statement_may_lack_its_semicolon(path: str) -> None:
    open_database(path, SCHEMA).close()
    with closing(open_database(path, NEXT._replace(steps=(*SCHEMA.steps, NEXT.steps[-1].rstrip(";"))))) as connection:
        assert connection.execute("SELECT more FROM t").fetchall() == []


def test_half_a_statement_is_an_error(path: str) -> None:
    half = SCHEMA._replace(steps=("CREATE TABLE t (n INTEGER); CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1;",))
    with pytest.raises(sqlite3.OperationalError, match="syntax error"):
        open_database(path, half)
