"""The history behind its thread, and what becomes of it when its file is damaged or cannot be written."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gslb.errors import StoreError
from gslb.store.history import DAMAGED, HistoryStore
from gslb.store.historyfile import Publication, Wanted
from tests.store.test_historyfile import states


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "history.db")


@pytest.fixture
async def store(path: str) -> AsyncIterator[HistoryStore]:
    made = HistoryStore(path)
    yield made
    await made.close()


async def test_what_was_written_is_there_after_closing(path: str) -> None:
    store = HistoryStore(path)
    assert await store.append([Publication(10.0, states(tokyo="up"))], 20.0) == 2
    await store.close()
    assert Path(path).stat().st_mode & 0o777 == 0o600
    again = HistoryStore(path)
    assert [event.after for event in await again.events(Wanted())] == ["up", "up"]
    assert await again.append([Publication(30.0, states(tokyo="up"))], 40.0) == 0
    assert again.kept == 2
    (row, *_) = await again.report(40.0)
    assert row.observed == (20, 0, 0)
    await again.close()


async def test_calls_that_come_together_are_made_one_after_the_other(store: HistoryStore) -> None:
    verdicts = ["up", "down"] * 10
    calls = [store.append([Publication(at, states(t=v))], at) for at, v in enumerate(verdicts)]  # type: ignore[arg-type]
    assert sum(await asyncio.gather(*calls)) == 40


@pytest.mark.parametrize("damage", ["text", "middle"])
async def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    path: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = HistoryStore(path)
    await store.append([Publication(at, states(tokyo="up", **{f"m{at}": "up"})) for at in range(300)], 300.0)
    await store.close()
    content = Path(path).read_bytes()
    bad = b"not a database\n" * 1000 if damage == "text" else content[:4096] + b"\xff" * (len(content) - 4096)
    Path(path).write_bytes(bad)
    again = HistoryStore(path)
    now = [Publication(400.0, states(tokyo="down"))]
    with pytest.raises(StoreError):
        await again.append(now, 401.0)
    assert await again.append(now, 402.0) == 2
    assert [event.after for event in await again.events(Wanted())] == ["down", "down"]
    await again.close()
    assert Path(path + DAMAGED).read_bytes() == bad
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_after_a_loss_the_present_states_are_written_again(path: str, store: HistoryStore) -> None:
    """The file is damaged under the open store, which has told everything already."""
    await store.append([Publication(10.0, states(tokyo="up", osaka="down"))], 20.0)
    for name in (path, path + "-wal", path + "-shm"):
        Path(name).write_bytes(b"\xff" * 100_000)
    with pytest.raises(StoreError):
        await store.append([], 30.0)
    assert await store.append([], 40.0) == 4
    assert {event.at for event in await store.events(Wanted())} == {40.0}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT began, seen FROM runs").fetchall() == [(40, 40)]


async def test_a_locked_file_is_not_taken_for_a_damaged_one(path: str, store: HistoryStore) -> None:
    await store.append([Publication(10.0, states(tokyo="up"))], 20.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            await store.append([Publication(30.0, states(tokyo="down"))], 40.0)
        other.execute("ROLLBACK")
    assert await store.append([Publication(30.0, states(tokyo="down"))], 40.0) == 2
    assert not Path(path + DAMAGED).exists()


async def test_a_folder_that_comes_later(tmp_path: Path) -> None:
    store = HistoryStore(str(tmp_path / "later" / "history.db"))
    with pytest.raises(StoreError, match="unable to open"):
        await store.append([Publication(10.0, states(tokyo="up"))], 20.0)
    (tmp_path / "later").mkdir()
    assert await store.append([Publication(30.0, states(tokyo="up"))], 40.0) == 2
    await store.close()


async def test_a_damaged_file_that_cannot_be_moved_is_told(path: str, caplog: pytest.LogCaptureFixture) -> None:
    Path(path).write_bytes(b"\xff" * 10_000)
    Path(path + DAMAGED).mkdir()
    store = HistoryStore(path)
    with pytest.raises(StoreError, match="not a database"):
        await store.events(Wanted())
    assert "cannot be set aside" in caplog.text
    await store.close()
