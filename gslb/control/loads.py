"""Loads that agents push: what all clients of a `capacity` pool need, in the place of its configured `load`."""

from collections.abc import Callable, Mapping
from typing import Final

from gslb.config.model import Config, Pool
from gslb.config.schema import MAX_LOAD
from gslb.health.states import MemberState, States, TargetKey
from gslb.probe.push import Board, Push, PushMonitor

STEP: Final = 0.05  # of the capacity of a pool's sites: what a load must move by to be published


def told_load(
    pool: Pool,
    members: Mapping[str, MemberState],
    told: Callable[[TargetKey], float | None],
    held: float | None,
) -> float | None:
    """The sum of the loads that the members of a pool tell; None where a live one tells none, or nobody does.

    A sum, because it stays what it is when clients move from one site to another. A member with several loads, told for
    its addresses or by several monitors, has the largest. `held`, the load before, stays until the sum moved by STEP.
    """
    sums = []
    for member in pool.members:
        found = (told(TargetKey(name, address)) for name in pool.monitors.of for address in member.probed)
        loads = [load for load in found if load is not None]
        if loads:
            sums.append(max(loads))
        elif any(address.effective == "up" for address in members[member.name].addresses):
            return None
    if not sums:
        return None
    total = min(sum(sums), MAX_LOAD)
    step = STEP * sum(limit for _, limit in pool.capacities)
    return held if held is not None and abs(total - held) < step else total


class Loads:
    """The reported loads by pool, as they were at the last publication: `held`. All methods are for one event loop."""

    def __init__(self, board: Board, changed: Callable[[], None]) -> None:
        self.held: Mapping[str, float] = {}
        self._board = board
        self._changed = changed
        self._config: Config | None = None
        self._pools: Mapping[TargetKey, list[Pool]] = {}
        self._states: States = {}

    def follow(self, config: Config, states: States) -> Mapping[str, float]:
        """Look at every pool, to publish; the new `held`."""
        if config is not self._config:
            self._config, self._pools = config, _pools_of(config)
        self._states = states
        pools = {pool.name: pool for those in self._pools.values() for pool in those}
        self.held = {name: load for name, pool in pools.items() if (load := self._load(pool)) is not None}
        return self.held

    def post(self, config: Config, key: TargetKey, push: Push) -> float:
        """Keep a push, and call `changed` where it moves the load of a pool. See Board.post."""
        lasts = self._board.post(config, key, push)
        if any(self._load(pool) != self.held.get(pool.name) for pool in self._pools.get(key, ())):
            self._changed()
        return lasts

    def _load(self, pool: Pool) -> float | None:
        return told_load(pool, self._states[pool.name], self._board.load, self.held.get(pool.name))


def _pools_of(config: Config) -> dict[TargetKey, list[Pool]]:
    """The pools whose load agents may tell, by the targets that they tell it for."""
    found: dict[TargetKey, list[Pool]] = {}
    for pool in config.pools.values():
        pushed = [name for name in pool.monitors.of if isinstance(config.monitors[name], PushMonitor)]
        for address in (a for member in pool.members for a in member.probed) if pool.policy == "capacity" else ():
            for name in pushed:
                found.setdefault(TargetKey(name, address), []).append(pool)
    return found
