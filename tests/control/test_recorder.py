"""The recorder with a real store: what is noted is written, whatever becomes of the file meanwhile."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from gslb.control import recorder as module
from gslb.control.recorder import QUEUE, Recorder
from gslb.errors import StoreError
from gslb.store.history import DAMAGED, HistoryStore
from gslb.store.historyfile import Wanted
from tests.store.test_historyfile import states

UP, DOWN = states(tokyo="up"), states(tokyo="down")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "history.db")


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 0.01)
    monkeypatch.setattr(module, "STAMP", 0.05)


@asynccontextmanager
async def recording(path: str) -> AsyncIterator[Recorder]:
    """A recorder that runs."""
    recorder = Recorder(HistoryStore(path))
    task = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await recorder.close()


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def written(path: str) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "SELECT before, after FROM events JOIN places p ON p.id = place WHERE what = 'observed' ORDER BY events.id"
        ).fetchall()


def runs(path: str) -> list[tuple[float, float]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT began, seen FROM runs").fetchall()


async def test_what_is_noted_is_written_by_itself(path: str) -> None:
    async with recording(path) as recorder:
        recorder.note(UP, time.time())
        await until(lambda: recorder.kept == 2)
        recorder.note(DOWN, time.time())
        await until(lambda: recorder.kept == 4)
        assert written(path) == [("absent", "up"), ("up", "down")]


async def test_time_without_a_change_is_watched_too(path: str) -> None:
    async with recording(path) as recorder:
        recorder.note(UP, time.time())
        await until(lambda: recorder.kept)
        ((began, first),) = runs(path)
        await until(lambda: runs(path)[0][1] > first + 0.1)
        assert len(runs(path)) == 1
        assert began < first


async def test_nothing_is_watched_before_the_first_publication(path: str) -> None:
    async with recording(path) as recorder:
        await asyncio.sleep(0.15)
        assert await recorder.events(Wanted()) == []
        assert runs(path) == []


async def test_what_is_left_is_written_at_the_end(path: str) -> None:
    recorder = Recorder(HistoryStore(path))
    recorder.note(UP, time.time())
    recorder.note(DOWN, time.time())
    await recorder.close()
    assert written(path) == [("absent", "up"), ("up", "down")]


async def test_what_was_just_noted_is_in_what_is_read(path: str) -> None:
    recorder = Recorder(HistoryStore(path))
    now = time.time()
    recorder.note(UP, now - 50)
    recorder.note(DOWN, now - 10)
    assert [event.after for event in await recorder.events(Wanted())] == ["down", "down", "up", "up"]
    report = await recorder.report(now)
    assert report.at == now
    assert report.rows[0].observed == pytest.approx((40, 10, 1))
    await recorder.close()


async def test_a_report_is_made_once_and_then_again_when_it_is_old(path: str) -> None:
    recorder = Recorder(HistoryStore(path))
    now = time.time()
    recorder.note(UP, now - 50)
    first, second = await asyncio.gather(recorder.report(now), recorder.report(now + 9))
    assert second is first
    assert (await recorder.report(now + 10)).at == now + 10
    assert (await recorder.report(now)).at == now, "the clock stepped back"
    await recorder.close()


async def test_a_page_gets_what_there_is_and_sets_off_another(path: str) -> None:
    async with recording(path) as recorder:
        recorder.note(UP, time.time() - 50)
        assert recorder.page() == []
        await until(lambda: recorder.latest)
        assert {row.member for row in recorder.page()} == {"tokyo", ""}


async def test_a_page_without_a_history_is_a_page_still(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "gslb.control")
    folder = tmp_path / "later"
    async with recording(str(folder / "history.db")) as recorder:
        recorder.note(UP, time.time() - 50)
        assert recorder.page() == []
        await until(lambda: "no report" in caplog.text)
        assert recorder.page() == []
        folder.mkdir()
        await until(recorder.page)


async def test_while_the_file_is_locked_nothing_is_lost(path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with recording(path) as recorder:
        recorder.note(UP, time.time())
        await until(lambda: recorder.kept == 2)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            recorder.note(DOWN, time.time())
            await until(lambda: "not written" in caplog.text)
            recorder.note(UP, time.time())
            await asyncio.sleep(0.1)
            other.execute("ROLLBACK")
        await until(lambda: recorder.kept == 6)
    assert written(path) == [("absent", "up"), ("up", "down"), ("down", "up")]
    assert recorder.dropped == 0
    assert len(runs(path)) == 1
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


async def test_of_too_many_the_oldest_are_dropped_and_leave_a_gap(tmp_path: Path, caplog) -> None:
    folder = tmp_path / "later"
    path = str(folder / "history.db")
    recorder = Recorder(HistoryStore(path))
    with pytest.raises(StoreError):
        await recorder.events(Wanted())
    start = time.time() - 1000
    for turn in range(QUEUE + 7):
        recorder.note(DOWN if turn % 2 else UP, start + turn)
    with pytest.raises(StoreError):
        await recorder.report(time.time())
    assert recorder.dropped == 7
    folder.mkdir()
    assert len(await recorder.events(Wanted(limit=1000))) == 2 * QUEUE
    ((began, _),) = runs(path)
    assert began == pytest.approx(start + 7)
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    await recorder.close()


async def test_a_gap_in_the_middle_is_not_watched(path: str) -> None:
    recorder = Recorder(HistoryStore(path))
    start = time.time() - 1000
    recorder.note(UP, start)
    await recorder.events(Wanted())
    for turn in range(QUEUE + 3):
        recorder.note(DOWN if turn % 2 else UP, start + 100 + turn)
    await recorder.events(Wanted())
    assert [began for began, _ in runs(path)] == pytest.approx([start, start + 103])
    await recorder.close()


async def test_a_damaged_file_is_set_aside_and_the_present_is_written_anew(path: str, caplog) -> None:
    Path(path).write_bytes(b"\xff" * 10_000)
    async with recording(path) as recorder:
        recorder.note(UP, time.time())
        await until(lambda: recorder.kept == 2)
    assert written(path) == [("absent", "up")]
    assert Path(path + DAMAGED).read_bytes() == b"\xff" * 10_000


async def test_a_fault_of_ours_ends_nothing(path: str, caplog: pytest.LogCaptureFixture) -> None:
    async with recording(path) as recorder:
        recorder.note({"web": {"tokyo": None}}, time.time())  # type: ignore[dict-item]
        await until(lambda: "the history failed" in caplog.text)
        recorder.note(UP, time.time())
        await until(lambda: recorder.kept == 2)


async def test_noting_costs_the_loop_next_to_nothing() -> None:
    recorder = Recorder(HistoryStore("/nowhere/history.db"))
    begun = time.process_time()
    for turn in range(10_000):
        recorder.note(UP, float(turn))
    assert time.process_time() - begun < 0.5
    assert len(recorder._waiting) == QUEUE
