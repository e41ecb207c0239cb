"""Nodes at the level of the store: several EtcdStores in one process, each with a file of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from gslb.health.states import Observation, TargetKey, Verdict
from gslb.health.votes import Ballot
from gslb.intents import Drain, Intent, Target
from gslb.store import Store
from gslb.store.audit import Actor, Deed, Record
from gslb.store.auditpages import AuditWanted
from gslb.store.etcd import Etcd
from gslb.store.etcdaccess import Access
from gslb.store.keys import Keys
from gslb.store.roster import Registration
from gslb.store.shared import EtcdStore, Place
from gslb.store.sqlite import SqliteStore
from gslb.store.votes import LEASE

CONVERGE = 5.0  # seconds
GONE = LEASE + 2.0  # seconds until a dead node's ballot is gone
NAMES = ("tokyo-1", "osaka-1", "fukuoka-1")


def make_drain(drain_id: str, target: str = "site/tokyo", *, lasts: float = 3600.0, local: bool = False) -> Drain:
    """A drain that begins now."""
    now = time.time()
    return Drain(drain_id, Target.parse(target), "CHG-1 \U0001f5fc", "ops", now, now + lasts, local=local)


OPS = Actor("ops", "192.0.2.7")


async def add(store: Store, intent: Intent, after: int | None = None) -> Intent:
    """Keep an intent, as an operator does."""
    return await store.add(intent, after, Deed(intent.kind, OPS, intent.reason))


async def cancel(store: Store, intent_id: str, now: float | None = None) -> Intent:
    """End an intent, as an operator does."""
    return await store.remove(intent_id, now or time.time(), Deed("undrain", OPS, "done"))


async def records(store: Store, limit: int = 1_000) -> tuple[Record, ...]:
    """The last of what was done, newest first, however many pages that takes."""
    found: list[Record] = []
    cursor = ""
    while len(found) < limit:
        page = await store.audit(AuditWanted(min(limit - len(found), 100), cursor=cursor))
        found += page.records
        cursor = page.cursor
        if not cursor:
            break
    return tuple(found)


def make_ballot(name: str, verdict: Verdict = "up", *, blind: str = "", targets: int = 3) -> Ballot:
    """A prober's ballot with the same verdict on some targets."""
    keys = (TargetKey("web", f"192.0.2.{number}") for number in range(targets))
    verdicts = {} if blind else {key: Observation(verdict, 1_700_000_000.0, "") for key in keys}
    return Ballot(name, name.removesuffix("-1"), verdicts, blind)


def registration(name: str, generation: int = 1) -> Registration:
    """What a node tells."""
    return Registration(name, name.removesuffix("-1"), ("dns", "probe"), "0.1", "c0", "a0", generation)


async def until(condition: Callable[[], object], seconds: float = CONVERGE) -> float:
    """Wait for it and return how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


class Node:
    """One node: `store` runs from `start` until `kill` (without farewell) or `leave`."""

    def __init__(self, access: Access, prefix: str, name: str, folder: Path) -> None:
        self.name = name
        self.store: EtcdStore
        self.told = 0
        self._access = access
        self._place = Place(Keys(prefix), name)
        self._path = str(folder / f"{name}.sqlite")
        self._own: SqliteStore | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def drains(self) -> set[str]:
        """The ids of the drains that hold here."""
        return {drain.id for drain in self.store.held().drains if drain.active(time.time())}

    @property
    def voters(self) -> set[str]:
        """The probers whose ballots are known here."""
        return set(self.store.votes.ballots())

    @property
    def alarms(self) -> str:
        """What is wrong, as people read it."""
        return "; ".join(self.store.condition().alarms)

    async def start(self, *, registered: bool = True) -> "Node":
        """Begin, with what is in the file."""
        self._own = await SqliteStore.open(self._path, self.name)
        self.store = await EtcdStore.open(Etcd(self._access), self._place, self._own)
        self.store.watch(self._count)
        self.store.announce(registration(self.name))
        self._task = asyncio.create_task(self.store.run())
        if registered:
            await until(self.registered)
        return self

    def registered(self) -> bool:
        """Whether it may write and is known to do so."""
        item = self.store._mirror.items.get(self.store._session.key)
        return item is not None and item.lease == self.store._session._lease

    async def kill(self) -> None:
        """End it without farewell; its lease runs out by itself. Fails where `run` had ended by itself."""
        if self._task is None or self._own is None:
            return
        assert not self._task.done(), self._task
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        await self.store._etcd.close()
        await self._own.close()

    async def leave(self) -> None:
        """End it as the node does."""
        assert self._task is not None
        assert self._own is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        await self.store.close()
        await self._own.close()

    def _count(self) -> None:
        self.told += 1


@asynccontextmanager
async def nodes(
    access: Access, prefix: str, folder: Path, names: Iterable[str] = NAMES, *, registered: bool = True
) -> AsyncIterator[list[Node]]:
    """Nodes that run and know each other."""
    async with AsyncExitStack() as stack:
        made = [Node(access, prefix, name, folder) for name in names]
        for node in made:
            await node.start(registered=registered)
            stack.push_async_callback(node.kill)
        if registered:
            await until(lambda: all(len(node.store.roster()) == len(made) for node in made))
        yield made


async def cast(*casting: Node) -> None:
    """Each its ballot."""
    for node in casting:
        await node.store.votes.cast(make_ballot(node.name))


async def know_each_other(trio: list[Node]) -> None:
    """All have cast, and have heard the others."""
    await cast(*trio)
    await until(lambda: all(node.voters == set(NAMES) - {node.name} for node in trio))
