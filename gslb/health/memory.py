"""What the steps of gslb.health.effective remember from one moment to the next. Values only."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from gslb.health.states import Verdict


class Past(NamedTuple):
    """One address: how it stands by health alone (steps 1 and 2), since when, and what became of that (step 6).

    `penalty` is that of damping at the second `since`. `waiting`: out until failback lets it in; `suppressed`: until
    its penalty has decayed.
    """

    stands: Verdict
    since: float
    served: Verdict
    penalty: float = 0.0
    waiting: bool = False
    suppressed: bool = False


class Loss(NamedTuple):
    """A member that health took away at second `at`; `held` while blast radius keeps it in the answers."""

    site: str
    at: float
    held: bool = False


class PoolPast(NamedTuple):
    """One pool: its addresses by (member, address), its losses by member, the second at which each member began to ramp
    up, and which member was served where only one may be."""

    addresses: Mapping[tuple[str, str], Past]
    losses: Mapping[str, Loss] = {}
    ramps: Mapping[str, float] = {}
    only: str = ""


Memory = Mapping[str, PoolPast]
"""By pool."""

NOTHING: Final = PoolPast({})


class Numbers:
    """A number for each past, the same for equal ones. An object that comes again, as most do, is not looked into."""

    def __init__(self) -> None:
        self._by_value: dict[object, int] = {}
        self._by_id: dict[int, tuple[PoolPast, int]] = {}  # with the object, so that its id stays its own

    def of(self, past: PoolPast) -> int:
        """Its number."""
        found = self._by_id.get(id(past))
        if found is None:
            value = (*(tuple(part.items()) for part in past[:-1]), past.only)
            found = self._by_id[id(past)] = past, self._by_value.setdefault(value, len(self._by_value))
        return found[1]


def resume(memory: Memory, members: Iterable[tuple[str, str]]) -> Memory:
    """The same, with an operator's word that these members (pool, member) wait for failback and damping no longer."""
    named = set(members)
    return {
        pool: past._replace(
            addresses={
                place: was._replace(waiting=False, suppressed=False, penalty=0.0) if (pool, place[0]) in named else was
                for place, was in past.addresses.items()
            }
        )
        for pool, past in memory.items()
    }
