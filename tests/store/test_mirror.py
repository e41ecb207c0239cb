"""The copy, against a real cluster of three whose members are killed, frozen, restarted, filled and compacted."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gslb.errors import StoreError
from gslb.store import mirror as module
from gslb.store.etcd import Etcd
from gslb.store.etcdaccess import Access
from gslb.store.etcdtext import Batch, Bounds, Change, Delete, Put
from gslb.store.mirror import Mirror
from tests.etcd_kit import Cluster, Wire

CONVERGE = 5.0  # seconds


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("three"), 3) as cluster:
        yield cluster


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}/"


class Running:
    """A copy that runs, and what it told."""

    def __init__(self, access: Access, prefix: str, bounds: Bounds | None = None) -> None:
        self.etcd = Etcd(access)
        self.told: list[frozenset[str]] = []
        self.mirror = Mirror(self.etcd, prefix, self.told.append, bounds)

    @property
    def values(self) -> dict[str, bytes]:
        return {key: item.value for key, item in self.mirror.items.items()}

    async def until(self, condition: Callable[[], object], seconds: float = CONVERGE) -> float:
        """Wait for it and return how long that took."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, (self.mirror.problem, self.mirror.revision)
            await asyncio.sleep(0.01)
        return time.monotonic() - began


@asynccontextmanager
async def running(access: Access, prefix: str, bounds: Bounds | None = None) -> AsyncIterator[Running]:
    copy = Running(access, prefix, bounds)
    task = asyncio.create_task(copy.mirror.run())
    try:
        await copy.until(lambda: copy.mirror.revision or copy.mirror.alarm)
        yield copy
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await copy.etcd.close()


async def write(cluster: Cluster, *writes: Put | Delete, seconds: float = CONVERGE) -> None:
    """By a client of its own, again and again while the cluster elects."""
    etcd, began = Etcd(cluster.access()), time.monotonic()
    try:
        while True:
            with suppress(StoreError):
                await etcd.txn([], writes, repeat=True)
                return
            assert time.monotonic() - began < seconds
    finally:
        await etcd.close()


async def test_what_is_there_and_what_comes(three: Cluster, prefix: str) -> None:
    await write(three, Put(prefix + "a", b"1"))
    async with running(three.access(), prefix) as copy:
        assert copy.values == {prefix + "a": b"1"}
        assert copy.told == [{prefix + "a"}]
        await write(three, Put(prefix + "b", b"2"), Delete(prefix + "a"))
        took = await copy.until(lambda: copy.values == {prefix + "b": b"2"})
        assert copy.told[1:] == [{prefix + "a", prefix + "b"}]
        print(f"\na change came {took * 1000:.0f} ms after it was acknowledged")
        item = copy.mirror.items[prefix + "b"]
        assert (await copy.etcd.get(prefix + "b"))[1] == item


async def test_nothing_there_is_told_once(three: Cluster, prefix: str) -> None:
    async with running(three.access(), prefix) as copy:
        assert copy.told == [frozenset()]
        assert not copy.mirror.lost


async def test_writes_elsewhere_do_not_make_it_old(three: Cluster, prefix: str) -> None:
    async with running(three.access(), prefix) as copy:
        before = copy.mirror.revision
        await write(three, Put("elsewhere", b""))
        await copy.until(lambda: copy.mirror.revision > before)
        heard = copy.mirror.heard
        await copy.until(lambda: copy.mirror.heard > heard)
        assert copy.told == [frozenset()]
        assert copy.mirror.problem == ""


