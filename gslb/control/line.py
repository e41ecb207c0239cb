"""One configuration's way from belief to leaves, remembering the last step so that the next costs by what changed."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from gslb.config.model import Config
from gslb.health import effective
from gslb.health.states import Belief, States
from gslb.intents import Drain
from gslb.table import leaves
from gslb.table.entries import Base, Leaves


class Plan(NamedTuple):
    """What is to be served: a configuration and what it compiled to."""

    config: Config
    base: Base


class Line:
    """Turns what is known into what is served, for one plan. What it returns depends on its arguments alone."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._judged: effective.Former | None = None
        self._compiled: leaves.Former | None = None

    def judge(
        self, belief: Belief, drains: Sequence[Drain], now: float, *, settled: bool
    ) -> tuple[States, float | None]:
        """See gslb.health.effective."""
        states, change_at = effective.effective(
            self.plan.config, belief, drains, now, settled=settled, former=self._judged
        )
        active = [drain for drain in drains if drain.active(now)]
        self._judged = effective.Former(belief, active, settled, states)
        return states, change_at

    def compile(self, states: States, last_good: leaves.LastGood) -> Leaves:
        """See gslb.table.leaves."""
        config, base = self.plan
        made = leaves.compile_pools(base, config, states, last_good, self._compiled)
        self._compiled = leaves.Former(states, made)
        return made


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
