"""`all`: every live member, rotated from query to query, at most `max_answers` addresses."""

from collections.abc import Sequence

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate
from gslb.policy.columns import shared
from gslb.policy.nodes import Answer, Choice, Node


def everyone(pool: Pool, candidates: Sequence[Candidate], nearest: int) -> Node:
    """Every candidate's addresses."""
    column = shared([candidate.column for candidate in candidates])
    return rotations([r for candidate in candidates for r in candidate.records], pool.max_answers, column=column)


def rotations(records: Sequence[bytes], limit: int, ede: bytes = b"", column: int = 0) -> Node:
    """A draw among the rotations, each of them ready; an address cut off by the limit leads some other rotation."""
    turned = [Answer((*records[at:], *records[:at])[:limit], ede, column=column) for at in range(len(records))]
    return turned[0] if len(turned) == 1 else Choice([1] * len(turned), turned)
