"""What every store promises, by the same tests against SQLite and a real etcd."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from gslb.errors import ConflictError, NotFoundError, StaleError
from gslb.intents import Drain
from gslb.store import Store
from gslb.store.audit import broken
from gslb.store.etcd import Etcd
from gslb.store.keys import Keys
from gslb.store.shared import EtcdStore, Place
from gslb.store.sqlite import SqliteStore
from tests.etcd_kit import Cluster
from tests.store.nodes_kit import make_ballot, make_drain, registration, until

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


def ids(store: Store) -> list[str]:
    return [drain.id for drain in store.held().drains]


async def test_a_drain_that_is_kept_is_known_at_once(store: Store) -> None:
    kept = await store.add_drain(make_drain("d-1"))
    assert store.held().drains == (kept,)
    assert kept.active(kept.created)
    assert (kept.id, str(kept.target), kept.reason, kept.owner) == ("d-1", "site/tokyo", "CHG-1 \U0001f5fc", "ops")
    await store.add_drain(make_drain("d-0", "pool/web"))
    assert ids(store) == ["d-1", "d-0"]  # by age


async def test_a_second_drain_of_a_target_is_refused_while_the_first_holds(store: Store) -> None:
    await store.add_drain(make_drain("d-1"))
    with pytest.raises(ConflictError, match="d-1") as caught:
        await store.add_drain(make_drain("d-2"))
    assert (caught.value.http_status, caught.value.pointer) == (409, "/target")
    await store.remove_drain("d-1", make_drain("").created)
    await store.add_drain(make_drain("d-2"))
    assert ids(store) == ["d-1", "d-2"]


async def test_removal_is_kept_and_changes_nothing_twice(store: Store) -> None:
    kept = await store.add_drain(make_drain("d-1"))
    removed = await store.remove_drain("d-1", kept.created + 1)
    assert removed.removed is not None
    assert not removed.active(kept.created + 1)
    assert store.held().drains == (removed,)
    assert await store.remove_drain("d-1", kept.created + 9) == removed
    assert len(await store.audit(10)) == 2
    with pytest.raises(NotFoundError, match="d-9"):
        await store.remove_drain("d-9", 1500)


async def test_the_revision_moves_with_every_intent(store: Store) -> None:
    seen = [store.held().revision]
    await store.add_drain(make_drain("d-1"))
    seen.append(store.held().revision)
    await store.remove_drain("d-1", make_drain("").created)
    seen.append(store.held().revision)
    assert seen == sorted(set(seen))
    with pytest.raises(NotFoundError):
        await store.remove_drain("d-9", 1500)
    await store.votes.cast(make_ballot(NAME))
    assert store.held().revision == seen[-1]


async def test_who_judged_by_what_is_past_must_look_again(store: Store) -> None:
    seen = store.held().revision
    await store.add_drain(make_drain("d-1"), after=seen)
    with pytest.raises(StaleError):
        await store.add_drain(make_drain("d-2", "site/osaka"), after=seen)
    newer = store.held().revision
    assert newer > seen
    await store.remove_drain("d-1", make_drain("").created)
    with pytest.raises(StaleError):
        await store.add_drain(make_drain("d-2", "site/osaka"), after=newer)
    await store.add_drain(make_drain("d-2", "site/osaka"), after=store.held().revision)
    assert ids(store) == ["d-1", "d-2"]
    assert len(await store.audit(10)) == 3


async def test_of_many_at_once_one_wins(store: Store) -> None:
    adds = (store.add_drain(make_drain(f"d-{number}")) for number in range(8))
    results = await asyncio.gather(*adds, return_exceptions=True)
    assert sum(isinstance(result, Drain) for result in results) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == 7
    assert len(store.held().drains) == 1


async def test_of_many_that_judged_by_the_same_one_wins(store: Store) -> None:
    seen = store.held().revision
    adds = (store.add_drain(make_drain(f"d-{number}", f"site/s{number}"), after=seen) for number in range(8))
    results = await asyncio.gather(*adds, return_exceptions=True)
    assert sum(isinstance(result, Drain) for result in results) == 1
    assert sum(isinstance(result, StaleError) for result in results) == 7
    assert len(store.held().drains) == 1


async def test_what_was_done_is_recorded_in_a_chain(store: Store) -> None:
    for number in range(3):
        await store.add_drain(make_drain(f"d-{number}", f"site/s{number}"))
    await store.remove_drain("d-1", make_drain("").created)
    with pytest.raises(ConflictError):
        await store.add_drain(make_drain("d-9", "site/s0"))
    found = await store.audit(10)
    assert [(one.node, one.number, one.action, one.subject) for one in found] == [
        (NAME, 4, "undrain", "d-1"),
        (NAME, 3, "drain", "d-2"),
        (NAME, 2, "drain", "d-1"),
        (NAME, 1, "drain", "d-0"),
    ]
    assert {(one.owner, one.reason) for one in found} == {("ops", "CHG-1 \U0001f5fc")}
    assert broken(reversed(found)) == []
    assert await store.audit(1) == found[:1]


async def test_this_node_is_among_those_that_are_there(store: Store) -> None:
    assert store.roster() == {NAME: registration(NAME)}
    store.announce(registration(NAME, generation=2))
    await until(lambda: store.roster()[NAME].generation == 2)
    await store.add_drain(make_drain("d-1"))


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
        await shared.add_drain(make_drain(f"d-{turn}", f"site/s{turn}"))
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
