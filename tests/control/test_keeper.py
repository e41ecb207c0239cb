"""The health snapshot is written on every change, and a failure to write ends nothing."""

import asyncio
from pathlib import Path

import pytest

from gslb.control.keeper import Keeper
from gslb.errors import StoreError
from gslb.health.states import Observation, TargetKey
from gslb.store import HealthSnapshot
from gslb.store.sqlite import SqliteStore

SNAPSHOT = HealthSnapshot({TargetKey("web", "192.0.2.1"): Observation("down", 5.0, "timeout")}, 7.0)


async def test_what_changed_is_found_after_a_restart(tmp_path: Path) -> None:
    store = await SqliteStore.open(str(tmp_path / "db"))
    keeper = Keeper(store)
    assert await keeper.find() is None
    task = asyncio.create_task(keeper.keep(lambda: SNAPSHOT))
    keeper.changed.set()
    async with asyncio.timeout(5):
        while await keeper.find() != SNAPSHOT:
            await asyncio.sleep(0.01)
    task.cancel()
    await store.close()


async def test_a_store_that_fails_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = await SqliteStore.open(str(tmp_path / "db"))
    faults = [StoreError("the disk is full")]

    def take() -> HealthSnapshot:
        if faults:
            raise faults.pop()
        return SNAPSHOT

    keeper = Keeper(store)
    task = asyncio.create_task(keeper.keep(take))
    keeper.changed.set()
    async with asyncio.timeout(5):
        while "the disk is full" not in caplog.text:
            await asyncio.sleep(0.01)
        keeper.changed.set()
        while await keeper.find() != SNAPSHOT:
            await asyncio.sleep(0.01)
    task.cancel()
    await store.close()
