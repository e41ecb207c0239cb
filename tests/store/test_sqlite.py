"""The SQLite store, against real files."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gslb.errors import ConflictError, NotFoundError, SnapshotError, StaleError, StoreError
from gslb.health.states import Observation, TargetKey
from gslb.intents import Drain, Target
from gslb.store import HISTORY, HealthSnapshot
from gslb.store.audit import broken
from gslb.store.sqlite import SCHEMA_VERSION, SqliteStore


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
    await store.add_drain(second)
    await store.add_drain(first)
    await store.close()
    again = await SqliteStore.open(path)
    assert again.held().drains == (first, second)
    await again.close()
    assert Path(path).stat().st_mode & 0o777 == 0o600


async def test_a_second_drain_of_a_target_is_refused_while_the_first_is_active(store: SqliteStore) -> None:
    await store.add_drain(drain("d-1"))
    with pytest.raises(ConflictError, match="d-1") as caught:
        await store.add_drain(drain("d-2", created=1999))
    assert caught.value.http_status == 409
    assert [d.id for d in store.held().drains] == ["d-1"]
    await store.add_drain(drain("d-3", created=2000, expires=3000))
    assert [d.id for d in store.held().drains] == ["d-1", "d-3"]


async def test_of_many_at_once_one_wins(store: SqliteStore) -> None:
    results = await asyncio.gather(*(store.add_drain(drain(f"d-{i}")) for i in range(8)), return_exceptions=True)
    assert sum(isinstance(result, Drain) for result in results) == 1
    assert len(store.held().drains) == 1


async def test_removal_is_kept_and_changes_nothing_twice(store: SqliteStore) -> None:
    await store.add_drain(drain("d-1"))
    removed = await store.remove_drain("d-1", 1500)
    assert removed.removed == 1500
    assert not removed.active(1500)
    assert await store.remove_drain("d-1", 1600) == removed
    assert store.held().drains == (removed,)
    with pytest.raises(NotFoundError, match="d-9"):
        await store.remove_drain("d-9", 1500)


async def test_an_expired_drain_cannot_be_removed_afterwards(store: SqliteStore) -> None:
    await store.add_drain(drain("d-1"))
    assert (await store.remove_drain("d-1", 2000)).removed is None


async def test_ended_drains_are_kept_for_a_while(store: SqliteStore) -> None:
    await store.add_drain(drain("expired"))
    await store.add_drain(drain("removed", "site/osaka", expires=9000))
    await store.remove_drain("removed", 1500)
    await store.add_drain(drain("long", "pool/web", expires=2000 + 3 * HISTORY))
    await store.add_drain(drain("a", "pool/a", created=1400 + HISTORY, expires=1500 + HISTORY))
    assert {d.id for d in store.held().drains} == {"expired", "removed", "long", "a"}
    await store.add_drain(drain("b", "pool/b", created=1600 + HISTORY, expires=1700 + HISTORY))
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
    execute(path, "INSERT INTO drains VALUES ('d-1', 'nowhere', '', '', 1, 2, NULL)")
    with pytest.raises(StoreError, match=r"'d-1'.*'nowhere'"):
        await SqliteStore.open(path)


async def test_who_judged_by_what_is_past_must_look_again(store: SqliteStore) -> None:
    seen = store.held().revision
    await store.add_drain(drain("d-1"), after=seen)
    with pytest.raises(StaleError):
        await store.add_drain(drain("d-2", "site/osaka"), after=seen)
    await store.add_drain(drain("d-2", "site/osaka"), after=store.held().revision)
    assert [one.id for one in store.held().drains] == ["d-1", "d-2"]


async def test_what_was_done_is_recorded_in_a_chain(path: str) -> None:
    store = await SqliteStore.open(path, "tokyo-1")
    await store.add_drain(drain("d-1"))
    await store.remove_drain("d-1", 1500)
    with pytest.raises(NotFoundError):
        await store.remove_drain("d-9", 1600)
    found = await store.audit(10)
    assert [(one.node, one.number, one.action, one.target, one.at) for one in found] == [
        ("tokyo-1", 2, "undrain", "site/tokyo", 1500),
        ("tokyo-1", 1, "drain", "site/tokyo", 1000),
    ]
    assert broken(reversed(found)) == []
    assert await store.audit(1) == found[:1]
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


async def test_a_file_of_the_version_before_is_taken_over(path: str) -> None:
    store = await SqliteStore.open(path)
    await store.add_drain(drain("d-1"))
    await store.close()
    execute(path, "DROP TABLE audit; DROP TABLE copies; PRAGMA user_version = 1")
    again = await SqliteStore.open(path)
    assert [one.id for one in again.held().drains] == ["d-1"]
    await again.remove_drain("d-1", 1500)
    assert len(await again.audit(10)) == 1
    await again.close()


async def test_a_newer_schema_is_refused_and_left_alone(path: str) -> None:
    execute(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = Path(path).read_bytes()
    with pytest.raises(StoreError, match="newer gslb") as caught:
        await SqliteStore.open(path)
    assert path in caught.value.message
    assert "newer version" in caught.value.hint
    assert Path(path).read_bytes() == before


async def test_what_is_no_database_is_refused(path: str) -> None:
    Path(path).write_text("this is not a database, but long enough to look at\n" * 50)
    with pytest.raises(StoreError, match="not a database"):
        await SqliteStore.open(path)


async def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing"):
        await SqliteStore.open(str(tmp_path / "missing" / "gslb.sqlite"))


async def test_a_locked_store_refuses_the_write_and_changes_nothing(store: SqliteStore, path: str) -> None:
    await store._run(lambda: store._execute("PRAGMA busy_timeout = 1"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as caught:
            await store.add_drain(drain("d-1"))
        other.execute("ROLLBACK")
    assert caught.value.http_status == 503
    assert store.held().drains == ()
    await store.add_drain(drain("d-1"))


async def test_a_store_that_is_being_closed_says_so(path: str) -> None:
    store = await SqliteStore.open(path)
    with pytest.raises(StoreError, match="closed"):
        await asyncio.gather(store.close(), store.audit(1))
