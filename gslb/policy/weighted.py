"""`weighted`: the chance of a member is its weight over the sum of the live weights."""

from collections.abc import Sequence

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate, in_use
from gslb.policy.nodes import Choice, Node, Sample


def weighted(pool: Pool, candidates: Sequence[Candidate], nearest: int) -> Node:
    """A draw per query; `answers: k` draws k members without replacement."""
    chosen = in_use(candidates)
    answers = [candidate.answer for candidate in chosen]
    if len(answers) == 1:
        return answers[0]
    weights = [candidate.weight for candidate in chosen]
    return Choice(weights, answers) if pool.answers == 1 else Sample(weights, answers, pool.answers)
