"""What must outlive the processes: drains and the health snapshot, behind one interface that every store implements."""

from types import MappingProxyType
from typing import NamedTuple, Protocol

from gslb.health.memory import Memory
from gslb.health.states import Belief
from gslb.intents import Drain
from gslb.store.votes import Votes

HISTORY = 7 * 86400.0  # seconds for which an ended drain is kept, at least


class HealthSnapshot(NamedTuple):
    """What was believed at `stamp` (epoch seconds), and what the steps to the effective state remember.

    A restarted control process starts from it.
    """

    belief: Belief
    stamp: float
    memory: Memory = MappingProxyType({})


class Store(Protocol):
    """Every write is one transaction: it happened whole, or StoreError is raised and nothing changed."""

    @property
    def votes(self) -> Votes:
        """Where probers publish their votes."""

    async def drains(self) -> tuple[Drain, ...]:
        """Every drain kept, ended ones included, oldest first."""

    async def add_drain(self, drain: Drain) -> None:
        """Keep a drain. Raises ConflictError where one on the same target is active when it is created."""

    async def remove_drain(self, drain_id: str, now: float) -> Drain:
        """End a drain at `now` and return it; one that has ended stays as it is. Raises NotFoundError."""

    async def read_health(self) -> HealthSnapshot | None:
        """The last health snapshot, if one was written. Raises SnapshotError where it cannot be understood."""

    async def write_health(self, snapshot: HealthSnapshot) -> None:
        """Replace the health snapshot."""

    async def close(self) -> None:
        """Finish what is under way and let go of the store."""
