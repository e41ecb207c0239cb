"""One configuration's way from belief to leaves, remembering the last step so that the next costs by what changed."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple

from gslb.config.load import ZonesFiles, load
from gslb.config.model import Config
from gslb.geo.database import open_atlas
from gslb.health.effective import FORGOTTEN, Outcome, effective
from gslb.health.judging import Inputs
from gslb.health.memory import Memory
from gslb.health.states import Belief, States
from gslb.health.votes import Ballots
from gslb.probe import KINDS
from gslb.table import leaves
from gslb.table.build import compile_base
from gslb.table.entries import Base, Leaves, Table

_NONE: Final[Mapping[str, float]] = MappingProxyType({})


class Plan(NamedTuple):
    """What is to be served: a configuration and what it compiled to."""

    config: Config
    base: Base


class Served(NamedTuple):
    """What was published last, all from one moment; and what is believed now, and by whose votes.

    `loads` are those that were reported for pools, instead of the configured ones.
    """

    config: Config
    table: Table
    states: States
    belief: Belief = MappingProxyType({})
    ballots: Ballots = MappingProxyType({})
    loads: Mapping[str, float] = _NONE

    def holds(self, config: Config, states: States, loads: Mapping[str, float]) -> bool:
        """Whether all that answers are made of is still as it was."""
        return self.config is config and self.states == states and self.loads == loads


class Line:
    """Turns what is known into what is served, for one plan. `memory` is what the steps remember."""

    def __init__(self, plan: Plan, memory: Memory = FORGOTTEN) -> None:
        self.plan = plan
        self.memory = memory
        self._judged: Outcome | None = None
        self._compiled: leaves.Former | None = None
        self._ranged = frozenset(
            pool
            for zone in plan.config.zones.values()
            for name in zone.names
            if name.ttl_min is not None
            for rule in name.rules
            for pool in rule.pools
        )

    def judge(self, inputs: Inputs, now: float) -> Outcome:
        """See gslb.health.effective."""
        inputs = inputs._replace(ranged=self._ranged, alike=self.plan.base.alike)
        self._judged = effective(self.plan.config, inputs, now, self._judged, self.memory)
        self.memory = self._judged.memory
        return self._judged

    def recall(self, memory: Memory) -> None:
        """Go on with another memory: an operator has spoken, or it comes from before a restart."""
        self.memory, self._judged = memory, None

    def compile(self, states: States, last_good: leaves.LastGood, loads: Mapping[str, float] = _NONE) -> Leaves:
        """See gslb.table.leaves; `loads` stand in the place of those that pools are configured with."""
        config, base = loaded(self.plan.config, loads), self.plan.base
        made = leaves.compile_pools(base, config, states, last_good, self._compiled)
        self._compiled = leaves.Former(states, made, config.pools)
        return made


def loaded(config: Config, loads: Mapping[str, float]) -> Config:
    """The configuration with these loads in the place of those that its pools have."""
    told = {name: replace(pool, load=loads[name]) for name, pool in config.pools.items() if name in loads}
    return replace(config, pools={**config.pools, **told}) if told else config


def load_plan(path: str, files: ZonesFiles | None = None) -> Plan:
    """Load, check and compile; `files` stand in for the zones folder. Raises ConfigError, GeoError.

    Takes its time: call it in a thread.
    """
    with uncollected():
        config = load(path, KINDS, files)
        return Plan(config, compile_base(config, open_atlas(config.node.geo_databases)))


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking a table, again and again, while it is built of many small objects."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
