"""`failover`: the most preferred live member, by `priority` where one is given, else in listed order."""

from collections.abc import Sequence

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate
from gslb.policy.nodes import Node, join


def failover(pool: Pool, candidates: Sequence[Candidate], nearest: int) -> Node:
    """One member, or all of those that share the lowest priority."""
    if not any(member.priority for member in pool.members):
        return candidates[0].answer
    lowest = min(candidate.priority for candidate in candidates)
    return join([candidate.answer for candidate in candidates if candidate.priority == lowest])
