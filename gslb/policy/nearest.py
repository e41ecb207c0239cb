"""`nearest`: the live members closest to the client by great-circle distance; `weighted` where it cannot be placed."""

from collections.abc import Sequence

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate
from gslb.policy.nodes import Answer, Nearest, Node
from gslb.policy.weighted import weighted


def nearest(pool: Pool, candidates: Sequence[Candidate], nearest: int) -> Node:
    """The k nearest, k = `answers`. `nearest` is the position of the pool's map in the base table."""
    slots: list[Answer | None] = [None] * len(pool.members)
    for candidate in candidates:
        slots[candidate.position] = candidate.answer
    return Nearest(nearest, slots, pool.answers, weighted(pool, candidates, nearest))
