"""How far an intent has come: which nodes answer by it, and when the last answer from before it has run out.

A node's moment is when this node first sees that all workers there answer by the intent. Quiet is it one TTL after the
last moment. A node that cannot be reached may still answer as before: it is named, and nothing is promised for it.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from gslb.config.model import Config
from gslb.control.presence import Presence
from gslb.control.targets import covered
from gslb.health.wanted import SHORTEST
from gslb.intents import Drain, Force, Hold, Intent
from gslb.store import Held, Store
from gslb.store.roster import Registration

EVERY: Final = 0.25  # seconds between looks
FORGOTTEN: Final = 86_400.0  # seconds after which a node that has gone is no longer missed


class Progress:
    """`known` gives the configuration, `clock` epoch seconds. Moments are this process's own: after a restart they are
    later than they were, never earlier."""

    def __init__(
        self, store: Store, presence: Presence, known: Callable[[], Config], clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._presence = presence
        self._known = known
        self._clock = clock
        self._paths: dict[_Effect, _Path] = {}
        self._nodes: dict[str, tuple[Registration, float]] = {}  # when they were there last

    async def keep_looking(self) -> None:
        """Note the moments, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(EVERY)

    def look(self) -> None:
        """Note what is to be seen now."""
        now, held, roster = self._clock(), self._store.held(), self._store.roster()
        here = {name: (node, now) for name, node in roster.items()}
        gone = {name: one for name, one in self._nodes.items() if now - one[1] < FORGOTTEN}
        self._nodes = {**gone, **here}
        current = [one for one in held.intents if one.state(now) in ("scheduled", "active")]
        self._paths = {effect: self._paths.get(effect) or _Path({}, {}) for effect in map(_effect, current)}
        for intent in current:
            path = self._paths[_effect(intent)]
            for node in roster.values():
                if node.name not in path.begun and self._knows(node, intent, held):
                    path.known.setdefault(node.name, now)
                    if intent.starts <= intent.created or intent.id in node.begun:
                        path.begun.setdefault(node.name, now)

    def of(self, intent: Intent) -> "Standing":
        """How far one that holds, or is to, has come."""
        self.look()
        now, path = self._clock(), self._paths.get(_effect(intent), _Path({}, {}))
        answering, missing = self._answering(intent)
        waiting = tuple(sorted(name for name in answering if name not in path.begun))
        moments = {name: path.begun[name] for name in sorted(answering) if name in path.begun}
        if waiting or not moments:
            return Standing(moments, waiting, missing)
        quiet = self._quiet(intent, path, answering)
        last = max(moments.values())
        part = 1.0 if now >= quiet else (now - last) / (quiet - last)
        return Standing(moments, waiting, missing, quiet, int(100 * max(0.0, part)))

    def _knows(self, node: Registration, intent: Intent, held: Held) -> bool:
        own = self._presence.name
        if node.name == own:
            return (intent.id, intent.changed) in self._presence.acknowledged.intents
        revision = held.revisions.get(intent.id)
        return revision is not None and node.intents >= revision

    def _answering(self, intent: Intent) -> tuple[list[str], tuple[str, ...]]:
        """The nodes that answer queries and must know of the intent: those there, and those missing."""
        own, roster = self._presence.name, self._store.roster()
        if intent.local:
            return [own], ()
        here = [node.name for node in roster.values() if "dns" in node.roles]
        known = [name for name, (node, _) in self._nodes.items() if "dns" in node.roles]
        never = [name for name in self._known().probers if name not in self._nodes]
        return here, tuple(sorted({*known, *never} - roster.keys()))

    def _quiet(self, intent: Intent, path: "_Path", answering: Iterable[str]) -> float:
        """One TTL after the last moment. Before an intent that was known ahead, TTLs have come down."""
        ttl = 0 if isinstance(intent, Hold) else longest_ttl(self._known(), intent)
        known, begun = (max(moments[name] for name in answering) for moments in (path.known, path.begun))
        return max(known + ttl, begun + min(ttl, SHORTEST)) if intent.starts > intent.created else begun + ttl


class Standing(NamedTuple):
    """`acknowledged`: when each node was first seen to answer by the intent; `waiting`: nodes that do not yet;
    `unreachable`: nodes of which nothing is known now. `quiet_at`: None while some are waited for. Times are in epoch
    seconds; `percent` is of the time until quiet."""

    acknowledged: Mapping[str, float]
    waiting: tuple[str, ...]
    unreachable: tuple[str, ...]
    quiet_at: float | None = None
    percent: int = 0


class _Effect(NamedTuple):
    """What an intent does to answers: one that is extended goes on as it was."""

    id: str
    starts: float
    part: int


class _Path(NamedTuple):
    """By node, when it was first seen to know of the intent, and to answer by it."""

    known: dict[str, float]
    begun: dict[str, float]


def _effect(intent: Intent) -> _Effect:
    part = intent.percent if isinstance(intent, Drain) else int(intent.up) if isinstance(intent, Force) else 0
    return _Effect(intent.id, intent.starts, part)


def longest_ttl(config: Config, intent: Intent) -> int:
    """The largest TTL of names whose answers the target may be in, in seconds."""
    pools = {pool for pool, _ in covered(intent.target, config)}
    pools |= {name for name, pool in config.pools.items() if not pools.isdisjoint(pool.requires)}
    names = [name for zone in config.zones.values() for name in zone.names]
    return max((name.ttl for name in names if any(not pools.isdisjoint(rule.pools) for rule in name.rules)), default=0)
