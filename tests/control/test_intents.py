"""Drains as operators make them: judged, kept, and judged again where another was quicker."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gslb.control.intents import Intents, Wish
from gslb.errors import ConflictError, NotFoundError, StaleError
from gslb.intents import Drain, Target
from gslb.store.sqlite import SqliteStore
from tests.support import config, states

CONFIG = config()
STATES = states(CONFIG)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(str(tmp_path / "gslb.sqlite"), "tokyo-1")
    yield opened
    await opened.close()


def wish(target: str, **more: bool) -> Wish:
    return Wish(Target.parse(target), "CHG-1", "ops", 4e9, **more)


async def test_a_drain_is_kept_and_told(store: SqliteStore) -> None:
    changes: list[int] = []
    intents = Intents(store, lambda: (CONFIG, STATES), lambda: changes.append(1))
    kept = await intents.add(wish("site/tokyo"))
    assert intents.drains == (kept,) == store.held().drains
    assert len(changes) == 1
    assert (await intents.remove(kept.id)).removed
    assert (intents.drains, len(changes)) == ((), 2)


async def test_the_last_live_member_stays_unless_forced(store: SqliteStore) -> None:
    intents = Intents(store, lambda: (CONFIG, STATES), lambda: None)
    await intents.add(wish("site/tokyo"))
    with pytest.raises(ConflictError, match="site/osaka cannot be drained: pool web would keep 0 of 1") as caught:
        await intents.add(wish("site/osaka"))
    assert (caught.value.http_status, caught.value.pointer) == (409, "/target")
    assert "--force" in caught.value.hint
    assert len(intents.drains) == 1
    await intents.add(wish("site/osaka", force=True))
    assert len(intents.drains) == 2
    assert [record.action for record in await store.audit(2)] == ["force-drain", "drain"]


async def test_an_unknown_target_is_refused(store: SqliteStore) -> None:
    intents = Intents(store, lambda: (CONFIG, STATES), lambda: None)
    with pytest.raises(NotFoundError, match="site/tokio"):
        await intents.add(wish("site/tokio", force=True))


async def test_of_two_who_drain_the_last_two_sites_at_once_one_wins(store: SqliteStore) -> None:
    intents = Intents(store, lambda: (CONFIG, STATES), lambda: None)
    wishes = (intents.add(wish(target)) for target in ("site/tokyo", "site/osaka"))
    results = await asyncio.gather(*wishes, return_exceptions=True)
    assert {type(result) for result in results} == {Drain, ConflictError}


class Busy(SqliteStore):
    """Another operator drains a site each time, in the moment before this one is kept."""

    others: list[Drain]

    async def add_drain(self, drain: Drain, after: int | None = None, *, forced: bool = False) -> Drain:
        if self.others:
            await super().add_drain(self.others.pop())
        return await super().add_drain(drain, after, forced=forced)


async def test_who_was_slower_is_judged_anew(tmp_path: Path) -> None:
    store = await Busy.open(str(tmp_path / "gslb.sqlite"))
    assert isinstance(store, Busy)
    store.others = [Drain("d-other", Target.parse("site/tokyo"), "CHG-2", "", 1.0, 4e9)]
    intents = Intents(store, lambda: (CONFIG, STATES), lambda: None)
    with pytest.raises(ConflictError, match="pool web would keep 0 of 1"):
        await intents.add(wish("site/osaka"))
    store.others = [Drain(f"d-{at}", Target.parse(f"member/web/x{at}"), "", "", 1.0, 4e9) for at in range(20)]
    with pytest.raises(StaleError, match="quicker"):
        await intents.add(wish("member/web/tokyo"))
    await store.close()
