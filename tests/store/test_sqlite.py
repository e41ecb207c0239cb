"""The SQLite store, against real files."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gslb.errors import ConflictError, NotFoundError, SnapshotError, StaleError, StoreError
from gslb.health.states import Observation, TargetKey
from gslb.intents import Drain, Target
from gslb.store import HISTORY, HealthSnapshot, rows
from gslb.store.audit import Deed, broken
from gslb.store.rows import FILE
from gslb.store.sqlite import SqliteStore
from tests.store.nodes_kit import OPS, add, cancel, records
from tests.store.test_audit import older


def drain(drain_id: str, target: str = "site/tokyo", *, created: float = 1000.0, expires: float = 2000.0) -> Drain:
    return Drain(drain_id, Target.parse(target), "CHG-1 \U0001f5fc", "ops", created, expires)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "gslb.sqlite")


@pytest.fixture
async def store(path: str) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(path)
    yield opened
    await opened.close()


def execute(path: str, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)


async def test_drains_survive_closing_in_order(path: str) -> None:
    first, second = drain("d-2"), drain("d-1", "pool/web", created=1001)
    store = await SqliteStore.open(path)
    await add(store, second)
    await add(store, first)
    await store.close()
    again = await SqliteStore.open(path)
    assert again.held().drains == (first, second)
    await again.close()
    assert Path(path).stat().st_mode & 0o777 == 0o600


async def test_a_second_drain_of_a_target_is_refused_while_the_first_is_active(store: SqliteStore) -> None:
    await add(store, drain("d-1"))
    with pytest.raises(ConflictError, match="d-1") as caught:
        await add(store, drain("d-2", created=1999))
    assert caught.value.http_status == 409
    assert [d.id for d in store.held().drains] == ["d-1"]
    await add(store, drain("d-3", created=2000, expires=3000))
    assert [d.id for d in store.held().drains] == ["d-1", "d-3"]


async def test_of_many_at_once_one_wins(store: SqliteStore) -> None:
    results = await asyncio.gather(*(add(store, drain(f"d-{i}")) for i in range(8)), return_exceptions=True)
    assert sum(isinstance(result, Drain) for result in results) == 1
    assert len(store.held().drains) == 1


async def test_removal_is_kept_and_changes_nothing_twice(store: SqliteStore) -> None:
    await add(store, drain("d-1"))
    removed = await cancel(store, "d-1", 1500)
    assert removed.removed == 1500
    assert not removed.active(1500)
    assert await cancel(store, "d-1", 1600) == removed
    assert store.held().drains == (removed,)
    with pytest.raises(NotFoundError, match="d-9"):
        await cancel(store, "d-9", 1500)


async def test_an_expired_drain_cannot_be_removed_afterwards(store: SqliteStore) -> None:
    await add(store, drain("d-1"))
    assert (await cancel(store, "d-1", 2000)).removed is None


async def test_ended_drains_are_kept_for_a_while(store: SqliteStore) -> None:
    await add(store, drain("expired"))
    await add(store, drain("removed", "site/osaka", expires=9000))
    await cancel(store, "removed", 1500)
    await add(store, drain("long", "pool/web", expires=2000 + 3 * HISTORY))
    await add(store, drain("a", "pool/a", created=1400 + HISTORY, expires=1500 + HISTORY))
    assert {d.id for d in store.held().drains} == {"expired", "removed", "long", "a"}
    await add(store, drain("b", "pool/b", created=1600 + HISTORY, expires=1700 + HISTORY))
    assert {d.id for d in store.held().drains} == {"expired", "long", "a", "b"}


async def test_health_snapshot_is_replaced_and_survives(path: str) -> None:
    store = await SqliteStore.open(path)
    assert await store.read_health() is None
    await store.write_health(HealthSnapshot({TargetKey("web", "192.0.2.1"): Observation("up", 5.0)}, 10.0))
    last = HealthSnapshot({TargetKey("web", "2001:db8::1"): Observation("down", 11.5, "timeout")}, 12.0)
    await store.write_health(last)
    await store.close()
    again = await SqliteStore.open(path)
    assert await again.read_health() == last
    await again.close()


@pytest.mark.parametrize(
    "belief", ["{", "[[1]]", '[["m","a","sideways",1,""]]', "7", '[["m","a","up","x",""]]', "[" * 100_000]
)
async def test_a_damaged_health_snapshot_is_told(store: SqliteStore, path: str, belief: str) -> None:
    execute(path, f"INSERT INTO health VALUES (1, 10.0, '{belief}')")
    with pytest.raises(SnapshotError, match=r"gslb\.sqlite"):
        await store.read_health()


async def test_a_damaged_drain_is_told(store: SqliteStore, path: str) -> None:
    execute(path, "INSERT INTO intents VALUES ('d-1', 'drain', 'nowhere', '', '', 1, 2, NULL, '{}')")
    with pytest.raises(StoreError, match=r"'d-1'.*'nowhere'"):
        await SqliteStore.open(path)
    execute(path, "DELETE FROM intents; INSERT INTO kept VALUES ('tokens', 't-1', '[]')")
    with pytest.raises(StoreError, match=r"tokens 't-1' cannot be understood"):
        await SqliteStore.open(path)


async def test_who_judged_by_what_is_past_must_look_again(store: SqliteStore) -> None:
    seen = store.held().revision
    await add(store, drain("d-1"), after=seen)
    with pytest.raises(StaleError):
        await add(store, drain("d-2", "site/osaka"), after=seen)
    await add(store, drain("d-2", "site/osaka"), after=store.held().revision)
    assert [one.id for one in store.held().drains] == ["d-1", "d-2"]


async def test_what_was_done_is_recorded_in_a_chain(path: str) -> None:
    store = await SqliteStore.open(path, "tokyo-1")
    await add(store, drain("d-1"))
    await cancel(store, "d-1", 1500)
    with pytest.raises(NotFoundError):
        await cancel(store, "d-9", 1600)
    found = await records(store, 10)
    assert [(one.node, one.number, one.action, one.target) for one in found] == [
        ("tokyo-1", 2, "undrain", "site/tokyo"),
        ("tokyo-1", 1, "drain", "site/tokyo"),
    ]
    assert broken(reversed(found)) == []
    assert await records(store, 1) == found[:1]
    await store.close()


async def test_copies_are_kept_by_name(path: str) -> None:
    store = await SqliteStore.open(path)
    assert await store.read_copy("drains") is None
    for text in ("[1]", "[2]"):
        await store.write_copy("drains", text)
    await store.close()
    again = await SqliteStore.open(path)
    assert await again.read_copy("drains") == "[2]"
    await again.close()


BEFORE = """
CREATE TABLE drains (
  id TEXT PRIMARY KEY, target TEXT NOT NULL, reason TEXT NOT NULL, owner TEXT NOT NULL,
  created REAL NOT NULL, expires REAL NOT NULL, removed REAL
);
INSERT INTO drains VALUES ('d-1', 'site/tokyo', 'CHG-1', 'ops', 1700000000.1234567, 4000000000.7654321, NULL);
INSERT INTO drains VALUES ('d-2', 'pool/web', 'CHG-2', 'ops', 1700000001, 4000000000, 1700000002);
"""


@pytest.mark.parametrize("version", [1, 2])
async def test_a_file_of_the_versions_before_is_taken_over(path: str, version: int) -> None:
    entries = older("tokyo-1", 2)
    audit = "CREATE TABLE audit (number INTEGER PRIMARY KEY, record TEXT NOT NULL);"
    audit += "".join(f"INSERT INTO audit VALUES ({one['number']}, '{json.dumps(one)}');" for one in entries)
    execute(path, BEFORE + (audit if version == 2 else "") + f"PRAGMA user_version = {version}")
    store = await SqliteStore.open(path, "tokyo-1")
    one, two = store.held().drains
    assert (one.id, one.created, one.expires, one.percent) == ("d-1", 1700000000.1234567, 4000000000.7654321, 100)
    assert (two.id, two.removed) == ("d-2", 1700000002)
    await cancel(store, "d-1")
    found = await records(store)
    assert [record.number for record in found] == ([3, 2, 1] if version == 2 else [1])
    assert broken(reversed(found)) == []
    await store.close()


async def test_an_entry_that_was_changed_in_the_file_is_found(path: str) -> None:
    store = await SqliteStore.open(path, "tokyo-1")
    for number in range(4):
        await store.record(Deed("reload", OPS, subject=str(number)))
    assert broken(reversed(await records(store))) == []
    execute(path, "UPDATE records SET record = replace(record, '\"2\"', '\"7\"') WHERE number = 3")
    assert broken(reversed(await records(store))) == ["entry 3 of tokyo-1 was changed"]
    execute(path, "UPDATE records SET record = 'x' WHERE number = 3")
    assert broken(reversed(await records(store)))[0].startswith("entry 3 of tokyo-1 cannot be read: is not JSON")
    execute(path, "UPDATE records SET record = 7 WHERE number = 3")
    assert "cannot be read" in broken(reversed(await records(store)))[0]
    execute(path, "UPDATE records SET record = (SELECT record FROM records WHERE number = 2) WHERE number = 3")
    assert "is entry 2 of tokyo-1" in broken(reversed(await records(store)))[0]
    execute(path, "DELETE FROM records WHERE number = 3")
    assert broken(reversed(await records(store))) == ["entry 4 of tokyo-1 does not follow entry 2"]
    await store.close()


async def test_each_name_has_a_chain_of_its_own_and_old_records_are_forgotten(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "AUDIT", 5)
    for number in range(12):
        store.sign_as("tokyo-1" if number % 2 else "tokyo-1 (local)")
        await store.record(Deed("reload", OPS, subject=str(number)))
    found = await records(store)
    assert sorted((one.node, one.number) for one in found) == [
        (name, number) for name in ("tokyo-1", "tokyo-1 (local)") for number in range(2, 7)
    ]
    assert broken(reversed(found)) == []


async def test_after_an_entry_that_cannot_be_read_the_numbers_go_on(store: SqliteStore, path: str) -> None:
    await store.record(Deed("reload", OPS))
    execute(path, "UPDATE records SET record = 'x'")
    await store.record(Deed("reload", OPS))
    assert [one.number for one in await records(store)] == [2, 1]


async def test_what_was_done_twice_with_one_id_is_refused(store: SqliteStore) -> None:
    await add(store, drain("d-1"))
    with pytest.raises(ConflictError, match="d-1"):
        await add(store, drain("d-1", "pool/web"))


async def test_a_newer_schema_is_refused_and_left_alone(path: str) -> None:
    execute(path, f"PRAGMA user_version = {FILE.version + 1}")
    before = Path(path).read_bytes()
    with pytest.raises(StoreError, match="newer gslb") as caught:
        await SqliteStore.open(path)
    assert path in caught.value.message
    assert "start a newer gslb, or move the file away to begin without intents" in caught.value.hint
    assert Path(path).read_bytes() == before


async def test_what_is_no_database_is_refused(path: str) -> None:
    Path(path).write_text("this is not a database, but long enough to look at\n" * 50)
    with pytest.raises(StoreError, match="not a database"):
        await SqliteStore.open(path)


async def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing"):
        await SqliteStore.open(str(tmp_path / "missing" / "gslb.sqlite"))


async def test_a_locked_store_refuses_the_write_and_changes_nothing(store: SqliteStore, path: str) -> None:
    await store._run(lambda: store._connection.execute("PRAGMA busy_timeout = 1"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as caught:
            await add(store, drain("d-1"))
        other.execute("ROLLBACK")
    assert caught.value.http_status == 503
    assert store.held().drains == ()
    await add(store, drain("d-1"))


async def test_a_store_that_is_being_closed_says_so(path: str) -> None:
    store = await SqliteStore.open(path)
    with pytest.raises(StoreError, match="closed"):
        await asyncio.gather(store.close(), records(store, 1))
