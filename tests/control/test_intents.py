"""Intents as operators make them: judged, kept, changed, and judged again where another was quicker."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gslb.control.intents import Change, Intents, Wish
from gslb.errors import ConflictError, NotFoundError, PreconditionError, RequestError, StaleError, StateError
from gslb.health.states import States
from gslb.intents import Drain, Force, Intent, Target
from gslb.store.audit import Actor, Deed
from gslb.store.auditpages import AuditWanted
from gslb.store.sqlite import SqliteStore
from tests.support import config, states

CONFIG = config()
STATES = states(CONFIG)
OPS = Actor("ops", "192.0.2.7")
END = 4e9


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(str(tmp_path / "gslb.sqlite"), "tokyo-1")
    yield opened
    await opened.close()


@pytest.fixture
def changes() -> list[int]:
    return []


@pytest.fixture
def intents(store: SqliteStore, changes: list[int]) -> Intents:
    return Intents(store, lambda: (CONFIG, STATES), lambda: changes.append(1), nothing)


async def nothing() -> None: ...


def wish(target: str, kind: str = "drain", expires: float | None = END, **more: Any) -> Wish:
    return Wish(kind, Target.parse(target), "CHG-1", "", expires, **more)


async def actions(store: SqliteStore) -> list[str]:
    return [record.action for record in (await store.audit(AuditWanted())).records]


async def test_a_drain_is_kept_and_told(store: SqliteStore, intents: Intents, changes: list[int]) -> None:
    kept, left, short = await intents.add(wish("site/tokyo"), OPS)
    assert intents.drains == (kept,) == store.held().drains
    assert (kept.owner, kept.reason, kept.starts) == ("ops", "CHG-1", kept.created)
    assert [(one.pool, one.live, one.left) for one in left] == [("web", ("tokyo", "osaka"), ("osaka",))]
    assert short == ()
    assert len(changes) == 1
    assert (await intents.cancel(kept.id, OPS, "done")).intent.removed
    assert (intents.drains, len(changes)) == ((), 2)
    records = (await store.audit(AuditWanted())).records
    assert [(one.action, one.reason, one.actor, one.source) for one in records] == [
        ("cancel-drain", "done", "ops", "192.0.2.7"),
        ("drain", "CHG-1", "ops", "192.0.2.7"),
    ]


async def test_the_last_live_member_stays_unless_that_is_overridden(store: SqliteStore, intents: Intents) -> None:
    assert not (await intents.add(wish("site/tokyo", override=True), OPS)).intent.overrides
    with pytest.raises(ConflictError, match="site/osaka cannot be drained: pool web would keep 0 of 1") as caught:
        await intents.add(wish("site/osaka"), OPS)
    assert (caught.value.http_status, caught.value.pointer) == (409, "/target")
    assert "--force" in caught.value.hint
    (left,) = caught.value.remains
    assert (left["pool"], left["live"], left["left"], left["needed"]) == ("web", ["osaka"], [], 1)
    with pytest.raises(ConflictError, match="site/osaka cannot be forced down"):
        await intents.add(wish("site/osaka", "force", None), OPS)
    assert len(intents.all) == 1
    done = await intents.add(wish("site/osaka", override=True), OPS)
    assert len(done.short) == 1
    assert done.intent.overrides
    assert len(intents.drains) == 2
    assert await actions(store) == ["override-drain", "drain"]


async def test_before_anybody_knows_what_is_live_nothing_is_taken_away_unless_that_is_overridden(
    store: SqliteStore,
) -> None:
    known: list[States] = [STATES, {}]

    async def ready() -> None:
        known.pop()

    intents = Intents(store, lambda: (CONFIG, known[-1]), lambda: None, ready)
    kept = (await intents.add(wish("site/tokyo", percent=50), OPS)).intent  # the first round ends meanwhile
    for refused in (intents.add(wish("site/osaka"), OPS), intents.change(kept.id, Change(percent=100), OPS)):
        known[:] = [{}, STATES]
        with pytest.raises(StateError, match="first round") as caught:
            await refused
        assert "--force" in caught.value.hint
    await intents.add(wish("site/osaka", override=True), OPS)
    for always in (wish("site/osaka", "hold"), wish("site/osaka", "force", None, up=True)):
        await intents.add(always, OPS)
    assert len(intents.all) == 4


async def test_it_lasts_from_when_it_was_asked_for(intents: Intents) -> None:
    asked = time.time() - 0.5
    kept = (await intents.add(wish("site/tokyo", expires=asked + 60, asked=asked), OPS)).intent
    assert (kept.created, kept.starts, kept.expires) == (asked, asked, asked + 60)


async def test_a_hold_and_a_force_up_are_always_allowed(store: SqliteStore, intents: Intents) -> None:
    for target in ("site/tokyo", "site/osaka"):
        await intents.add(wish(target, "hold"), OPS)
        done = await intents.add(wish(target, "force", None, up=True), OPS)
        assert isinstance(done.intent, Force)
        assert done.intent.up
        assert done.remains == ()
    assert (len(intents.holds), len(intents.forces), intents.drains) == (2, 2, ())
    assert await actions(store) == ["force", "hold", "force", "hold"]
    with pytest.raises(ConflictError, match="forced already"):
        await intents.add(wish("site/tokyo", "force", None, up=True), OPS)


@pytest.mark.parametrize("kind", ["drain", "hold"])
async def test_only_a_force_has_no_end(intents: Intents, kind: str) -> None:
    with pytest.raises(RequestError, match=f"a {kind} needs an expiry") as caught:
        await intents.add(wish("site/tokyo", kind, None), OPS)
    assert caught.value.pointer == "/expires"
    with pytest.raises(RequestError, match="after the start"):
        await intents.add(wish("site/tokyo", kind, time.time() + 5, starts=time.time() + 6), OPS)


async def test_an_unknown_target_is_refused(intents: Intents) -> None:
    with pytest.raises(NotFoundError, match="site/tokio"):
        await intents.add(wish("site/tokio", override=True), OPS)


async def test_a_dry_run_judges_and_writes_nothing(store: SqliteStore, intents: Intents) -> None:
    done = await intents.add(wish("site/tokyo"), OPS, dry_run=True)
    assert [one.left for one in done.remains] == [("osaka",)]
    assert store.held().intents == ()
    kept = (await intents.add(wish("site/tokyo"), OPS)).intent
    for refused in (wish("site/tokyo"), wish("site/osaka")):
        with pytest.raises(ConflictError):
            await intents.add(refused, OPS, dry_run=True)
    assert (await intents.add(wish("site/osaka", override=True), OPS, dry_run=True)).short
    changed = (await intents.change(kept.id, Change(percent=10), OPS, dry_run=True)).intent
    assert isinstance(changed, Drain)
    assert changed.percent == 10
    assert (await intents.cancel(kept.id, OPS, dry_run=True)).intent == kept
    assert store.held().intents == (kept,)
    assert await actions(store) == ["drain"]


async def test_a_change_counts_and_is_on_record(store: SqliteStore, intents: Intents, changes: list[int]) -> None:
    kept = (await intents.add(wish("site/tokyo", expires=END - 1), OPS)).intent
    done = (await intents.change(kept.id, Change(expires=END, percent=20, reason="CHG-2"), OPS)).intent
    assert done == replace(kept, changed=1, expires=END, percent=20, reason="CHG-2")
    assert intents.drains == (done,)
    assert len(changes) == 2
    record = (await store.audit(AuditWanted(limit=1))).records[0]
    assert record.before
    assert record.after
    assert (record.action, record.reason) == ("change-drain", "CHG-2")
    assert (record.before["percent"], record.after["percent"]) == (100, 20)


async def test_who_knew_another_version_is_told(intents: Intents) -> None:
    kept = (await intents.add(wish("site/tokyo"), OPS)).intent
    await intents.change(kept.id, Change(reason="CHG-2"), OPS, expected=0)
    for attempt in (
        intents.change(kept.id, Change(reason="CHG-3"), OPS, expected=0),
        intents.cancel(kept.id, OPS, expected=0),
    ):
        with pytest.raises(PreconditionError) as caught:
            await attempt
        assert caught.value.http_status == 412
    assert intents.drains[0].reason == "CHG-2"
    assert (await intents.cancel(kept.id, OPS, expected=1)).intent.removed


async def test_a_cancel_that_meets_a_change_is_refused_if_it_knew_another_version(
    store: SqliteStore, intents: Intents
) -> None:
    kept = (await intents.add(wish("site/tokyo"), OPS)).intent
    changed, cancelled = await asyncio.gather(
        intents.change(kept.id, Change(reason="still needed"), OPS),
        intents.cancel(kept.id, OPS, expected=0),
        return_exceptions=True,
    )
    assert isinstance(cancelled, PreconditionError)
    assert not isinstance(changed, BaseException)
    assert intents.drains == (changed.intent,)
    assert await actions(store) == ["change-drain", "drain"]
    assert (await intents.cancel(kept.id, OPS, expected=1)).intent.removed


async def test_a_change_is_judged_by_what_it_takes_more(store: SqliteStore, intents: Intents) -> None:
    tokyo = (await intents.add(wish("site/tokyo", percent=50), OPS)).intent
    osaka = (await intents.add(wish("site/osaka"), OPS)).intent
    with pytest.raises(ConflictError, match="pool web would keep 0 of 1"):
        await intents.change(tokyo.id, Change(percent=100), OPS)
    done = await intents.change(tokyo.id, Change(percent=100, override=True), OPS)
    assert done.intent.overrides
    longer = await intents.change(osaka.id, Change(expires=END + 1), OPS)
    assert longer.intent.expires == END + 1, "it takes away what it took before"
    assert await actions(store) == ["change-drain", "override-drain", "drain", "drain"]


async def test_the_start_moves_while_it_lies_ahead(intents: Intents) -> None:
    now = time.time()
    kept = (await intents.add(wish("site/tokyo", starts=now + 100, expires=now + 200), OPS)).intent
    assert kept.state(now) == "scheduled"
    assert intents.drains == (kept,)
    later = (await intents.change(kept.id, Change(starts=now + 150), OPS)).intent
    assert later.starts == now + 150
    with pytest.raises(RequestError, match="after the start"):
        await intents.change(kept.id, Change(starts=now + 200), OPS)
    begun = (await intents.change(kept.id, Change(starts=now - 50), OPS)).intent
    assert begun.state(now) == "active"
    with pytest.raises(RequestError, match="has begun already") as caught:
        await intents.change(kept.id, Change(starts=now + 150), OPS)
    assert caught.value.pointer == "/starts"


async def test_what_cannot_be_changed(intents: Intents) -> None:
    hold = (await intents.add(wish("site/tokyo", "hold"), OPS)).intent
    with pytest.raises(RequestError, match="a hold has no percent"):
        await intents.change(hold.id, Change(percent=10), OPS)
    await intents.cancel(hold.id, OPS)
    with pytest.raises(ConflictError, match="has ended"):
        await intents.change(hold.id, Change(reason="CHG-2"), OPS)
    for attempt in (intents.change("d-9", Change(), OPS), intents.cancel("d-9", OPS)):
        with pytest.raises(NotFoundError, match="d-9"):
            await attempt


async def test_a_change_that_meets_another_of_its_kind_is_refused(intents: Intents) -> None:
    now = time.time()
    first = (await intents.add(wish("site/tokyo", expires=now + 100), OPS)).intent
    await intents.add(wish("site/tokyo", starts=now + 200, expires=now + 300), OPS)
    with pytest.raises(ConflictError, match="is to be drained already"):
        await intents.change(first.id, Change(expires=now + 250), OPS)


async def test_of_two_who_drain_the_last_two_sites_at_once_one_wins(intents: Intents) -> None:
    wishes = (intents.add(wish(target), OPS) for target in ("site/tokyo", "site/osaka"))
    results = await asyncio.gather(*wishes, return_exceptions=True)
    assert sum(isinstance(result, ConflictError) for result in results) == 1
    assert len(intents.drains) == 1


class Busy(SqliteStore):
    """Another operator does something each time, in the moment before this one is kept."""

    others: list[Drain]

    async def add(self, intent: Intent, after: int | None, deed: Deed) -> Intent:
        await self._disturb()
        return await super().add(intent, after, deed)

    async def change(self, intent: Intent, after: int | None, deed: Deed) -> Intent:
        await self._disturb()
        return await super().change(intent, after, deed)

    async def _disturb(self) -> None:
        if self.others:
            await super().add(self.others.pop(), None, Deed("drain", OPS))


async def test_who_was_slower_is_judged_anew(tmp_path: Path) -> None:
    store = await Busy.open(str(tmp_path / "gslb.sqlite"))
    assert isinstance(store, Busy)
    store.others = [Drain("d-other", Target.parse("site/tokyo"), "CHG-2", "", 1.0, 4e9)]
    intents = Intents(store, lambda: (CONFIG, STATES), lambda: None, nothing)
    with pytest.raises(ConflictError, match="pool web would keep 0 of 1"):
        await intents.add(wish("site/osaka"), OPS)
    store.others = [Drain(f"d-{at}", Target.parse(f"member/web/x{at}"), "", "", 1.0, 4e9) for at in range(20)]
    with pytest.raises(StaleError, match="quicker"):
        await intents.add(wish("member/web/tokyo"), OPS)
    store.others = []
    partly = (await intents.add(wish("site/osaka", percent=10), OPS)).intent
    await store.remove("d-other", time.time(), Deed("cancel-drain", OPS))
    store.others = [Drain("d-again", Target.parse("site/tokyo"), "CHG-2", "", 1.0, 4e9)]
    with pytest.raises(ConflictError, match="pool web would keep 0 of 1"):
        await intents.change(partly.id, Change(percent=100), OPS)
    await store.close()
