"""One version forth, and back again: what it adds is neither needed nor lost. Files as former versions left them."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gslb.errors import StoreError
from gslb.health.states import TargetKey
from gslb.store import rows
from gslb.store.audit import Deed, Record, broken, chained
from gslb.store.auditpages import AuditWanted
from gslb.store.database import Schema, open_database
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Put
from gslb.store.keys import Keys
from gslb.store.sqlite import SqliteStore
from tests.store.nodes_kit import OPS, Node, add, cancel, know_each_other, make_drain, records, until

FORMER = Path(__file__).parent / "former"
MORE = """
ALTER TABLE intents ADD COLUMN weather TEXT NOT NULL DEFAULT 'sunny';
ALTER TABLE kept ADD COLUMN weather TEXT NOT NULL DEFAULT 'sunny';
ALTER TABLE records ADD COLUMN weather TEXT;
CREATE TABLE plans (id TEXT PRIMARY KEY);
INSERT INTO plans VALUES ('p-1');
"""
OURS = rows.FILE
NEXT = OURS._replace(steps=(*OURS.steps, MORE))
LATER = NEXT._replace(steps=(*NEXT.steps, "DROP TABLE plans;"))


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "gslb.sqlite")


@contextmanager
def of(schema: Schema) -> Iterator[None]:
    """Programs that are started in here keep their files by this schema."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "FILE", schema)
        yield


