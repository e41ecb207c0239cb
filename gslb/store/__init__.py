"""What must outlive the processes or be known to all nodes, behind interfaces that every store implements."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from gslb.health.memory import Memory
from gslb.health.states import Belief
from gslb.intents import Drain, Force, Hold, Intent
from gslb.store.audit import Deed
from gslb.store.auditpages import AuditPage, AuditWanted
from gslb.store.roster import Condition, Registration
from gslb.store.votes import Votes

HISTORY = 7 * 86400.0  # seconds for which an ended intent is kept, at least

Document = Mapping[str, Any]  # JSON values


class HealthSnapshot(NamedTuple):
    """What was believed at `stamp` (epoch seconds), and what the steps to the effective state remember.

    A restarted control process starts from it.
    """

    belief: Belief
    stamp: float
    memory: Memory = MappingProxyType({})


class Held(NamedTuple):
    """The intents that are known, ended ones included, oldest first; and the revision of the store that this is.

    `revisions` tells for each that has not ended, by its id, the revision since which it is as it is; one that is for
    this node alone has none.
    """

    intents: tuple[Intent, ...]
    revision: int
    revisions: Mapping[str, int] = MappingProxyType({})

    @property
    def drains(self) -> tuple[Drain, ...]:
        """The drains among them."""
        return tuple(one for one in self.intents if isinstance(one, Drain))

    @property
    def holds(self) -> tuple[Hold, ...]:
        """The holds among them."""
        return tuple(one for one in self.intents if isinstance(one, Hold))

    @property
    def forces(self) -> tuple[Force, ...]:
        """The forces among them."""
        return tuple(one for one in self.intents if isinstance(one, Force))

    def find(self, intent_id: str) -> Intent | None:
        """One of them."""
        return next((one for one in self.intents if one.id == intent_id), None)


class Store(Protocol):
    """What nodes share. Every write is one transaction with the record of it: it happened whole, or StoreError is
    raised and nothing changed.

    What is known is kept at hand: reading asks nobody and never fails. All methods are for one event loop.
    """

    @property
    def votes(self) -> Votes:
        """Where probers publish their votes."""

    def held(self) -> Held:
        """The intents as they are known here."""

    async def find(self, intent_id: str) -> Intent:
        """An intent; the store is asked for one that is not known here yet. Raises NotFoundError, StoreError."""

    async def add(self, intent: Intent, after: int | None, deed: Deed) -> Intent:
        """Keep an intent, and return it as it is kept. What `deed` is about is filled in.

        With `after`, only if no intent has changed since that revision: raises StaleError, and what `held` gives is
        newer then. Raises ConflictError where one of its kind is on its target for some of its time, StoreError.
        """

    async def change(self, intent: Intent, after: int | None, deed: Deed) -> Intent:
        """Put an intent in the place of the one with its id, if `changed` is the next number: StaleError otherwise.

        Raises NotFoundError, ConflictError (it has ended, or as in `add`), StoreError.
        """

    async def remove(self, intent_id: str, now: float, deed: Deed, changed: int | None = None) -> Intent:
        """End an intent at `now` and return it; one that has ended stays as it is.

        With `changed`, only if that is the number of its last change: StaleError. Raises NotFoundError, StoreError.
        """

    def kept(self, kind: str) -> Mapping[str, Document]:
        """The documents of a kind that all nodes share, by their keys."""

    async def keep(self, kind: str, key: str, value: Document | None, deed: Deed | None) -> None:
        """Put a document in the place of the one with its key; None removes it. Without a deed it is not recorded.

        Raises NotFoundError (none to remove), RequestError (what cannot be kept), StoreError.
        """

    async def record(self, deed: Deed) -> None:
        """Record what changed no intent. Where the store is out of reach, this node does so for itself alone.

        Raises StoreError where that fails, too.
        """

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` soon after intents, documents or registrations changed elsewhere, from now on."""

    def announce(self, registration: Registration) -> None:
        """Tell the other nodes about this one, soon and as long as it runs."""

    def roster(self) -> Mapping[str, Registration]:
        """The nodes that are there, this one included, by name."""

    def condition(self) -> Condition:
        """Whether the store can be reached, and what is wrong with what is in it."""

    async def audit(self, wanted: AuditWanted) -> AuditPage:
        """A page of what was done, newest first. Raises RequestError (a cursor of somewhere else), StoreError."""

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
