"""Votes between three nodes: how soon they come and go, and what changes nothing."""

import asyncio
import time

from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Delete, Put
from gslb.store.keys import Keys
from gslb.store.valuetext import HEAD, dump_ballot
from gslb.store.votes import LEASE
from tests.store.nodes_kit import (
    GONE,
    Node,
    cast,
    know_each_other,
    make_ballot,
    until,
)

TOLD = 0.3  # seconds until the others see a ballot


async def test_a_ballot_comes_at_once_and_goes_at_once_or_with_its_lease(trio: list[Node]) -> None:
    one, two, three = trio
    await know_each_other(trio)
    began = time.monotonic()
    await one.store.votes.cast(make_ballot(one.name, "down"))
    await until(lambda: all(n.store.votes.ballots()[one.name] == make_ballot(one.name, "down") for n in (two, three)))
    told = time.monotonic() - began
    began = time.monotonic()
    await one.store.votes.cast(make_ballot(one.name, blind="sees nothing"))
    await until(lambda: all(n.store.votes.ballots()[one.name].blind == "sees nothing" for n in (two, three)))
    withdrawn = time.monotonic() - began
    assert two.store.votes.ballots()[one.name].verdicts == {}
    await two.kill()
    died = await until(lambda: two.name not in one.voters | three.voters, GONE)
    await one.leave()
    left = await until(lambda: one.name not in three.voters, TOLD)
    assert set(three.store.roster()) == {three.name}
    print(
        f"\ntold {told:.3f} s, withdrawn {withdrawn:.3f} s, gone after a kill {died:.2f} s, after leaving {left:.3f} s"
    )
    assert max(told, withdrawn) < TOLD
    assert died > LEASE - 2


async def test_a_ballot_that_comes_late_changes_nothing(trio: list[Node]) -> None:
    one, two, _ = trio
    txn, seen = one.store._etcd.txn, []

    async def noted(*arguments: object, **options: object) -> object:
        seen.append((arguments, options))
        return await txn(*arguments, **options)  # type: ignore[arg-type]

    one.store._etcd.txn = noted  # type: ignore[method-assign,assignment]
    await cast(one)
    await one.store.votes.cast(make_ballot(one.name, "down"))
    arguments, options = seen[0]
    assert not (await txn(*arguments, **options)).succeeded  # type: ignore[arg-type]
    await until(lambda: two.store.votes.ballots().get(one.name) == make_ballot(one.name, "down"))


async def test_at_rest_nothing_is_written(trio: list[Node], etcd: Etcd) -> None:
    await know_each_other(trio)
    before, _ = await etcd.get("none")
    for _ in range(3):
        await cast(*trio)
        await asyncio.sleep(0.4)
    assert (await etcd.get("none"))[0] == before


async def test_what_others_did_to_a_ballot_is_put_right(trio: list[Node], etcd: Etcd, prefix: str) -> None:
    one, two, _ = trio
    await know_each_other(trio)
    place = f"{Keys(prefix).votes}{one.name}/"
    before = {item.key: item.value for item in (await etcd.scan(place)).items}
    part = next(key for key in before if not key.endswith(HEAD))
    for write in (Delete(part), Put(part, b"garbage"), Put(place + "zz", b"garbage"), Delete(place + HEAD)):
        done = await etcd.txn([], [write])
        assert await one.store._mirror.reaches(done.revision, TOLD)
        await cast(one)
        await until(lambda: two.store.votes.ballots().get(one.name) == make_ballot(one.name))
        assert {item.key: item.value for item in (await etcd.scan(place)).items} == before
        await until(lambda: not two.alarms)


async def test_what_an_earlier_session_left_is_not_counted_with_the_ballot(trio: list[Node], etcd: Etcd) -> None:
    one, two, _ = trio
    await one.store.votes.cast(make_ballot(one.name, "down", targets=20))
    await until(lambda: one.name in two.voters)
    await one.kill()
    await one.start()
    await one.store.votes.cast(make_ballot(one.name, targets=1))
    await until(lambda: two.store.votes.ballots()[one.name] == make_ballot(one.name, targets=1))


async def test_a_vote_without_a_lease_would_never_end(trio: list[Node], etcd: Etcd, prefix: str) -> None:
    place = f"{Keys(prefix).votes}ghost/"
    await etcd.txn([], [Put(place + part, text) for part, text in dump_ballot(make_ballot("ghost")).items()])
    await until(lambda: "has no lease" in trio[0].alarms)
    assert trio[0].voters == set()


async def test_a_ballot_that_was_taken_stays_as_it_was(trio: list[Node]) -> None:
    one, two, _ = trio
    await cast(one)
    await until(lambda: one.name in two.voters)
    taken = two.store.votes.ballots()
    await one.store.votes.cast(make_ballot(one.name, "down"))
    await until(lambda: two.store.votes.ballots() != taken)
    assert taken == {one.name: make_ballot(one.name)}
