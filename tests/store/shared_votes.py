"""A place for ballots that nodes of one process share: leases, and the last good view of a node that is cut off.

It behaves as a store between nodes must (semantics section 6): a ballot lives LEASE seconds by the store's clock; who
no longer reaches the store keeps what it saw last, and lets each of those ballots run out by its own clock.
"""

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from gslb.errors import StoreError
from gslb.health.votes import Ballot, Ballots
from gslb.store.votes import LEASE


class _Cast(NamedTuple):
    ballot: Ballot
    until: float


class SharedVotes:
    """The store. `clock` gives its seconds; `at(prober)` is what one node has of it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.cast: dict[str, _Cast] = {}
        self.watchers: dict[str, Callable[[], None]] = {}

    def at(self, prober: str) -> "NodeVotes":
        """The votes as one node casts and sees them."""
        return NodeVotes(self, prober)


class NodeVotes:
    """One node's end; implements gslb.store.votes.Votes."""

    def __init__(self, store: SharedVotes, prober: str) -> None:
        self._store = store
        self._prober = prober
        self._last: dict[str, _Cast] | None = None  # the last good view, while the store is out of reach
        self._since: float | None = None  # since when

    @property
    def reachable(self) -> bool:
        """Whether the store answers this node."""
        return self._last is None

    @property
    def lost(self) -> bool:
        """Whether the store is out of reach, and every lease that was seen has run out."""
        return self._since is not None and self._store.clock() >= self._since + LEASE

    async def cast(self, ballot: Ballot) -> None:
        """Publish for LEASE seconds. Raises StoreError where the store is out of reach."""
        self.put(ballot, self._store.clock() + LEASE)

    def put(self, ballot: Ballot, until: float) -> None:
        """Publish until a second; `inf` stands for one that is cast again every second. Raises StoreError."""
        if self._last is not None:
            raise StoreError("the store is out of reach")
        self._store.cast[self._prober] = _Cast(ballot, until)
        for prober, told in self._store.watchers.items():
            if prober != self._prober:
                told()

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` when another node casts."""
        self._store.watchers[self._prober] = told

    def leave(self, until: float) -> None:
        """Cast no more: what was cast last lives until then."""
        if self._prober in self._store.cast:
            self._store.cast[self._prober] = self._store.cast[self._prober]._replace(until=until)

    def lose(self) -> None:
        """The store is out of reach from now on."""
        now = self._since = self._store.clock()
        self._last = {name: one._replace(until=min(one.until, now + LEASE)) for name, one in self._store.cast.items()}

    def find(self) -> None:
        """It can be reached again."""
        self._last = self._since = None

    def ballots(self) -> Ballots:
        """The ballots of other probers whose lease lasts."""
        now, known = self._store.clock(), self._store.cast if self._last is None else self._last
        return {name: one.ballot for name, one in known.items() if name != self._prober and now < one.until}


FOREVER = inf
