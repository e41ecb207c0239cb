"""What stands in the embedded store's file, and the SQL for it; functions of a connection, in the store's thread."""

import json
import sqlite3
import time
from typing import Any, Final

from gslb.errors import RequestError, StoreError
from gslb.intents import KINDS, Intent
from gslb.store import HISTORY
from gslb.store.audit import Deed, Record, chained
from gslb.store.audittext import dump_record, load_record
from gslb.store.database import Schema
from gslb.store.keptview import Documents

AUDIT: Final = 10_000  # records of a node that are kept
_STEPS: Final = (
    """
CREATE TABLE drains (
  id TEXT PRIMARY KEY, target TEXT NOT NULL, reason TEXT NOT NULL, owner TEXT NOT NULL,
  created REAL NOT NULL, expires REAL NOT NULL, removed REAL
);
CREATE TABLE health (only INTEGER PRIMARY KEY CHECK (only = 1), stamp REAL NOT NULL, belief TEXT NOT NULL);
""",
    """
CREATE TABLE audit (number INTEGER PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE copies (name TEXT PRIMARY KEY, text TEXT NOT NULL);
""",
    """
CREATE TABLE intents (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, reason TEXT NOT NULL, owner TEXT NOT NULL,
  created REAL NOT NULL, expires REAL, removed REAL, more TEXT NOT NULL
);
CREATE TABLE records (node TEXT, number INTEGER, record TEXT NOT NULL, PRIMARY KEY (node, number));
CREATE TABLE kept (kind TEXT, key TEXT, text TEXT NOT NULL, PRIMARY KEY (kind, key));
INSERT INTO intents SELECT id, 'drain', target, reason, owner, created, expires, removed, '{}' FROM drains;
INSERT INTO records SELECT json_extract(record, '$.node'), number, record FROM audit;
DROP TABLE drains;
DROP TABLE audit;
""",
)
FILE: Final = Schema(_STEPS, 3, "FULL", "intents")
_COLUMNS: Final = ("id", "kind", "target", "reason", "owner", "created", "expires", "removed")
_ALL: Final = ", ".join((*_COLUMNS, "more"))
_FIND: Final = f"SELECT {_ALL} FROM intents"  # noqa: S608
# What a newer gslb keeps in columns of its own stays: neither of these is a REPLACE.
_PUT_INTENT: Final = (
    f"INSERT INTO intents ({_ALL}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "  # noqa: S608
    + ", ".join(f"{name} = excluded.{name}" for name in (*_COLUMNS[1:], "more"))
)
_PUT_DOCUMENT: Final = (
    "INSERT INTO kept (kind, key, text) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET text = excluded.text"
)


def read_intents(connection: sqlite3.Connection) -> tuple[Intent, ...]:
    """All that are kept, oldest first; in a newer file those of kinds that are known here.

    Raises StoreError where one cannot be understood.
    """
    found = connection.execute(f"{_FIND} ORDER BY created, id").fetchall()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return tuple(_intent(row) for row in found if row[1] in KINDS or version <= FILE.version)


def find_intent(connection: sqlite3.Connection, intent_id: str) -> Intent | None:
    """One of them."""
    row = connection.execute(f"{_FIND} WHERE id = ?", (intent_id,)).fetchone()
    return _intent(row) if row else None


def put_intent(connection: sqlite3.Connection, intent: Intent) -> None:
    """Keep it, in the place of the one with its id."""
    values = {**intent.to_kept(), "kind": intent.kind}
    more = {name: value for name, value in values.items() if name not in _COLUMNS}
    row = (*(values[name] for name in _COLUMNS), json.dumps(more))
    connection.execute(_PUT_INTENT, row)


def forget_intents(connection: sqlite3.Connection, now: float) -> None:
    """Those that ended long ago."""
    ended = "DELETE FROM intents WHERE min(ifnull(expires, removed), ifnull(removed, expires)) < ?"
    connection.execute(ended, (now - HISTORY,))


def put_record(connection: sqlite3.Connection, node: str, deed: Deed) -> None:
    """Record what is done, as the next entry of the node's chain."""
    last = connection.execute("SELECT max(number) FROM records WHERE node = ?", (node,)).fetchone()[0] or 0
    before = next(iter(read_records(connection, node, None, 1)), None)
    entry = chained(Record.of(node, time.time(), deed), before if before and before.hash else None, last + 1)
    row = (node, entry.number, dump_record(entry).decode())
    connection.execute("INSERT INTO records (node, number, record) VALUES (?, ?, ?)", row)
    connection.execute("DELETE FROM records WHERE node = ? AND number <= ?", (node, entry.number - AUDIT))


def read_records(connection: sqlite3.Connection, node: str, below: int | None, limit: int) -> tuple[Record, ...]:
    """The last entries of a node with numbers below one, newest first; what cannot be understood is told as such."""
    find = "SELECT number, record FROM records WHERE node = ? AND number < ? ORDER BY number DESC LIMIT ?"
    found, at = list[Record](), time.time()
    for number, text in connection.execute(find, (node, (1 << 62) if below is None else below, limit)):
        try:
            record = load_record(text.encode())
            if (record.node, record.number) != (node, number):
                raise ValueError(f"is entry {record.number} of {record.node}")
        except (ValueError, AttributeError) as error:
            record = Record.unreadable(node, number, at, str(error))
        at = record.at
        found.append(record)
    return tuple(found)


def recorders(connection: sqlite3.Connection) -> list[str]:
    """The names under which something was recorded."""
    return [name for (name,) in connection.execute("SELECT DISTINCT node FROM records ORDER BY node")]


def read_documents(connection: sqlite3.Connection) -> Documents:
    """What is kept for all. Raises StoreError where it cannot be understood."""
    found: Documents = {}
    for kind, key, text in connection.execute("SELECT kind, key, text FROM kept ORDER BY kind, key"):
        try:
            value = json.loads(text)
            if not isinstance(value, dict):
                raise ValueError("must be an object")
        except (ValueError, TypeError, RecursionError) as error:
            raise StoreError(f"{kind} {key!r} cannot be understood: {error}") from error
        found.setdefault(kind, {})[key] = value
    return found


def put_document(connection: sqlite3.Connection, kind: str, key: str, text: str | None) -> bool:
    """Keep a document, or remove it; whether there was one to remove."""
    if text is not None:
        connection.execute(_PUT_DOCUMENT, (kind, key, text))
        return True
    return connection.execute("DELETE FROM kept WHERE kind = ? AND key = ?", (kind, key)).rowcount > 0


def _intent(row: tuple[Any, ...]) -> Intent:
    *columns, more = row
    values = dict(zip(_COLUMNS, columns, strict=True))
    try:
        return KINDS[values["kind"]].from_dict({**json.loads(more), **values})
    except (RequestError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"the {values['kind']} {row[0]!r} cannot be understood: {error}") from error
