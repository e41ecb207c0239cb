"""What stands in the embedded store's file."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gslb.errors import StoreError
from gslb.intents import Drain, Force, Hold, Intent, Target
from gslb.store import HISTORY, rows

WHERE = Target.parse("member/web/tokyo")
EVERY: list[Intent] = [
    Drain("d-1", WHERE, "CHG-1 \U0001f5fc", "ops", 1000.0, 2000.5, starts=1500.25, percent=30, changed=2),
    Hold("h-1", WHERE, "CHG-1", "", 1001.0, 2000.0, removed=1700.0),
    Force("f-1", WHERE, "CHG-1", "ops", 1002.0, None, up=True),
    Force("f-2", WHERE, "CHG-1", "ops", 1003.0, 3000.0),
]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.executescript("".join(rows.FILE.steps))
    yield opened
    opened.close()


def test_intents_of_every_kind_are_read_back(connection: sqlite3.Connection) -> None:
    for intent in EVERY:
        rows.put_intent(connection, intent)
    assert list(rows.read_intents(connection)) == EVERY
    assert rows.find_intent(connection, "f-1") == EVERY[2]
    assert rows.find_intent(connection, "x-1") is None
    rows.put_intent(connection, replace(EVERY[0], changed=3))
    assert rows.read_intents(connection)[0].changed == 3


def test_what_ended_long_ago_is_forgotten(connection: sqlite3.Connection) -> None:
    for intent in EVERY:
        rows.put_intent(connection, intent)
    for now, left in ((1700.0, 4), (1701.0, 3), (2001.0, 2), (9e9, 1)):
        rows.forget_intents(connection, now + HISTORY)
        assert len(rows.read_intents(connection)) == left
    assert rows.read_intents(connection) == (EVERY[2],)


@pytest.mark.parametrize("more", ["", "{", "7", "[" * 100_000])
def test_an_intent_that_is_damaged_is_told(connection: sqlite3.Connection, more: str) -> None:
    connection.execute("INSERT INTO intents VALUES ('d-1', 'drain', 'site/a', '', '', 1, 2, NULL, ?)", (more,))
    with pytest.raises(StoreError, match="the drain 'd-1' cannot be understood"):
        rows.read_intents(connection)


def test_an_intent_of_a_kind_that_is_none(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO intents VALUES ('w-1', 'wish', 'site/a', '', '', 1, 2, NULL, '{}')")
    with pytest.raises(StoreError, match="the wish 'w-1'"):
        rows.read_intents(connection)


def test_in_a_newer_file_what_is_of_no_kind_is_passed_over(connection: sqlite3.Connection) -> None:
    rows.put_intent(connection, EVERY[0])
    connection.execute("INSERT INTO intents VALUES ('w-1', 'wish', 'site/a', '', '', 1, 2, NULL, '{}')")
    connection.execute(f"PRAGMA user_version = {rows.FILE.version + 1}")
    assert rows.read_intents(connection) == (EVERY[0],)


def test_what_is_unknown_of_an_intent_stays(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE intents ADD COLUMN weather TEXT")
    more = '{"percent": 5, "colour": ["red"]}'
    row = ("d-1", "drain", "site/a", "CHG-1", "", 1.0, 2.0, None, more, "sunny")
    connection.execute("INSERT INTO intents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    found = rows.find_intent(connection, "d-1")
    assert found is not None
    assert found.unknown == {"colour": ["red"]}
    rows.put_intent(connection, replace(found, removed=1.5))
    ((removed, kept, weather),) = connection.execute("SELECT removed, more, weather FROM intents").fetchall()
    assert (removed, weather) == (1.5, "sunny")
    assert json.loads(kept).items() >= json.loads(more).items()


def test_what_is_unknown_of_a_document_stays(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE kept ADD COLUMN weather TEXT DEFAULT 'sunny'")
    rows.put_document(connection, "tokens", "t-1", "{}")
    connection.execute("UPDATE kept SET weather = 'rain'")
    rows.put_document(connection, "tokens", "t-1", '{"a": 1}')
    assert connection.execute("SELECT text, weather FROM kept").fetchall() == [('{"a": 1}', "rain")]


def test_documents(connection: sqlite3.Connection) -> None:
    assert rows.put_document(connection, "tokens", "t-1", '{"a": 1}')
    assert rows.put_document(connection, "tokens", "t-1", '{"a": 2}')
    assert rows.read_documents(connection) == {"tokens": {"t-1": {"a": 2}}}
    assert rows.put_document(connection, "tokens", "t-1", None)
    assert not rows.put_document(connection, "tokens", "t-1", None)
    assert rows.read_documents(connection) == {}