def rows_of(path: str, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


async def leave(path: str, schema: Schema) -> None:
    """What a node of that version leaves behind."""
    with of(schema):
        store = await SqliteStore.open(path, "tokyo-1")
        await add(store, replace(make_drain("d-1"), unknown={"colour": ["red"]}))
        await add(store, make_drain("d-2", "pool/web"))
        await store.keep("tokens", "t-1", {"scope": "read"}, Deed("token-create", OPS))
        await store.write_copy("kept", "{}")
        await store.close()


async def test_a_node_goes_back_by_one_version_and_forth_again(path: str) -> None:
    await leave(path, NEXT)
    with closing(sqlite3.connect(path)) as newer, newer:
        newer.execute("UPDATE intents SET weather = 'rain'")
        newer.execute("UPDATE kept SET weather = 'snow'")
    store = await SqliteStore.open(path, "tokyo-1")
    first, second = store.held().drains
    assert (first.id, first.unknown, second.id) == ("d-1", {"colour": ["red"]}, "d-2")
    await store.change(replace(first, reason="CHG-2", changed=1), None, Deed("change-drain", OPS))
    await cancel(store, "d-2")
    await add(store, make_drain("d-3", "site/osaka"))
    await store.keep("tokens", "t-1", {"scope": "drain"}, Deed("token-create", OPS))
    await store.close()
    with of(NEXT):
        again = await SqliteStore.open(path, "tokyo-1")
        found = {one.id: one for one in again.held().intents}
        assert (found["d-1"].reason, found["d-1"].unknown) == ("CHG-2", {"colour": ["red"]})
        assert found["d-2"].removed is not None
        assert again.kept("tokens") == {"t-1": {"scope": "drain"}}
        entries = await records(again)
        assert (len(entries), broken(reversed(entries))) == (7, [])
        await again.close()
    assert rows_of(path, "PRAGMA user_version") == [(NEXT.version,)]
    assert dict(rows_of(path, "SELECT id, weather FROM intents")) == {"d-1": "rain", "d-2": "rain", "d-3": "sunny"}
    assert rows_of(path, "SELECT weather FROM kept") == [("snow",)]
    assert rows_of(path, "SELECT id FROM plans") == [("p-1",)]


@pytest.mark.parametrize("newer", [LATER, NEXT._replace(oldest=NEXT.version)], ids=["two forth", "for newer readers"])
async def test_what_is_not_for_us_is_refused_and_left_alone(path: str, newer: Schema) -> None:
    await leave(path, newer)
    before = Path(path).read_bytes()
    with pytest.raises(StoreError, match=rf"{path} is of format \d, by a newer gslb") as caught:
        await SqliteStore.open(path)
    assert caught.value.hint == "start a newer gslb, or move the file away to begin without intents"
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_a_file_that_a_former_version_left_is_taken_over(path: str, version: int) -> None:
    """The dumps were made of files of commits 4549a76 (1), 797de08 (2) and 078869e (3)."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FORMER / f"store-{version}.sql").read_text(encoding="utf-8"))
    store = await SqliteStore.open(path, "tokyo-1")
    first, second = store.held().drains[:2]
    assert (first.id, str(first.target), first.reason, first.owner) == ("d-1", "site/tokyo", "CHG-1", "ops")
    assert (first.created, first.expires, first.removed) == (1790000000.25, 4000000000.5, None)
    assert (second.id, second.removed) == ("d-2", 1790000100.0)
    kept = await store.read_health()
    assert kept is not None
    seen = kept.belief[TargetKey("web", "192.0.2.1")]
    assert (kept.stamp, seen.verdict, seen.reason) == (1790000200.0, "down", "timeout")
    assert (await store.read_copy("drains") is None) == (version != 2)
    await cancel(store, "d-1")
    entries = await records(store)
    assert len(entries) > {1: 0, 2: 3, 3: 3}[version]
    assert broken(reversed(entries)) == []
    await store.close()
    open_database(path, OURS).close()


async def test_what_the_next_version_says_of_a_shared_intent_survives_a_change_here(
    trio: list[Node], etcd: Etcd, prefix: str
) -> None:
    one, two, _ = trio
    key = Keys(prefix).intent("drain", "d-1")
    await know_each_other(trio)
    await add(one.store, make_drain("d-1"))
    _, item = await etcd.get(key)
    assert item
    newer = {**json.loads(item.value), "format": 2, "oldest": 1, "weather": ["sunny"]}
    await etcd.txn([], [Put(key, json.dumps(newer).encode(), item.lease)])
    await until(lambda: two.store.held().drains[0].unknown)
    drain = two.store.held().drains[0]
    await two.store.change(replace(drain, reason="CHG-2", changed=1), None, Deed("change-drain", OPS))
    _, item = await etcd.get(key)
    assert item
    assert json.loads(item.value) == {**newer, "reason": "CHG-2", "changed": 1}
    await until(lambda: one.store.held().drains[0].reason == "CHG-2")
    assert one.store._intents.text() == two.store._intents.text()
    assert "sunny" in one.store._intents.text()
    await etcd.txn([], [Put(key, json.dumps({**newer, "format": 3}).encode(), item.lease)])
    await until(lambda: "for readers of format 2 or newer" in two.alarms)
    assert two.store.held().drains[0].reason == "CHG-2", "the last good one"
    await cancel(one.store, "d-1")
    await until(lambda: two.alarms == "")


async def test_records_of_the_next_version_are_read_and_followed(path: str) -> None:
    store = await SqliteStore.open(path, "tokyo-1")
    await store.record(Deed("reload", OPS, "by ours"))
    await store.close()
    with pytest.MonkeyPatch.context() as newer:
        newer.setattr("gslb.store.rows.chained", _chained_by_the_next)
        store = await SqliteStore.open(path, "tokyo-1")
        await store.record(Deed("reload", OPS, "by the next"))
        await store.close()
    store = await SqliteStore.open(path, "tokyo-1")
    await store.record(Deed("reload", OPS, "by ours again"))
    entries = (await store.audit(AuditWanted())).records
    assert [(one.format, one.more) for one in entries] == [(2, {}), (3, {"weather": 1}), (2, {})]
    assert broken(reversed(entries)) == []
    await store.close()


def _chained_by_the_next(record: Record, *where: Any) -> Record:
    return chained(replace(record, format=3, more={"weather": 1}), *where)
