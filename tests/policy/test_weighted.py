"""The policies, each on its own pool. What a node then does is tests/policy/test_nodes.py's business."""

import pytest

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate
from gslb.policy.nodes import Answer, Choice, Sample
from gslb.policy.weighted import weighted
from tests.support import member


def candidates(*weights: int) -> list[Candidate]:
    return [Candidate(at, f"m{at}", weight, 0, (b"%d" % at,)) for at, weight in enumerate(weights)]


def pool(answers: int = 1) -> Pool:
    return Pool("web", (member("m0", "192.0.2.1"),), answers=answers)


def test_one_answer_is_a_choice_by_weight() -> None:
    node = weighted(pool(), candidates(60, 40), -1)
    assert isinstance(node, Choice)
    assert node.weights == [60, 40]


def test_several_answers_are_a_sample() -> None:
    node = weighted(pool(2), candidates(60, 30, 10), -1)
    assert isinstance(node, Sample)
    assert (node.weights, node.count) == ((60, 30, 10), 2)


def test_one_candidate_needs_no_draw() -> None:
    node = weighted(pool(), candidates(5), -1)
    assert isinstance(node, Answer)


@pytest.mark.parametrize(("weights", "used"), [((1, 0), [1]), ((0, 0), [1, 1])])
def test_weight_0_is_standby(weights: tuple[int, ...], used: list[int]) -> None:
    node = weighted(pool(), candidates(*weights), -1)
    if len(used) == 1:
        assert isinstance(node, Answer)
        assert node.records == b"0"
    else:
        assert isinstance(node, Choice)
        assert node.weights == used
