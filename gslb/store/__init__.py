"""What must outlive the processes or be known to all nodes, behind interfaces that every store implements."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from gslb.health.memory import Memory
from gslb.health.states import Belief
from gslb.intents import Drain
from gslb.store.audit import Record
from gslb.store.roster import Condition, Registration
from gslb.store.votes import Votes

HISTORY = 7 * 86400.0  # seconds for which an ended drain is kept, at least


class HealthSnapshot(NamedTuple):
    """What was believed at `stamp` (epoch seconds), and what the steps to the effective state remember.

    A restarted control process starts from it.
    """

    belief: Belief
    stamp: float
    memory: Memory = MappingProxyType({})


class Held(NamedTuple):
    """The drains that are known, ended ones included, oldest first; and the revision of the store that this is."""

    drains: tuple[Drain, ...]
    revision: int


class Store(Protocol):
    """What nodes share. Every write is one transaction: it happened whole, or StoreError is raised and nothing changed.

    What is known is kept at hand: reading asks nobody and never fails. All methods are for one event loop.
    """

    @property
    def votes(self) -> Votes:
        """Where probers publish their votes."""

    def held(self) -> Held:
        """The intents as they are known here."""

    async def add_drain(self, drain: Drain, after: int | None = None, *, forced: bool = False) -> Drain:
        """Keep a drain, and return it as it is kept; the record tells where it was `forced` against the safety rule.

        With `after`, only if no intent has changed since that revision: raises StaleError, and what `held` gives is
        newer then. Raises ConflictError where a drain of the same target is active when it is created, StoreError.
        """

    async def remove_drain(self, drain_id: str, now: float) -> Drain:
        """End a drain at `now` and return it; one that has ended stays as it is. Raises NotFoundError, StoreError."""

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` soon after intents or registrations changed elsewhere, from now on."""

    def announce(self, registration: Registration) -> None:
        """Tell the other nodes about this one, soon and as long as it runs."""

    def roster(self) -> Mapping[str, Registration]:
        """The nodes that are there, this one included, by name."""

    def condition(self) -> Condition:
        """Whether the store can be reached, and what is wrong with what is in it."""

    async def audit(self, limit: int) -> tuple[Record, ...]:
        """The last records of what was done, newest first. Raises StoreError."""

    async def run(self) -> None:
        """Keep what is known here up to date until cancelled."""

    async def close(self) -> None:
        """Finish what is under way and let go of the store."""


class HealthStore(Protocol):
    """What a node keeps of its own for its next start."""

    async def read_health(self) -> HealthSnapshot | None:
        """The last health snapshot, if one was written. Raises SnapshotError where it cannot be understood."""

    async def write_health(self, snapshot: HealthSnapshot) -> None:
        """Replace the health snapshot. Raises StoreError."""
