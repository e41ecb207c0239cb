"""Writes of many at once: in one order, one winner, and all of it on record."""

import asyncio
import random
import time
from collections import defaultdict
from contextlib import suppress

import pytest

from gslb.errors import ConflictError, NotFoundError, StaleError, StoreError
from gslb.store import writer
from gslb.store.audit import broken
from gslb.store.etcd import Etcd
from gslb.store.etcderrors import UnsureError
from gslb.store.etcdtext import Put
from gslb.store.keys import Keys
from tests.etcd_kit import Cluster
from tests.store.linear import Call, fault
from tests.store.nodes_kit import (
    Node,
    add,
    cancel,
    make_drain,
    records,
    until,
)


async def operator(node: Node, target: str, drain_id: str, seen: asyncio.Barrier) -> bool:
    """Drain a site unless the other one is drained, by what is known at this node. Whether it was."""
    await seen.wait()
    for _ in range(10):
        held = node.store.held()
        if any(drain.active(time.time()) for drain in held.drains):
            return False
        with suppress(StaleError):
            await add(node.store, make_drain(drain_id, target), after=held.revision)
            return True
    raise AssertionError("always overtaken")


async def test_of_two_operators_who_drain_the_last_two_sites_one_wins(trio: list[Node]) -> None:
    one, two, three = trio
    wins = [0, 0]
    for number in range(200):
        seen = asyncio.Barrier(2)
        ids = (f"a-{number}", f"b-{number}")
        won = await asyncio.gather(operator(one, "site/tokyo", ids[0], seen), operator(two, "site/osaka", ids[1], seen))
        assert sum(won) == 1, number
        winner = ids[won.index(True)]
        wins[won.index(True)] += 1
        await until(lambda winner=winner: three.drains == {winner})
        await cancel(three.store, winner, time.time())
        await until(lambda: not one.drains and not two.drains)
    print(f"\nwon: {wins}")


class Operators:
    """Drain and undrain a few targets from all nodes at random, and note what came of it."""

    def __init__(self, trio: list[Node], targets: int, seed: int) -> None:
        self.calls: dict[str, list[Call]] = defaultdict(list)
        self.draw = random.Random(seed)
        self.unknown = self.refused = 0
        self._trio = trio
        self._targets = [f"site/s{number}" for number in range(targets)]
        self._known: dict[str, list[str]] = defaultdict(list)
        self._left = 0

    async def run(self, calls: int, workers: int = 4) -> None:
        self._left = calls
        await asyncio.gather(*(self._work(node) for node in self._trio for _ in range(workers)))

    async def _work(self, node: Node) -> None:
        while self._left > 0:
            self._left -= 1
            target = self.draw.choice(self._targets)
            known = self._known[target]
            if known and self.draw.random() < 0.5:
                await self._remove(node, target, self.draw.choice(known[-3:]))
            else:
                await self._add(node, target, f"d-{self._left}")

    async def _add(self, node: Node, target: str, drain_id: str) -> None:
        began = time.monotonic()
        call = Call("drain", drain_id, began)
        try:
            await add(node.store, make_drain(drain_id, target))
            call = call._replace(ended=time.monotonic())
            self._known[target].append(drain_id)
        except ConflictError:
            call = call._replace(ended=time.monotonic(), done=False)
        except UnsureError:
            self._known[target].append(drain_id)
            self.unknown += 1
        except (StaleError, StoreError):
            self.refused += 1  # nothing was written
            return
        self.calls[target].append(call)

    async def _remove(self, node: Node, target: str, drain_id: str) -> None:
        call = Call("undrain", drain_id, time.monotonic())
        try:
            await cancel(node.store, drain_id, time.time())
            call = call._replace(ended=time.monotonic())
        except UnsureError:
            self.unknown += 1
        except (NotFoundError, StaleError, StoreError):
            self.refused += 1
            return
        self.calls[target].append(call)


def when(call: Call) -> float:
    """When it began."""
    return call.began


async def linearizable(trio: list[Node], cluster: Cluster, calls: int, every: float) -> None:
    """Operators at work while the leader is killed and frozen in turn: nothing contradicts, and all is on record."""
    operators = Operators(trio, 6, random.randrange(1 << 32))
    working = asyncio.create_task(operators.run(calls))
    began, kills = time.monotonic(), 0
    while not working.done():
        await asyncio.wait([working], timeout=every)
        if not working.done():
            leader = await asyncio.to_thread(cluster.leader)
            (leader.freeze if kills % 2 else leader.kill)()
            kills += 1
            await asyncio.sleep(min(every, 2.0))
            await asyncio.to_thread(leader.thaw if leader.process else cluster.start)
    await working
    took = time.monotonic() - began
    await until(lambda: len({node.store.held().revision for node in trio}) == 1)
    for target, history in operators.calls.items():
        assert fault(history) is None, "\n".join(map(str, [target, fault(history), *sorted(history, key=when)]))
    found = await records(trio[0].store, 1_000_000)
    assert broken(reversed(found)) == []
    deeds = [(record.action, record.subject) for record in found]
    assert len(deeds) == len(set(deeds))
    certain = {(call.action, call.drain) for calls in operators.calls.values() for call in calls if call.done}
    added = {one.drain for calls in operators.calls.values() for one in calls if one.action == "drain" and one.done}
    assert {subject for _, subject in deeds} <= added
    finished = {
        (one.action, one.drain) for calls in operators.calls.values() for one in calls if one.done and one.ended < 1e300
    }
    assert {deed for deed in finished if deed[0] == "drain"} <= set(deeds) <= certain
    held = [node.drains for node in trio]
    assert held[0] == held[1] == held[2] == held_by(deeds)
    print(
        f"\n{calls} operations in {took:.1f} s, {kills} leaders killed or frozen, {operators.unknown} unknown, "
        f"{operators.refused} refused, {len(deeds)} on record"
    )


