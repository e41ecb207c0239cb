"""Changes of intents on a real etcd: their leases, and what happens between nodes."""

import asyncio
import json
import time
from dataclasses import replace

import pytest

from gslb.errors import ConflictError, StaleError, StoreError
from gslb.intents import Drain, Force, Intent, Target
from gslb.store.audit import Deed, broken
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Put
from gslb.store.keys import Keys
from tests.etcd_kit import Cluster
from tests.store.nodes_kit import OPS, Node, add, cancel, make_drain, records, until

CHANGE = Deed("change-drain", OPS, "longer")


def known(node: Node, intent_id: str) -> Intent | None:
    return node.store.held().find(intent_id)


async def test_an_extension_outlives_the_first_lease_and_ends_with_its_own(
    trio: list[Node], etcd: Etcd, prefix: str
) -> None:
    one, two, _ = trio
    kept = await add(one.store, make_drain("d-1", lasts=2.0))
    first = (await etcd.get(Keys(prefix).intent("drain", "d-1")))[1]
    await until(lambda: known(two, "d-1"))
    longer = await two.store.change(replace(kept, changed=1, expires=kept.created + 5.0), None, CHANGE)
    began = time.monotonic()
    assert longer.leased
    item = (await etcd.get(Keys(prefix).intent("drain", "d-1")))[1]
    assert first
    assert item
    assert item.lease != first.lease
    assert await etcd.keep(first.lease) == 0, "the first lease is given back"
    await until(lambda: all(node.store.held().intents == (longer,) for node in trio))
    while time.monotonic() - began < 3.0:  # past the first expiry
        assert all(node.drains == {"d-1"} for node in trio)
        await asyncio.sleep(0.1)
    await until(lambda: not any(node.drains for node in trio), 6.0)
    ended = known(one, "d-1")
    assert ended
    assert ended.removed == longer.expires


async def test_another_percent_keeps_the_lease(trio: list[Node], etcd: Etcd, prefix: str) -> None:
    kept = await add(trio[0].store, make_drain("d-1"))
    key = Keys(prefix).intent("drain", "d-1")
    first = (await etcd.get(key))[1]
    assert isinstance(kept, Drain)
    await trio[0].store.change(replace(kept, changed=1, percent=20), None, CHANGE)
    item = (await etcd.get(key))[1]
    assert first
    assert item
    assert item.lease == first.lease != 0


async def test_a_force_without_an_end_has_no_lease_until_it_gets_one(trio: list[Node], etcd: Etcd, prefix: str) -> None:
    one, now = trio[0], time.time()
    force = await add(one.store, Force("f-1", Target.parse("site/tokyo"), "CHG-1", "ops", now, None, up=True))
    key = Keys(prefix).intent("force", "f-1")
    assert (await etcd.get(key))[1].lease == 0
    await one.store.change(replace(force, changed=1, expires=now + 60), None, CHANGE)
    assert (await etcd.get(key))[1].lease != 0
    assert (await cancel(one.store, "f-1")).removed is not None


async def test_one_that_is_to_begin_has_its_lease_until_its_expiry(trio: list[Node], etcd: Etcd, prefix: str) -> None:
    drain = replace(make_drain("d-1", lasts=600), starts=time.time() + 300)
    kept = await add(trio[0].store, drain)
    lease = (await etcd.get(Keys(prefix).intent("drain", "d-1")))[1].lease
    assert await etcd.keep(lease) == 600
    await until(lambda: known(trio[1], "d-1") == kept)
    assert kept.state(time.time()) == "scheduled"


async def test_changes_through_several_nodes_at_once_are_one_after_the_other(trio: list[Node]) -> None:
    kept = await add(trio[0].store, make_drain("d-1"))
    await until(lambda: all(known(node, "d-1") for node in trio))
    for turn in range(10):
        former = known(trio[0], "d-1")
        assert former
        wanted = [replace(former, changed=turn + 1, reason=f"by {node.name}") for node in trio]
        calls = (node.store.change(one, None, CHANGE) for node, one in zip(trio, wanted, strict=True))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["Drain", "StaleError", "StaleError"]
        await until(lambda turn=turn: all(known(node, "d-1").changed == turn + 1 for node in trio))
    assert broken(reversed(await records(trio[1].store))) == []
    assert kept.changed == 0