async def test_a_frozen_follower_is_left(three: Cluster, prefix: str) -> None:
    frozen, *others = three.followers()
    async with running(three.access(frozen, *others), prefix) as copy:
        frozen.freeze()
        try:
            began = time.monotonic()
            three.put(prefix + "a", b"1", three.members.index(others[0]))
            await copy.until(lambda: copy.values, 3.0)
            print(f"\nfollower frozen: {time.monotonic() - began:.2f} s")
            assert copy.etcd.endpoint != frozen.url
            assert not copy.mirror.lost
            await copy.until(lambda: not copy.mirror.problem)
        finally:
            frozen.thaw()


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_the_leader_fails(three: Cluster, prefix: str, how: str, caplog) -> None:
    leader = three.leader()
    async with running(three.access(leader, *three.followers()), prefix) as copy:
        with caplog.at_level(logging.WARNING, "gslb.store"):
            getattr(leader, how)()
            try:
                began = time.monotonic()
                await write(three, Put(prefix + "a", b"1"))
                acknowledged = time.monotonic()
                await copy.until(lambda: copy.values)
                await copy.until(lambda: not copy.mirror.problem)
            finally:
                leader.thaw() if how == "freeze" else three.start()
        print(f"\nleader, {how}: written after {acknowledged - began:.2f} s, seen by {time.monotonic() - began:.2f} s")
        assert time.monotonic() - acknowledged <= CONVERGE
        await asyncio.sleep(1.5)
        assert 1 <= len(caplog.records) <= 4  # once per outage, and its end


async def test_a_thousand_writes_while_the_way_is_cut(three: Cluster, prefix: str) -> None:
    async with Wire(three.members[0]) as wire, running(Access((wire.url,)), prefix) as copy:
        wire.close()
        wire.cut()
        writer = Etcd(
            three.access(patience=20.0, total=40.0)
        )  # a thousand at once, on a machine that does other things
        try:
            await asyncio.gather(*(writer.txn([], [Put(f"{prefix}{n % 200}", b"%d" % n)]) for n in range(1000)))
            await writer.txn([], [Delete(f"{prefix}7")])
            expected = {item.key: item.value for item in (await writer.scan(prefix)).items}
        finally:
            await writer.close()
        assert copy.values != expected
        wire.open()
        took = await copy.until(lambda: copy.values == expected)
        print(f"\n1,000 writes while cut: {took:.2f} s after it healed")
        assert len(expected) == 199


async def test_a_watch_that_hangs_is_noticed(three: Cluster, prefix: str) -> None:
    async with Wire(three.members[0]) as wire, running(Access((wire.url,)), prefix) as copy:
        await copy.until(lambda: copy.mirror.heard > 0)
        await asyncio.sleep(0.2)
        wire.hang()
        began = time.monotonic()
        await write(three, Put(prefix + "a", b"1"))
        await copy.until(lambda: copy.values == {prefix + "a": b"1"})
        print(f"\nsilent watch: {time.monotonic() - began:.2f} s")


async def test_compaction_while_away(three: Cluster, prefix: str) -> None:
    await write(three, Put(prefix + "a", b"1"), Put(prefix + "b", b"1"))
    async with Wire(three.members[0]) as wire, running(Access((wire.url,)), prefix) as copy:
        wire.close()
        wire.cut()
        await write(three, Put(prefix + "a", b"2"), Delete(prefix + "b"))
        three.compact(three.put(prefix + "c", b"3"))
        await asyncio.sleep(0.5)
        wire.open()
        took = await copy.until(lambda: copy.values == {prefix + "a": b"2", prefix + "c": b"3"})
        assert copy.told[-1] == {prefix + "a", prefix + "b", prefix + "c"}
        print(f"\ncompacted while away: {took:.2f} s")


async def test_lost_and_found(three: Cluster, prefix: str, caplog) -> None:
    await write(three, Put(prefix + "a", b"1"))
    async with running(three.access(), prefix) as copy:
        with caplog.at_level(logging.WARNING, "gslb.store"):
            for member in three.members:
                member.kill()
            took = await copy.until(lambda: copy.mirror.lost)
            assert took > 1.0
            assert copy.mirror.problem
            assert copy.values == {prefix + "a": b"1"}
            await asyncio.to_thread(three.start)
            began = time.monotonic()
            await write(three, Put(prefix + "a", b"2"))
            await copy.until(lambda: copy.values == {prefix + "a": b"2"} and not copy.mirror.lost)
        print(f"\nall restarted: {time.monotonic() - began:.2f} s")
        assert 1 <= len(caplog.records) <= 4


