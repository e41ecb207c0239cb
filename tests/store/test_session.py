"""The registration of a node: who may write, who was stopped, who has the same name."""

import asyncio
import time
from pathlib import Path

import pytest

from gslb.errors import StoreError
from gslb.store.audit import broken
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Delete, Put
from gslb.store.votes import LEASE
from tests.etcd_kit import Cluster
from tests.store.nodes_kit import (
    GONE,
    NAMES,
    Node,
    add,
    cast,
    know_each_other,
    make_ballot,
    make_drain,
    nodes,
    records,
    registration,
    until,
)


async def test_a_writer_that_was_stopped_is_refused_and_comes_back(trio: list[Node], etcd: Etcd, prefix: str) -> None:
    one, two, _ = trio
    await know_each_other(trio)
    session, keep, go_on = one.store._session, one.store._etcd.keep, asyncio.Event()

    async def suspended(lease: int) -> int:
        await go_on.wait()
        return await keep(lease)

    one.store._etcd.keep = suspended  # type: ignore[method-assign]
    lease = session.lease
    await until(lambda: one.name not in two.voters and one.name not in two.store.roster(), GONE)
    assert session._lease == lease  # it has noticed nothing
    before = (await etcd.scan(prefix)).items
    for attempt in (one.store.votes.cast(make_ballot(one.name, "down")), add(one.store, make_drain("d-1"))):
        session._lease = lease
        with pytest.raises(StoreError, match="lapsed; nothing was written"):
            await attempt
        assert (await etcd.scan(prefix)).items == before
    one.store._etcd.keep = keep  # type: ignore[method-assign]
    go_on.set()
    took = await until(one.registered)
    await add(one.store, make_drain("d-1"))
    await one.store.votes.cast(make_ballot(one.name, "down"))
    await until(lambda: one.name in two.voters and two.drains == {"d-1"})
    assert one.alarms == ""
    print(f"\nregistered anew after {took:.2f} s")


async def test_a_rival_with_the_same_name(trio: list[Node], three: Cluster, prefix: str, tmp_path: Path) -> None:
    one, two, _ = trio
    await know_each_other(trio)
    (tmp_path / "rival").mkdir()
    rival = await Node(three.access(), prefix, one.name, tmp_path / "rival").start()
    began = time.monotonic()
    with pytest.raises(StoreError, match=r"registration|another node has the name"):
        await add(one.store, make_drain("d-1"))
    await until(lambda: "another node has the name" in one.alarms)
    alarmed = time.monotonic() - began
    with pytest.raises(StoreError, match="another node has the name"):
        await cast(one)
    await rival.store.votes.cast(make_ballot(one.name, "down"))
    await add(rival.store, make_drain("d-2"))
    await until(lambda: two.drains == {"d-2"} and two.store.votes.ballots()[one.name] == make_ballot(one.name, "down"))
    await asyncio.sleep(2.5)  # neither takes the name back and forth
    assert rival.registered()
    assert rival.alarms == ""
    await rival.leave()
    back = await until(one.registered)
    await cast(one)
    await add(one.store, make_drain("d-1", "site/osaka"))
    await until(lambda: two.drains == {"d-1", "d-2"} and two.store.votes.ballots()[one.name] == make_ballot(one.name))
    assert one.alarms == ""
    assert broken(reversed(await records(two.store, 10))) == []
    print(f"\nalarmed after {alarmed:.2f} s, back {back:.2f} s after it left")


async def test_who_was_stopped_gives_way_to_who_took_its_place(
    trio: list[Node], three: Cluster, prefix: str, tmp_path: Path
) -> None:
    one = trio[0]
    keep, go_on = one.store._etcd.keep, asyncio.Event()

    async def suspended(lease: int) -> int:
        await go_on.wait()
        return await keep(lease)

    one.store._etcd.keep = suspended  # type: ignore[method-assign]
    await until(lambda: one.name not in trio[1].store.roster(), GONE)
    (tmp_path / "rival").mkdir()
    rival = await Node(three.access(), prefix, one.name, tmp_path / "rival").start()
    go_on.set()
    await until(lambda: "another node has the name" in one.alarms)
    await add(rival.store, make_drain("d-1"))
    await rival.leave()
    one.store._etcd.keep = keep  # type: ignore[method-assign]
    await until(one.registered)


async def test_what_was_removed_or_overwritten_by_hand_is_written_anew(trio: list[Node], etcd: Etcd) -> None:
    one, two, _ = trio
    key = one.store._session.key
    for write in (Delete(key), Put(key, b"garbage")):
        await etcd.txn([], [write])
        await until(lambda: not one.registered())
        await until(one.registered)
        await until(lambda: one.name in two.store.roster() and not two.alarms)
        await until(lambda: not one.alarms)


async def test_what_changes_is_told_soon_and_not_each_time(trio: list[Node], etcd: Etcd) -> None:
    one, two, _ = trio
    version = (await etcd.get(one.store._session.key))[1].version
    for generation in range(2, 52):
        one.store.announce(registration(one.name, generation))
        await asyncio.sleep(0.01)
    took = await until(lambda: two.store.roster()[one.name].generation == 51)
    assert took < 1.5
    assert (await etcd.get(one.store._session.key))[1].version <= version + 3


async def test_who_leaves_does_not_come_back(trio: list[Node], etcd: Etcd) -> None:
    one = trio[0]
    await one.store._session.end()
    await asyncio.sleep(1.2)
    assert (await etcd.get(one.store._session.key))[1] is None
    with pytest.raises(StoreError, match="not registered"):
        await add(one.store, make_drain("d-1"))


async def test_a_full_store_keeps_who_is_there(tmp_path: Path) -> None:
    with Cluster(tmp_path / "full", options=("--quota-backend-bytes", str(16 << 20))) as cluster:
        async with nodes(cluster.access(), "/full", tmp_path, NAMES[:2]) as (one, two):
            await cast(one, two)
            await until(lambda: one.voters and two.voters)
            await asyncio.to_thread(cluster.fill)
            one.store.announce(registration(one.name, 2))
            with pytest.raises(StoreError, match="space exceeded") as caught:
                await add(one.store, make_drain("d-1"))
            assert "quota" in caught.value.hint
            await until(lambda: "space exceeded" in one.alarms)
            await asyncio.sleep(LEASE + 1)
            assert one.voters
            assert two.voters
            assert one.registered()
            await asyncio.to_thread(cluster.make_room)
            took = await until(lambda: two.store.roster()[one.name].generation == 2)
            await add(one.store, make_drain("d-1"))
            await until(lambda: not one.alarms)
            print(f"\ntold {took:.2f} s after there was room")
