"""Where probers publish their votes and see those of the others."""

from collections.abc import Callable
from typing import Protocol

from gslb.health.votes import Ballot, Ballots

LEASE = 5.0  # seconds that a ballot lives without being cast again
RENEW = 1.0  # seconds between casts


class Votes(Protocol):
    """A place for ballots. What cannot be reached raises StoreError; the caller goes on with its own votes."""

    async def cast(self, ballot: Ballot) -> None:
        """Publish a prober's ballot for LEASE seconds, in the place of its former one. Raises StoreError."""

    def ballots(self) -> Ballots:
        """The ballots of other probers whose lease lasts, as far as they are known here."""

    @property
    def lost(self) -> bool:
        """Whether the store has been out of reach for so long that no ballot of others can be known to live."""

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` soon after a ballot of another prober came or changed, from now on."""


class OwnVotes:
    """The votes of a node that is alone: there are no others."""

    lost = False

    async def cast(self, ballot: Ballot) -> None:
        """Nobody else listens."""

    def ballots(self) -> Ballots:
        """Nobody else votes."""
        return {}

    def watch(self, told: Callable[[], None]) -> None:
        """There is nothing to tell."""