async def test_a_minority_is_lost(three: Cluster, prefix: str) -> None:
    alone, *others = three.members
    async with running(three.access(alone), prefix) as copy:
        for member in others:
            member.freeze()
        try:
            await copy.until(lambda: copy.mirror.lost)
        finally:
            for member in others:
                member.thaw()
        took = await copy.until(lambda: not copy.mirror.lost)
        print(f"\nmajority back: {took:.2f} s")


async def test_a_full_database_is_still_read(tmp_path: Path, prefix: str) -> None:
    with Cluster(tmp_path, options=("--quota-backend-bytes", "2000000")) as cluster:
        cluster.put(prefix, b"1")
        async with running(cluster.access(), prefix) as copy:
            await asyncio.to_thread(cluster.fill)
            heard = copy.mirror.heard
            await copy.until(lambda: copy.mirror.heard > heard)
            await asyncio.to_thread(cluster.make_room)
            await write(cluster, Put(prefix, b"2"))
            took = await copy.until(lambda: copy.values == {prefix: b"2"})
            print(f"\nroom again: {took:.2f} s")


async def test_more_than_is_held_keeps_the_last_good(three: Cluster, prefix: str, monkeypatch) -> None:
    monkeypatch.setattr(module, "_LONG_PAUSE", 0.3)
    async with running(three.access(), prefix, Bounds(2, 10_000)) as copy:
        await write(three, Put(prefix + "a", b"1"), Put(prefix + "b", b"1"))
        good = {prefix + "a": b"1", prefix + "b": b"1"}
        await copy.until(lambda: copy.values == good)
        await write(three, Put(prefix + "a", b"2"), Put(prefix + "c", b"1"))
        await copy.until(lambda: "more than 2 keys" in copy.mirror.alarm)
        assert copy.values == good
        await write(three, Delete(prefix + "c"), Put(prefix + "a", bytes(20_000)))
        await copy.until(lambda: "octets" in copy.mirror.alarm)
        await write(three, Put(prefix + "a", b"3"))
        await copy.until(lambda: copy.values == {**good, prefix + "a": b"3"})
        await copy.until(lambda: not copy.mirror.alarm)


async def test_an_older_value_is_never_taken(three: Cluster, prefix: str) -> None:
    await write(three, Put(prefix, b"new"))
    async with running(three.access(), prefix) as copy:
        revision = copy.mirror.items[prefix].mod_revision
        copy.mirror._apply(Batch(revision - 1, (Change(prefix, b"old", revision - 1, revision - 1, 1, 0),)))
        copy.mirror._apply(Batch(revision, (Change(prefix + "gone", b"old", revision, revision, 1, 0),)))
        assert copy.values == {prefix: b"new"}
        assert len(copy.told) == 1


async def test_a_store_that_went_back_is_taken_as_it_is(tmp_path: Path, prefix: str, caplog) -> None:
    with Cluster(tmp_path) as cluster:
        for number in range(5):
            cluster.put(prefix, b"%d" % number)
        async with running(cluster.access(), prefix) as copy:
            (member,) = cluster.members
            member.kill()
            member.wipe()
            cluster.start()
            cluster.put(prefix, b"restored")
            await copy.until(lambda: copy.values == {prefix: b"restored"})
            assert "went back" in caplog.text


async def test_a_listener_that_fails_does_not_end_it(three: Cluster, prefix: str, caplog) -> None:
    async with running(three.access(), prefix) as copy:
        fail = iter((True,))

        def told(keys: frozenset[str]) -> None:
            if next(fail, False):
                raise RuntimeError("of the listener")
            copy.told.append(keys)

        copy.mirror._told = told
        await write(three, Put(prefix, b"1"))
        await copy.until(lambda: "made anew" in caplog.text)
        await write(three, Put(prefix, b"2"))
        await copy.until(lambda: copy.told[-1] == {prefix})
