"""Three nodes on three members of etcd that are killed and frozen: what each knows, and how soon it is well."""

import asyncio
import time

import pytest

from gslb.errors import StoreError
from gslb.intents import Drain
from gslb.store.etcderrors import UnsureError
from gslb.store.etcdtext import Put
from gslb.store.mirror import LOST
from gslb.store.votes import LEASE
from tests.etcd_kit import Cluster
from tests.store.nodes_kit import (
    CONVERGE,
    NAMES,
    Node,
    add,
    cancel,
    know_each_other,
    make_ballot,
    make_drain,
    until,
)

TOLD = 0.3  # seconds until the others see a ballot


async def test_all_members_dead(trio: list[Node], three: Cluster) -> None:
    one, two, _ = trio
    await know_each_other(trio)
    await add(one.store, make_drain("d-1"))
    await until(lambda: two.drains == {"d-1"})
    began = time.monotonic()
    for member in three.members:
        member.kill()
    with pytest.raises(StoreError) as caught:
        await add(two.store, make_drain("d-2", "site/osaka"))
    assert "--local" in caught.value.hint
    lost = await until(lambda: two.store.condition().lost, LOST + 2) and time.monotonic() - began
    assert two.voters
    for write in (add(two.store, make_drain("d-2", "site/osaka")), two.store.votes.cast(make_ballot(two.name))):
        with pytest.raises(StoreError, match=r"127\.0\.0\.1|does not answer"):
            await write
    with pytest.raises(StoreError, match="does not answer"):
        await cancel(two.store, "d-1", time.time())
    kept = await add(two.store, make_drain("l-1", "site/osaka", local=True))
    assert kept.local
    assert two.drains == {"d-1", "l-1"}
    assert one.drains == {"d-1"}
    assert (await cancel(two.store, "l-1", time.time())).local
    ran_out = await until(lambda: not two.voters, LEASE) and time.monotonic() - began
    assert two.store.votes.lost
    assert two.drains == {"d-1"}
    assert set(two.store.roster()) == set(NAMES)
    assert "127.0.0.1" in two.alarms
    began = time.monotonic()
    await asyncio.to_thread(three.start)
    await until(lambda: all(not node.store.condition().lost and node.registered() for node in trio))
    await know_each_other(trio)
    await add(two.store, make_drain("d-2", "site/osaka"))
    await until(lambda: all(node.drains == {"d-1", "d-2"} and node.alarms == "" for node in trio))
    back = time.monotonic() - began
    print(f"\nlost after {lost:.2f} s, ballots ran out after {ran_out:.2f} s, converged {back:.2f} s after the start")
    assert LEASE - 1.1 < ran_out < LEASE + 1
    assert back < CONVERGE


async def test_a_restart_while_all_of_etcd_is_dead(trio: list[Node], three: Cluster) -> None:
    one, two, _ = trio
    for number in range(3):
        await add(one.store, make_drain(f"d-{number}", f"site/s{number}"))
    await cancel(one.store, "d-1", time.time())
    await until(lambda: two.drains == {"d-0", "d-2"})
    await asyncio.sleep(0.1)  # the copy is written
    for member in three.members:
        member.kill()
    await two.kill()
    began = time.monotonic()
    await two.start(registered=False)
    assert not await two.store.first_look()
    assert two.drains == {"d-0", "d-2"}
    assert time.monotonic() - began < 2
    assert two.store.condition().lost
    assert two.store.condition().silent is None
    with pytest.raises(StoreError, match="does not answer"):
        await cancel(two.store, "d-0", time.time())
    assert (await cancel(two.store, "d-1", time.time())).removed is not None
    await asyncio.to_thread(three.start)
    await until(lambda: two.registered() and one.registered())
    await cancel(one.store, "d-0", time.time())
    await until(lambda: two.drains == {"d-2"})


async def test_drains_survive_a_restart_of_everything(trio: list[Node], three: Cluster) -> None:
    await add(trio[0].store, make_drain("d-1"))
    for node in trio:
        await node.kill()
    for member in three.members:
        member.kill()
    await asyncio.to_thread(three.start)
    for node in trio:
        await node.start()
        assert node.drains == {"d-1"}


async def test_a_drain_ends_with_its_lease_everywhere(trio: list[Node]) -> None:
    kept = await add(trio[1].store, make_drain("d-1", lasts=2.6))
    began, ended = time.monotonic(), {}
    assert kept.leased
    await until(lambda: all(node.drains == {"d-1"} for node in trio), TOLD)
    while len(ended) < len(trio):
        await asyncio.sleep(0.01)
        assert time.monotonic() - began < 6
        ended |= {node.name: time.monotonic() - began for node in trio if not node.drains and node.name not in ended}
    print(f"\na drain of 2.6 s ended after {', '.join(f'{seconds:.2f}' for seconds in ended.values())} s")
    assert min(ended.values()) >= 2.6
    assert max(ended.values()) < 3 + 1.5  # etcd's leases are whole seconds
    for node in trio:
        (drain,) = node.store.held().drains
        assert drain.removed == drain.expires
        assert drain.removed == pytest.approx(kept.expires)
    assert await cancel(trio[0].store, "d-1", time.time()) == drain
    await add(trio[2].store, make_drain("d-2"))


async def test_cookies_are_signed_with_what_came_first(trio: list[Node]) -> None:
    own = [bytes([ord("a") + number]) * 32 for number in range(3)]
    shared = await asyncio.gather(*(node.store.share_cookies(one) for node, one in zip(trio, own, strict=True)))
    assert len(set(shared)) == 1
    assert shared[0] in own
    assert [await node.store.share_cookies(b"0" * 32) for node in trio] == shared


async def test_every_member_frozen(trio: list[Node], three: Cluster) -> None:
    one, two, _ = trio
    await know_each_other(trio)
    await add(one.store, make_drain("d-1"))
    await until(lambda: two.drains == {"d-1"})
    for member in three.members:
        member.freeze()
    try:
        began = time.monotonic()
        with pytest.raises(UnsureError, match="may have taken place or not"):
            await one.store._etcd.txn([], [Put("elsewhere", b"")], repeat=True)
        await until(lambda: two.store.votes.lost, LEASE + 2)
        assert two.drains == {"d-1"}
        print(f"\nvotes of others lost {time.monotonic() - began:.2f} s after the freeze")
    finally:
        for member in three.members:
            member.thaw()
    back = await until(
        lambda: all(node.registered() and not node.store.condition().lost for node in trio), 2 * CONVERGE
    )
    await know_each_other(trio)
    print(f"back after {back:.2f} s")
    assert back < CONVERGE


async def test_one_of_them_drained_is_told_to_those_who_watch(trio: list[Node]) -> None:
    before = [node.told for node in trio]
    kept: Drain = await add(trio[0].store, make_drain("d-1"))
    await until(lambda: all(node.told > told for node, told in zip(trio, before, strict=True)))
    assert all(kept in node.store.held().drains for node in trio)
