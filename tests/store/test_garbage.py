"""What others write that is not as it must be: the last good value counts, and people are told."""

import asyncio
import json
import time
from pathlib import Path

from gslb.store.audit import broken
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Delete, Put
from gslb.store.keys import Keys
from gslb.store.shared import ASK_EVERY
from gslb.store.valuetext import HEAD
from tests.etcd_kit import Cluster
from tests.store.nodes_kit import (
    NAMES,
    Node,
    add,
    cancel,
    cast,
    know_each_other,
    make_ballot,
    make_drain,
    records,
    until,
)

GARBAGE = [b"", b"{", b"\xff\xfe", b"[" * 5000, b"null", b'{"format": 1}', b'{"format": 1e999}', b'"text"']


async def test_garbage_under_every_kind_of_key(trio: list[Node], etcd: Etcd, prefix: str) -> None:
    one, two, three = trio
    keys = Keys(prefix)
    await know_each_other(trio)
    await add(one.store, make_drain("d-1"))
    secrets = b"0" * 32
    assert await one.store.share_cookies(secrets) == secrets
    await until(lambda: three.drains == {"d-1"})
    places = [
        keys.nodes + one.name,
        keys.nodes + "none",
        keys.intent("drain", "d-1"),
        keys.intent("drain", "x"),
        keys.intents,
        keys.cookies,
    ]
    places += [f"{keys.votes}{one.name}/{part}" for part in (HEAD, "00", "zz")]
    places += [f"{keys.votes}none/{HEAD}", f"{keys.votes}none", keys.live + "new/kind", keys.record(one.name, 2)]
    for garbage in GARBAGE:
        await etcd.txn([], [Put(place, garbage) for place in places])
        await until(lambda: all(keys.intent("drain", "x") in node.alarms for node in trio))
        for node in trio:
            assert node.drains == {"d-1"}
            assert set(node.store.roster()) == set(NAMES)
            assert keys.intent("drain", "d-1") in node.alarms
            assert await node.store.share_cookies(b"f" * 32) == b"f" * 32
            assert keys.cookies in node.alarms
        assert two.store.votes.ballots()[one.name] == make_ballot(one.name)
    await asyncio.sleep(1.5)  # it registers anew, since its key was no longer its own
    await cast(one)
    await until(lambda: all(f"{keys.votes}{one.name}" not in node.alarms for node in trio))
    assert all(f"{keys.nodes}{one.name}" not in node.alarms for node in trio)
    for number, node in enumerate(trio):
        await add(node.store, make_drain(f"d-1{number}", f"site/s{number}"))
    await cancel(one.store, "d-1", time.time())
    await etcd.txn(
        [], [Delete(place) for place in places if place.startswith((f"{keys.nodes}none", f"{keys.votes}none"))]
    )
    await etcd.txn([], [Delete(keys.intent("drain", "x")), Put(keys.cookies, secrets)])
    for node in trio:
        await until(lambda node=node: node.store._mirror.items[keys.cookies].value == secrets)
        assert await node.store.share_cookies(b"f" * 32) == secrets
        await until(lambda node=node: node.alarms == "")
        assert node.drains == {"d-10", "d-11", "d-12"}
        wrong = broken(reversed(await records(node.store, 100)))
        assert [text.partition(":")[0] for text in wrong] == [
            f"entry 2 of {one.name} cannot be read",
            f"entry 3 of {one.name} does not follow entry 2",
        ]


async def test_values_of_a_newer_version(trio: list[Node], etcd: Etcd, prefix: str) -> None:
    one, two, _ = trio
    keys = Keys(prefix)
    await know_each_other(trio)
    await add(one.store, make_drain("d-1"))
    items = {item.key: item for item in (await etcd.scan(keys.live)).items}

    async def rewrite(key: str, **more: object) -> None:
        newer = {**json.loads(items[key].value), "format": 2, "weather": ["sunny"], **more}
        await etcd.txn([], [Put(key, json.dumps(newer).encode(), items[key].lease)])

    part = next(key for key in items if key.startswith(f"{keys.votes}{one.name}/") and not key.endswith(HEAD))
    readable = {keys.intent("drain", "d-1"): {"reason": "CHG-2"}, keys.nodes + one.name: {"site": "kyoto"}, part: {}}
    for key, more in readable.items():
        await rewrite(key, **more)
    await until(lambda: two.store.roster()[one.name].site == "kyoto")
    await until(lambda: two.store.held().drains[0].reason == "CHG-2")
    assert two.alarms == ""
    assert two.store.votes.ballots()[one.name] == make_ballot(one.name)
    unreadable = {keys.intent("drain", "d-1"): {"target": ["site/tokyo"]}, keys.nodes + one.name: {"roles": "dns"}}
    for key, more in unreadable.items():
        await rewrite(key, **more)
    await until(lambda: all(key in two.alarms for key in unreadable))
    assert two.store.held().drains[0].reason == "CHG-2"
    assert two.store.roster()[one.name].site == "kyoto"
    for key in readable:
        await rewrite(key)
    await until(lambda: two.alarms == "")


async def test_a_full_store_is_told_before_anybody_writes(tmp_path: Path) -> None:
    with Cluster(tmp_path / "etcd", options=("--quota-backend-bytes", "16777216")) as cluster:
        node = await Node(cluster.access(), "/gslb", "tokyo-1", tmp_path).start()
        try:
            assert "NOSPACE" not in node.alarms
            cluster.fill()
            await until(lambda: "NOSPACE" in node.alarms, ASK_EVERY + 2)
            cluster.make_room()
            await until(lambda: "NOSPACE" not in node.alarms, ASK_EVERY + 2)
        finally:
            await node.leave()
