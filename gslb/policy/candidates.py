"""What a policy chooses among: the members that may be served, with their records ready."""

from collections.abc import Sequence
from typing import NamedTuple

from gslb.policy.nodes import Answer


class Candidate(NamedTuple):
    """One servable member of a pool in one address family. `position` is its place among the pool's members, `column`
    where its answers are counted.
    """

    position: int
    name: str
    weight: int
    priority: int
    records: tuple[bytes, ...]
    column: int = 0

    @property
    def answer(self) -> Answer:
        """This member alone."""
        return Answer(self.records, column=self.column)


def in_use(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Those with a positive weight; weight 0 is standby, in use only when there is no other, and then evenly."""
    positive = [candidate for candidate in candidates if candidate.weight > 0]
    return positive or [candidate._replace(weight=1) for candidate in candidates]
