"""The client against a real member: reads, transactions, leases, watches, compaction, a full database."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from gslb.errors import StoreError
from gslb.store import etcd as module
from gslb.store import etcdlink
from gslb.store.etcd import Etcd
from gslb.store.etcderrors import CompactedError, LeaseGoneError, TooLongError
from gslb.store.etcdtext import Batch, Bounds, Change, Compare, Delete, Put, Read, absent, unchanged
from tests.etcd_kit import Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("etcd")) as cluster:
        yield cluster


@pytest.fixture
async def etcd(cluster: Cluster) -> AsyncIterator[Etcd]:
    client = Etcd(cluster.access())
    yield client
    await client.close()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}/"


async def write(etcd: Etcd, key: str, value: bytes = b"", lease: int = 0) -> int:
    return (await etcd.txn([], [Put(key, value, lease)])).revision


async def test_a_key_that_is_read_back(etcd: Etcd, prefix: str) -> None:
    assert (await etcd.get(prefix))[1] is None
    first = await write(etcd, prefix, b"")
    second = await write(etcd, prefix, b"\0\xff")
    revision, item = await etcd.get(prefix)
    assert item is not None
    assert revision >= second > first
    assert item == (prefix, b"\0\xff", first, second, 2, 0)
    assert etcd.heard > float("-inf")


async def test_a_listing_of_many_pages_is_of_one_revision(etcd: Etcd, prefix: str, monkeypatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    keys = [f"{prefix}{number:02}" for number in range(10)] + [f"{prefix}\udcff"]
    for key in keys:
        await write(etcd, key, key.encode(errors="surrogateescape"))
    await write(etcd, prefix[:-1] + "0")  # the first key that is no longer under the prefix
    listing = await etcd.scan(prefix)
    assert [item.key for item in listing.items] == keys
    assert (await etcd.scan(prefix + "nothing")).items == ()


async def test_a_listing_of_long_values_is_read_in_smaller_pages(etcd: Etcd, prefix: str, monkeypatch) -> None:
    monkeypatch.setattr(etcdlink, "MAX_ANSWER", 300_000)
    for number in range(4):
        await write(etcd, f"{prefix}{number}", bytes(150_000))
    assert [len(item.value) for item in (await etcd.scan(prefix)).items] == [150_000] * 4
    monkeypatch.setattr(etcdlink, "MAX_ANSWER", 100_000)
    with pytest.raises(TooLongError, match=etcd.endpoint):
        await etcd.scan(prefix)


async def test_a_listing_beyond_what_is_wanted(etcd: Etcd, prefix: str) -> None:
    for number in range(3):
        await write(etcd, f"{prefix}{number}", b"12345")
    octets = 3 * (len(prefix) + 1 + 5)
    assert len((await etcd.scan(prefix, Bounds(3, octets))).items) == 3
    with pytest.raises(TooLongError, match="more than 2 keys"):
        await etcd.scan(prefix, Bounds(2, octets))
    with pytest.raises(TooLongError, match=f"more than {octets - 1} octets"):
        await etcd.scan(prefix, Bounds(3, octets - 1))


async def test_a_listing_that_compaction_overtakes_begins_again(
    etcd: Etcd, cluster: Cluster, prefix: str, monkeypatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 1)
    for number in range(3):
        await write(etcd, f"{prefix}{number}")
    call = etcd._link.call
    pages: list[object] = []

    async def compact_behind_the_first_page(path, body):
        pages.append(body)
        if len(pages) == 2:
            cluster.compact(cluster.put(f"{prefix}9", b""))
        return await call(path, body)

    monkeypatch.setattr(etcd._link, "call", compact_behind_the_first_page)
    assert [item.key[-1] for item in (await etcd.scan(prefix)).items] == ["0", "1", "2", "9"]


async def test_compare_and_swap(etcd: Etcd, prefix: str) -> None:
    assert (await etcd.txn([absent(prefix)], [Put(prefix, b"1")])).succeeded
    refused = await etcd.txn([absent(prefix)], [Put(prefix, b"2")], [Read(prefix)])
    assert not refused.succeeded
    (item,) = refused.items
    assert item.value == b"1"
    changed = await etcd.txn([unchanged(item)], [Put(prefix, b"2")])
    assert changed.succeeded
    assert changed.revision == item.mod_revision + 1
    assert not (await etcd.txn([unchanged(item)], [Delete(prefix)])).succeeded
    assert (await etcd.txn([Compare(prefix, "version", "=", 2)], [Delete(prefix)])).succeeded
    assert (await etcd.get(prefix))[1] is None


async def test_the_first_and_the_last_of_a_span(etcd: Etcd, prefix: str) -> None:
    for name in "abcde":
        await write(etcd, f"{prefix}/{name}", name.encode())
    end = f"{prefix}/e".encode()
    first = await etcd.span(f"{prefix}/b", end, 2)
    assert [(item.key, item.value) for item in first] == [(f"{prefix}/b", b"b"), (f"{prefix}/c", b"c")]
    last = await etcd.span(f"{prefix}/b", end, 2, newest_first=True, keys_only=True)
    assert [(item.key, item.value) for item in last] == [(f"{prefix}/d", b""), (f"{prefix}/c", b"")]
    assert await etcd.span(f"{prefix}/x", f"{prefix}/y".encode(), 2) == ()


async def test_of_many_writers_at_once_one_wins(etcd: Etcd, prefix: str) -> None:
    results = await asyncio.gather(*(etcd.txn([absent(prefix)], [Put(prefix, b"%d" % n)]) for n in range(50)))
    assert sum(result.succeeded for result in results) == 1


async def test_what_a_prefix_holds_is_counted(etcd: Etcd, prefix: str) -> None:
    revision = await write(etcd, prefix + "a")
    elsewhere = await write(etcd, "other")
    assert await etcd.tally(prefix) == (elsewhere, 1, False)
    assert await etcd.tally(prefix, revision) == (elsewhere, 1, False)
    assert await etcd.tally(prefix, revision - 1) == (elsewhere, 1, True)


async def test_a_lease_takes_its_keys_with_it(etcd: Etcd, prefix: str) -> None:
    lease = await etcd.grant(60)
    await write(etcd, prefix, b"", lease)
    assert await etcd.keep(lease) == 60
    item = (await etcd.get(prefix))[1]
    assert item is not None
    assert item.lease == lease
    await etcd.revoke(lease)
    await etcd.revoke(lease)
    assert (await etcd.get(prefix))[1] is None
    assert await etcd.keep(lease) == 0
    with pytest.raises(LeaseGoneError):
        await write(etcd, prefix, b"", lease)


async def test_a_watch_tells_what_happened_since_and_what_happens(etcd: Etcd, prefix: str) -> None:
    first = await write(etcd, prefix + "a", b"1")
    lease = await etcd.grant(60)
    second = (await etcd.txn([], [Put(prefix + "b", b"2", lease), Delete(prefix + "a")])).revision
    async with aclosing(etcd.watch(prefix, first)) as batches:
        assert await anext(batches) == Batch(first - 1)
        told: list[Change] = []
        while len(told) < 3:
            batch = await anext(batches)
            told += batch.changes
        assert batch.revision == second
        assert told[0] == Change(prefix + "a", b"1", first, first, 1, 0)
        assert set(told[1:]) == {
            Change(prefix + "b", b"2", second, second, 1, lease),
            Change(prefix + "a", None, 0, second, 0, 0),
        }
        await write(etcd, "elsewhere")
        third = await write(etcd, prefix + "c", b"3")
        assert await anext(batches) == Batch(third, (Change(prefix + "c", b"3", third, third, 1, 0),))
        await etcd.revoke(lease)
        (gone,) = (await anext(batches)).changes
        assert (gone.key, gone.value) == (prefix + "b", None)


async def test_long_values_come_through_a_watch(etcd: Etcd, prefix: str) -> None:
    value = bytes(range(256)) * 5800  # 1.4 MiB; with the rest of the request, 1.5 is etcd's own limit
    first = await write(etcd, prefix, value)
    for number in range(4):
        last = await write(etcd, f"{prefix}{number}", value)
    async with aclosing(etcd.watch(prefix, first)) as batches:
        told: list[Change] = []
        while len(told) < 5:
            batch = await anext(batches)
            assert batch.revision <= last
            told += batch.changes
    assert all(change.value == value for change in told)


async def test_a_message_without_end_is_not_read(etcd: Etcd, prefix: str, monkeypatch) -> None:
    monkeypatch.setattr(etcdlink, "MAX_ANSWER", 100_000)
    first = await write(etcd, prefix, bytes(400_000))
    async with aclosing(etcd.watch(prefix, first)) as batches:
        await anext(batches)
        with pytest.raises(TooLongError):
            await anext(batches)


async def test_a_watch_of_what_was_compacted(etcd: Etcd, cluster: Cluster, prefix: str) -> None:
    first = await write(etcd, prefix)
    cluster.compact(await write(etcd, prefix))
    async with aclosing(etcd.watch(prefix, first)) as batches:
        await anext(batches)
        with pytest.raises(CompactedError) as raised:
            await anext(batches)
    assert raised.value.revision > first


async def test_a_member_says_how_it_is(etcd: Etcd, cluster: Cluster) -> None:
    status = await etcd.status()
    assert status.endpoint == cluster.urls[0]
    assert status.leader == status.member
    assert status.version.startswith("3.")
    assert status.size > 0
    assert (status.alarms, status.problem) == ((), "")
    assert "connection refused" in (await etcd.status("http://127.0.0.1:1")).problem


async def test_requests_that_etcd_refuses(etcd: Etcd, prefix: str) -> None:
    with pytest.raises(StoreError, match=rf"{etcd.endpoint}: .*duplicate key"):
        await etcd.txn([], [Put(prefix, b"1"), Put(prefix, b"2")])
    with pytest.raises(StoreError, match=r"too large|larger than max"):
        await write(etcd, prefix, bytes(3 << 20))


async def test_a_full_database_is_read_and_says_what_to_do(tmp_path: Path) -> None:
    with Cluster(tmp_path, options=("--quota-backend-bytes", "2000000")) as cluster:
        etcd = Etcd(cluster.access())
        await write(etcd, "a", b"1")
        cluster.fill()
        with pytest.raises(StoreError, match="database space exceeded") as raised:
            await write(etcd, "a", b"2")
        assert "alarm disarm" in raised.value.hint
        item = (await etcd.get("a"))[1]
        assert item is not None
        assert item.value == b"1"
        assert any("NOSPACE" in alarm for alarm in (await etcd.status()).alarms)
        cluster.make_room()
        await write(etcd, "a", b"2")
        await etcd.close()