def held_by(deeds: list[tuple[str, str]]) -> set[str]:
    """The drains that hold by what is on record."""
    ended = {subject for action, subject in deeds if action == "undrain"}
    return {subject for action, subject in deeds if action == "drain"} - ended


async def test_operations_of_many_at_once_are_linearizable(trio: list[Node], three: Cluster) -> None:
    await linearizable(trio, three, 300, 0.2)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_ten_thousand_operations_are_linearizable(
    trio: list[Node], three: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "KEPT", 100_000)
    await linearizable(trio, three, 10_000, 6.0)


async def test_a_number_that_something_else_took_is_left_out(trio: list[Node], etcd: Etcd, prefix: str) -> None:
    one, keys = trio[0], Keys(prefix)
    await add(one.store, make_drain("d-1"))
    await etcd.txn([], [Put(keys.record(one.name, 2), b"garbage"), Put(keys.audit(one.name) + "x", b"garbage")])
    await add(one.store, make_drain("d-2", "site/osaka"))
    await cancel(one.store, "d-1", time.time())
    found = await records(one.store, 10)
    assert [record.number for record in found] == [4, 3, 2, 1]
    assert found[2].action == "unreadable"
    assert broken(reversed(found)) == [
        f"entry 2 of {one.name} cannot be read: is not JSON: Expecting value: line 1 column 1 (char 0)",
        f"entry 3 of {one.name} does not follow entry 2",
    ]
    assert (await etcd.get(keys.record(one.name, 2)))[1].value == b"garbage"


async def test_old_records_are_forgotten(trio: list[Node], etcd: Etcd, prefix: str, monkeypatch) -> None:
    monkeypatch.setattr(writer, "KEPT", 4)
    monkeypatch.setattr(writer, "_PRUNE_EVERY", 5)
    one = trio[0]
    for number in range(8):
        await add(one.store, make_drain(f"d-{number}"))
        await cancel(one.store, f"d-{number}", time.time())
    found = await records(one.store, 100)
    assert [record.number for record in found] == list(range(16, 10, -1))
    assert broken(reversed(found)) == []


async def test_what_could_not_be_forgotten_is_forgotten_later(
    trio: list[Node], etcd: Etcd, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = trio[0]
    for number in range(4):
        await add(one.store, make_drain(f"d-{number}"))
        await cancel(one.store, f"d-{number}")
    monkeypatch.setattr(writer, "KEPT", 4)  # as if nothing had been forgotten until now
    monkeypatch.setattr(writer, "_PRUNE_EVERY", 2)
    await add(one.store, make_drain("d-4"))
    await cancel(one.store, "d-4")
    assert [record.number for record in await records(one.store, 100)] == [10, 9, 8, 7, 6]


async def test_what_was_done_for_one_node_alone_has_a_chain_of_its_own(trio: list[Node]) -> None:
    one = trio[0]
    for number in range(3):
        await add(one.store, make_drain(f"d-{number}", f"site/s{number}"))
        await add(one.store, make_drain(f"l-{number}", f"site/s{number}", local=True))
    found = await records(one.store, 100)
    assert {(record.node, record.number) for record in found} == {
        (name, number) for name in (one.name, f"{one.name} (local)") for number in (1, 2, 3)
    }
    assert broken(reversed(found)) == []


async def test_a_write_whose_first_answer_was_lost_is_done_once(trio: list[Node]) -> None:
    one, two, _ = trio
    exchange, lost = one.store._etcd._link._exchange, []

    async def once_without_answer(endpoint: str, path: str, body: dict, token: str) -> dict:
        answer = await exchange(endpoint, path, body, token)
        if path == "kv/txn" and not lost:
            lost.append(endpoint)
            raise TimeoutError
        return answer

    one.store._etcd._link._exchange = once_without_answer
    await add(one.store, make_drain("d-1"))
    lost.clear()
    await until(lambda: two.drains == {"d-1"})
    await cancel(one.store, "d-1", time.time())
    assert lost
    assert [record.action for record in await records(two.store, 10)] == ["undrain", "drain"]
