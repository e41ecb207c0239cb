"""This node among the others: what it tells of itself, and where they differ.

Nodes with the same configuration and the same fingerprint give the same client the same answer. Of intents a node tells
what all of its workers answer by, not what it has handed to them.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Final, NamedTuple

import gslb
from gslb.config.model import Config
from gslb.health.states import MemberState, States
from gslb.intents import Intent
from gslb.server.publish import Publisher
from gslb.store import Store
from gslb.store.roster import Registration

EVERY: Final = 1.0  # seconds between looks
PATIENCE: Final = 10.0  # seconds that nodes may differ before it is an alarm

_LATE: Final = 1.0  # seconds until it is asked again whether workers have followed

log = logging.getLogger("gslb.control")


class Serving(NamedTuple):
    """What a generation was made of: the intents as of a revision of the store, each by its id and changes, and those
    among them that were to begin at a time and have."""

    generation: int = 0
    revision: int = 0
    intents: frozenset[tuple[str, int]] = frozenset()
    begun: tuple[str, ...] = ()

    @classmethod
    def of(cls, generation: int, revision: int, intents: Iterable[Intent], now: float) -> "Serving":
        """What is published at `now`."""
        known = tuple(intents)
        begun = sorted(one.id for one in known if one.created < one.starts <= now)
        return cls(generation, revision, frozenset((one.id, one.changed) for one in known), tuple(begun))


class Presence:
    """`clock` gives monotonic seconds. `acknowledged` is what all workers of this node are known to answer by."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._prints = Fingerprint()
        self.acknowledged = Serving()
        self._published = Serving()
        self._told: Registration | None = None
        self._news = asyncio.Event()
        self._since: dict[str, float] = {}  # by node: since when it differs
        self.alarms: Mapping[str, str] = {}  # by node: what it has differed in for PATIENCE seconds

    def tell(self, config: Config, states: States, serving: Serving) -> None:
        """Announce what this node serves now; the intents in it once `keep_acknowledging` knows that workers follow."""
        node = config.node
        if serving != self._published:
            self._published = serving
            self._news.set()
        self._told = Registration(
            name=node.name,
            site=node.site,
            roles=node.roles,
            version=gslb.__version__,
            config=config.digest,
            answers=self._prints.of(config, states),
            generation=serving.generation,
            notifies=bool(node.notify) and serving.generation > 0,
        )
        self._announce()

    @property
    def name(self) -> str:
        """This node's, once it has told anything."""
        return self._told.name if self._told else ""

    def _announce(self) -> None:
        if self._told:
            done = self.acknowledged
            self._store.announce(replace(self._told, intents=done.revision, begun=done.begun))

    async def keep_acknowledging(self, publisher: Publisher) -> None:
        """Tell by which intents all workers answer, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            serving = self._published
            if not await publisher.wait_acknowledged(serving.generation, _LATE):
                self._news.set()
                continue
            self.acknowledged = serving
            self._announce()

    def compare(self, name: str) -> None:
        """Look which nodes differ from the node `name`, this one. Call it now and then."""
        roster, now = self._store.roster(), self._clock()
        own = roster.get(name)
        found = {other.name: difference(own, other) for other in roster.values()} if own else {}
        self._since = {node: self._since.get(node, now) for node, what in found.items() if what}
        alarmed = {node: found[node] for node, since in self._since.items() if now - since >= PATIENCE}
        for node in alarmed.keys() - self.alarms.keys():
            log.error("node %s differs from this one: %s", node, alarmed[node])
        for node in self.alarms.keys() - alarmed.keys():
            log.info("node %s is like this one again", node)
        self.alarms = alarmed

    async def keep_comparing(self, name: str) -> None:
        """Do so until cancelled."""
        while True:
            self.compare(name)
            await asyncio.sleep(EVERY)


def difference(one: Registration, other: Registration) -> str:
    """What two nodes differ in; nothing where one of them answers no queries."""
    if "dns" not in one.roles or "dns" not in other.roles:
        return "configuration" if one.config != other.config else ""
    parts = {"configuration": (one.config, other.config), "answers": (one.answers, other.answers)}
    return ", ".join(name for name, (a, b) in parts.items() if a != b)


class Fingerprint:
    """One number for what is served, made from one for each pool; pools that did not change are not looked at."""

    def __init__(self) -> None:
        self._pools: dict[str, tuple[Mapping[str, MemberState], int]] = {}

    def of(self, config: Config, states: States) -> str:
        """The fingerprint, 16 hexadecimal digits. Pools of local scope differ from node to node, and are left out."""
        pools = {}
        for name, members in states.items():
            if config.pools[name].scope != "local":
                former = self._pools.get(name)
                pools[name] = former if former and former[0] is members else (members, _print(name, members))
        self._pools = pools
        total = 0
        for _, one in pools.values():
            total ^= one
        return f"{total:016x}"


def _print(pool: str, members: Mapping[str, MemberState]) -> int:
    up = [f"{name} {a.address}" for name, member in members.items() for a in member.addresses if a.effective == "up"]
    out = [f"{name} out" for name, member in members.items() if member.drained or member.forced_down]
    out += [f"{name} {m.percent} {m.drained_with}" for name, m in members.items() if m.drained_in_part]
    return int.from_bytes(blake2b("\n".join([pool, *up, *out]).encode(), digest_size=8).digest(), "big")
