"""`hash`: the same client network gets the same member from every node, as long as that member lives."""

from collections.abc import Sequence

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate, in_use
from gslb.policy.nodes import ByHash, Node


def hashed(pool: Pool, candidates: Sequence[Candidate], nearest: int) -> Node:
    """Rendezvous over the live members, also where one is left: the scope must not depend on health."""
    chosen = in_use(candidates)
    return ByHash(
        [candidate.name.encode() for candidate in chosen],
        [candidate.weight for candidate in chosen],
        [candidate.answer for candidate in chosen],
        pool.answers,
    )
