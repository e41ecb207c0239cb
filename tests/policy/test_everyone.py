"""all: every live address, rotated, bounded."""

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate
from gslb.policy.everyone import everyone, rotations
from gslb.policy.nodes import Answer, Choice
from tests.support import member


def test_every_rotation_is_ready_and_bounded() -> None:
    pool = Pool("p", (member("a", "192.0.2.1"),), max_answers=2)
    node = everyone(pool, [Candidate(0, "a", 1, 0, (b"1", b"2")), Candidate(1, "b", 1, 0, (b"3",))], -1)
    assert isinstance(node, Choice)
    assert [child.records for child in node.children if isinstance(child, Answer)] == [b"12", b"23", b"31"]
    assert node.weights == [1, 1, 1]


def test_one_address_needs_no_draw_and_ede_is_kept() -> None:
    node = rotations([b"1"], 8, b"ede")
    assert isinstance(node, Answer)
    assert (node.records, node.ede) == (b"1", b"ede")
