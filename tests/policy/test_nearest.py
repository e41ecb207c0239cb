"""nearest: a slot for every member, and weighted for the unknown."""

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate
from gslb.policy.nearest import nearest
from gslb.policy.nodes import Choice, Nearest
from tests.support import member


def test_dead_members_leave_an_empty_slot() -> None:
    pool = Pool("p", (member("a", "192.0.2.1"), member("b", "192.0.2.2"), member("c", "192.0.2.3")), policy="nearest")
    node = nearest(pool, [Candidate(0, "a", 1, 0, (b"a",)), Candidate(2, "c", 1, 0, (b"c",))], 4)
    assert isinstance(node, Nearest)
    assert [answer and answer.records for answer in node.answers] == [b"a", None, b"c"]
    assert node.map == 4
    assert isinstance(node.unknown, Choice)
