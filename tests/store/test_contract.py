"""What every store promises, by the same tests against SQLite and a real etcd."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gslb.errors import ConflictError, NotFoundError, RequestError, StaleError
from gslb.intents import Drain, Force, Hold, Intent, Target
from gslb.store import Store
from gslb.store.audit import Deed, broken
from gslb.store.auditpages import AuditWanted
from gslb.store.etcd import Etcd
from gslb.store.keys import Keys
from gslb.store.shared import EtcdStore, Place
from gslb.store.sqlite import SqliteStore
from tests.etcd_kit import Cluster
from tests.store.nodes_kit import (
    OPS,
    add,
    cancel,
    make_ballot,
    make_drain,
    records,
    registration,
    until,
)

NAME = "tokyo-1"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("etcd")) as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "etcd"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    own = await SqliteStore.open(str(tmp_path / "gslb.sqlite"), NAME)
    opened: Store = own
    if request.param == "etcd":
        cluster: Cluster = request.getfixturevalue("cluster")
        opened = await EtcdStore.open(Etcd(cluster.access()), Place(Keys(f"/{request.node.name}"), NAME), own)
    task = asyncio.create_task(opened.run())
    opened.announce(registration(NAME))
    if isinstance(opened, EtcdStore):
        await until(lambda: opened._session._lease)
    yield opened
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await opened.close()
    if opened is not own:
        await own.close()


def changed(intent: Intent, **more: Any) -> Intent:
    """The intent after its next change."""
    return replace(intent, changed=intent.changed + 1, **more)


async def change(store: Store, intent: Intent, after: int | None = None) -> Intent:
    return await store.change(intent, after, Deed("change-drain", OPS, "longer"))


def ids(store: Store) -> list[str]:
    return [one.id for one in store.held().intents]


async def test_a_drain_that_is_kept_is_known_at_once(store: Store) -> None:
    kept = await add(store, make_drain("d-1"))
    assert store.held().drains == (kept,)
    assert kept.active(kept.created)
    assert (kept.id, str(kept.target), kept.reason, kept.owner) == ("d-1", "site/tokyo", "CHG-1 \U0001f5fc", "ops")
    await add(store, make_drain("d-0", "pool/web"))
    assert ids(store) == ["d-1", "d-0"]  # by age


async def test_a_second_drain_of_a_target_is_refused_while_the_first_holds(store: Store) -> None:
    await add(store, make_drain("d-1"))
    with pytest.raises(ConflictError, match="d-1") as caught:
        await add(store, make_drain("d-2"))
    assert (caught.value.http_status, caught.value.pointer) == (409, "/target")
    await cancel(store, "d-1", make_drain("").created)
    await add(store, make_drain("d-2"))
    assert ids(store) == ["d-1", "d-2"]


async def test_removal_is_kept_and_changes_nothing_twice(store: Store) -> None:
    kept = await add(store, make_drain("d-1"))
    removed = await cancel(store, "d-1", kept.created + 1)
    assert removed.removed is not None
    assert not removed.active(kept.created + 1)
    assert store.held().drains == (removed,)
    assert await cancel(store, "d-1", kept.created + 9) == removed
    assert len(await records(store, 10)) == 2
    with pytest.raises(NotFoundError, match="d-9"):
        await cancel(store, "d-9", 1500)


async def test_the_revision_moves_with_every_intent(store: Store) -> None:
    seen = [store.held().revision]
    await add(store, make_drain("d-1"))
    seen.append(store.held().revision)
    await cancel(store, "d-1", make_drain("").created)
    seen.append(store.held().revision)
    assert seen == sorted(set(seen))
    with pytest.raises(NotFoundError):
        await cancel(store, "d-9", 1500)
    await store.votes.cast(make_ballot(NAME))
    assert store.held().revision == seen[-1]


async def test_who_judged_by_what_is_past_must_look_again(store: Store) -> None:
    seen = store.held().revision
    await add(store, make_drain("d-1"), after=seen)
    with pytest.raises(StaleError):
        await add(store, make_drain("d-2", "site/osaka"), after=seen)
    newer = store.held().revision
    assert newer > seen
    await cancel(store, "d-1", make_drain("").created)
    with pytest.raises(StaleError):
        await add(store, make_drain("d-2", "site/osaka"), after=newer)
    await add(store, make_drain("d-2", "site/osaka"), after=store.held().revision)
    assert ids(store) == ["d-1", "d-2"]
    assert len(await records(store, 10)) == 3


async def test_of_many_at_once_one_wins(store: Store) -> None:
    adds = (add(store, make_drain(f"d-{number}")) for number in range(8))
    results = await asyncio.gather(*adds, return_exceptions=True)
    assert sum(isinstance(result, Drain) for result in results) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == 7
    assert len(store.held().drains) == 1


async def test_of_many_that_judged_by_the_same_one_wins(store: Store) -> None:
    seen = store.held().revision
    adds = (add(store, make_drain(f"d-{number}", f"site/s{number}"), after=seen) for number in range(8))
    results = await asyncio.gather(*adds, return_exceptions=True)
    assert sum(isinstance(result, Drain) for result in results) == 1
    assert sum(isinstance(result, StaleError) for result in results) == 7
    assert len(store.held().drains) == 1


async def test_what_was_done_is_recorded_in_a_chain(store: Store) -> None:
    for number in range(3):
        await add(store, make_drain(f"d-{number}", f"site/s{number}"))
    await cancel(store, "d-1", make_drain("").created)
    with pytest.raises(ConflictError):
        await add(store, make_drain("d-9", "site/s0"))
    found = await records(store, 10)
    assert [(one.node, one.number, one.action, one.subject) for one in found] == [
        (NAME, 4, "undrain", "d-1"),
        (NAME, 3, "drain", "d-2"),
        (NAME, 2, "drain", "d-1"),
        (NAME, 1, "drain", "d-0"),
    ]
    assert {(one.actor, one.source) for one in found} == {("ops", "192.0.2.7")}
    assert [one.reason for one in found] == ["done", *["CHG-1 \U0001f5fc"] * 3]
    assert [bool(one.before) for one in found] == [True, False, False, False]
    assert [(one.after or {}).get("id") for one in found] == [None, "d-2", "d-1", "d-0"]
    assert broken(reversed(found)) == []
    assert await records(store, 1) == found[:1]


async def test_a_drain_a_hold_and_a_force_may_stand_on_one_target(store: Store) -> None:
    drain, where = make_drain("d-1"), Target.parse("site/tokyo")
    hold = Hold("h-1", where, "CHG-1", "ops", drain.created + 1, drain.expires)
    force = Force("f-1", where, "CHG-1", "ops", drain.created + 2, None, up=True)
    kept = [await add(store, one) for one in (drain, hold, force)]
    held = store.held()
    assert held.intents == tuple(kept)
    assert (held.drains, held.holds, held.forces) == tuple((one,) for one in kept)
    assert [one.active(time.time() + 1e6) for one in held.forces] == [True]
    for second in (replace(hold, id="h-2"), replace(force, id="f-2", starts=drain.created + 1e6)):
        with pytest.raises(ConflictError, match=r"[hf]-1"):
            await add(store, second)
    ended = await cancel(store, "f-1")
    assert not ended.active(ended.created)
    await add(store, replace(force, id="f-2"))
    assert [one.action for one in (await store.audit(AuditWanted(subject="f-1"))).records] == ["undrain", "force"]


async def test_scheduled_ones_of_a_target_may_follow_each_other(store: Store) -> None:
    first = make_drain("d-1", lasts=100)
    now, end = first.created, first.expires
    await add(store, first)
    await add(store, Drain("d-2", first.target, "CHG-2", "ops", now, end + 200, starts=end + 100))
    await add(store, Drain("d-3", first.target, "CHG-3", "ops", now, end + 100, starts=end))
    for begin, ends in ((end - 1, end + 1), (end + 150, end + 400)):
        with pytest.raises(ConflictError):
            await add(store, Drain("d-4", first.target, "CHG-4", "ops", now, ends, starts=begin))
    assert [one.state(now) for one in store.held().drains] == ["active", "scheduled", "scheduled"]
    with pytest.raises(ConflictError, match="d-3"):
        await change(store, changed(await store.find("d-1"), expires=end + 50))


async def test_a_change_takes_the_place_of_what_was(store: Store) -> None:
    kept = await add(store, make_drain("d-1", lasts=100))
    seen = store.held()
    longer = await change(store, changed(kept, expires=kept.created + 900, percent=30, reason="CHG-2"))
    assert store.held().intents == (longer,)
    assert (longer.changed, longer.expires, longer.reason) == (1, kept.created + 900, "CHG-2")
    assert store.held().revision > seen.revision
    assert store.held().revisions["d-1"] > seen.revisions["d-1"]
    (entry, *_) = await records(store)
    assert entry.before
    assert entry.after
    assert (entry.action, entry.before["changed"], entry.after["changed"]) == ("change-drain", 0, 1)
    assert (entry.before["expires"], entry.after["percent"]) == (kept.expires, 30)


async def test_a_change_that_is_not_the_next_is_refused(store: Store) -> None:
    kept = await add(store, make_drain("d-1"))
    await change(store, changed(kept, reason="first"))
    for stale in (changed(kept, reason="second"), replace(kept, changed=3)):
        with pytest.raises(StaleError):
            await change(store, stale)
    with pytest.raises(StaleError):
        await change(store, replace(kept, changed=2), after=store.held().revision - 1)
    assert store.held().intents[0].reason == "first"
    with pytest.raises(NotFoundError, match="d-9"):
        await change(store, replace(kept, id="d-9"))
    with pytest.raises(StaleError):
        await store.remove("d-1", kept.created + 1, Deed("undrain", OPS), changed=0)
    assert (await store.remove("d-1", kept.created + 1, Deed("undrain", OPS), changed=1)).removed
    with pytest.raises(ConflictError, match="has ended"):
        await change(store, replace(kept, changed=2))
    assert [one.action for one in await records(store)] == ["undrain", "change-drain", "drain"]


async def test_of_many_changes_at_once_one_wins(store: Store) -> None:
    kept = await add(store, make_drain("d-1"))
    changes = (change(store, changed(kept, reason=f"CHG-{number}")) for number in range(8))
    results = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(result, Drain) for result in results) == 1
    assert sum(isinstance(result, StaleError) for result in results) == 7
    assert broken(reversed(await records(store))) == []


async def test_an_intent_is_found(store: Store) -> None:
    kept = await add(store, make_drain("d-1"))
    assert await store.find("d-1") == kept
    with pytest.raises(NotFoundError, match="d-9"):
        await store.find("d-9")


async def test_what_changed_no_intent_is_on_record(store: Store) -> None:
    revision = store.held().revision
    await store.record(Deed("reload", OPS, "CHG-1", "config", "c1", {"digest": "c0"}, {"digest": "c1"}))
    (entry,) = await records(store)
    assert (entry.node, entry.number, entry.action, entry.subject, entry.before) == (
        NAME,
        1,
        "reload",
        "c1",
        {"digest": "c0"},
    )
    assert store.held().revision == revision
    assert broken([entry]) == []


async def test_documents_are_kept_and_removed(store: Store) -> None:
    deed = Deed("token-create", OPS, subject="t-1")
    await store.keep("tokens", "t-1", {"scope": "read", "\u00e9": [1, None]}, deed)
    await store.keep("tokens", "t-2", {}, None)
    await store.keep("uses", "t-1", {"at": 5.0}, None)
    assert store.kept("tokens") == {"t-1": {"scope": "read", "\u00e9": [1, None]}, "t-2": {}}
    await store.keep("tokens", "t-1", {"scope": "admin"}, deed)
    await store.keep("tokens", "t-2", None, Deed("token-revoke", OPS, subject="t-2"))
    assert store.kept("tokens") == {"t-1": {"scope": "admin"}}
    assert store.kept("nothing") == {}
    for removal in (deed, None):
        with pytest.raises(NotFoundError, match="t-2"):
            await store.keep("tokens", "t-2", None, removal)
    with pytest.raises(RequestError, match="name"):
        await store.keep("tokens", "a/b", {}, deed)
    assert [one.action for one in await records(store)] == ["token-revoke", "token-create", "token-create"]


async def test_the_record_is_read_in_pages(store: Store) -> None:
    for number in range(7):
        await store.record(Deed("reload" if number % 2 else "plan", OPS, subject=str(number)))
    first = await store.audit(AuditWanted(limit=3))
    await store.record(Deed("reload", OPS, subject="new"))
    second = await store.audit(AuditWanted(limit=3, cursor=first.cursor))
    third = await store.audit(AuditWanted(limit=3, cursor=second.cursor))
    subjects = [[one.subject for one in page.records] for page in (first, second, third)]
    assert subjects == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
    assert third.cursor == ""
    assert [one.subject for one in (await store.audit(AuditWanted(action="reload", node=NAME))).records] == [
        "new",
        "5",
        "3",
        "1",
    ]
    assert (await store.audit(AuditWanted(node="osaka-1"))).records == ()
    with pytest.raises(RequestError, match="cursor"):
        await store.audit(AuditWanted(cursor="x"))


async def test_this_node_is_among_those_that_are_there(store: Store) -> None:
    assert store.roster() == {NAME: registration(NAME)}
    store.announce(registration(NAME, generation=2))
    await until(lambda: store.roster()[NAME].generation == 2)
    await add(store, make_drain("d-1"))


async def test_a_store_that_answers_is_in_good_condition(store: Store) -> None:
    condition = store.condition()
    assert (condition.lost, condition.alarms) == (False, ())
    assert condition.silent is not None
    assert condition.silent < 3


async def test_an_own_ballot_is_nobody_elses(store: Store) -> None:
    await store.votes.cast(make_ballot(NAME))
    assert store.votes.ballots() == {}
    assert not store.votes.lost


async def test_close_and_open_again(tmp_path: Path, cluster: Cluster) -> None:
    for turn in range(2):
        own = await SqliteStore.open(str(tmp_path / "gslb.sqlite"), NAME)
        shared = await EtcdStore.open(Etcd(cluster.access()), Place(Keys("/again"), NAME), own)
        task = asyncio.create_task(shared.run())
        shared.announce(registration(NAME))
        await until(partial(getattr, shared._session, "_lease"))
        assert len(shared.held().drains) == turn
        await add(shared, make_drain(f"d-{turn}", f"site/s{turn}"))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await shared.close()
        await own.close()
    etcd = Etcd(cluster.access())
    listing = await etcd.scan("/again/live/")
    assert [item.key for item in listing.items] == [
        "/again/live/drains/d-0",
        "/again/live/drains/d-1",
        "/again/live/intents",
    ]
    await etcd.close()