async def test_a_change_of_what_ended_meanwhile_is_refused(trio: list[Node]) -> None:
    one, two, _ = trio
    kept = await add(one.store, make_drain("d-1"))
    await until(lambda: known(two, "d-1"))
    wanted = replace(kept, changed=1, reason="late")
    results = await asyncio.gather(
        cancel(one.store, "d-1"), two.store.change(wanted, None, CHANGE), return_exceptions=True
    )
    assert isinstance(results[0], Drain)
    assert isinstance(results[1], Drain | ConflictError | StaleError)
    await until(lambda: not one.drains and not two.drains)
    with pytest.raises(ConflictError, match="has ended"):
        await two.store.change(replace(kept, changed=2), None, CHANGE)


async def test_an_intent_that_another_node_has_just_made_is_found(trio: list[Node]) -> None:
    for number in range(20):
        await add(trio[0].store, make_drain(f"d-{number}", f"site/s{number}"))
        assert (await trio[1].store.find(f"d-{number}")).id == f"d-{number}"


async def test_documents_are_known_to_all_and_to_the_next_start(trio: list[Node], three: Cluster) -> None:
    one, two, _ = trio
    await one.store.keep("tokens", "t-1", {"scope": "read"}, Deed("token-create", OPS, subject="t-1"))
    told = two.told
    await until(lambda: all(node.store.kept("tokens") == {"t-1": {"scope": "read"}} for node in trio))
    await two.store.keep("tokens", "t-2", {}, None)
    await until(lambda: len(one.store.kept("tokens")) == 2)
    assert two.told >= told
    await asyncio.sleep(0.1)  # the copy is written
    for member in three.members:
        member.kill()
    await two.kill()
    await two.start(registered=False)
    assert two.store.kept("tokens") == {"t-1": {"scope": "read"}, "t-2": {}}
    with pytest.raises(StoreError, match="does not answer"):
        await two.store.keep("tokens", "t-3", {}, None)
    await two.store.record(Deed("reload", OPS, subject="c1"))
    await asyncio.to_thread(three.start)
    await until(two.registered)
    await two.store.record(Deed("reload", OPS, subject="c2"))
    mine = [one for one in await records(two.store) if one.action == "reload"]
    assert {(entry.node, entry.subject) for entry in mine} == {(two.name, "c2"), (f"{two.name} (local)", "c1")}


async def test_what_a_local_intent_becomes_concerns_this_node_alone(trio: list[Node]) -> None:
    one, two, _ = trio
    kept = await add(one.store, make_drain("l-1", local=True))
    longer = await one.store.change(replace(kept, changed=1, expires=kept.created + 9000), None, CHANGE)
    assert longer.local
    assert known(one, "l-1") == longer
    assert known(two, "l-1") is None
    assert "l-1" not in one.store.held().revisions


async def test_a_store_of_the_version_before_is_read(trio: list[Node], etcd: Etcd, prefix: str) -> None:
    drain = make_drain("d-1")
    values = {"format": 1, "id": "d-1", "target": "site/tokyo", "reason": "CHG-1", "owner": "ops"}
    values |= {"created": drain.created, "expires": drain.expires}
    lease = await etcd.grant(60)
    keys = Keys(prefix)
    await etcd.txn(
        [], [Put(keys.live + "drains/d-1", json.dumps(values).encode(), lease), Put(keys.intents, b"drain d-1")]
    )
    await until(lambda: all(node.drains == {"d-1"} for node in trio))
    kept = known(trio[0], "d-1")
    assert kept
    await trio[0].store.change(replace(kept, changed=1, reason="CHG-2"), None, CHANGE)
    await cancel(trio[1].store, "d-1")
    await until(lambda: not any(node.drains for node in trio))
