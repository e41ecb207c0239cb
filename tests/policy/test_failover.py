"""failover: listed order, or priority."""

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate
from gslb.policy.failover import failover
from gslb.policy.nodes import Answer
from tests.support import member


def test_listed_order_without_priorities() -> None:
    pool = Pool("p", (member("a", "192.0.2.1"), member("b", "192.0.2.2")))
    node = failover(pool, [Candidate(0, "a", 1, 0, (b"a",)), Candidate(1, "b", 1, 0, (b"b",))], -1)
    assert isinstance(node, Answer)
    assert node.records == b"a"


def test_the_lowest_priority_wins_and_equals_are_answered_together() -> None:
    pool = Pool("p", (member("a", "192.0.2.1", priority=2), member("b", "192.0.2.2", priority=1)))
    live = [Candidate(0, "a", 1, 2, (b"a",)), Candidate(1, "b", 1, 1, (b"b",)), Candidate(2, "c", 1, 1, (b"c",))]
    node = failover(pool, live, -1)
    assert isinstance(node, Answer)
    assert (node.count, node.records) == (2, b"bc")
    node = failover(pool, live[:1], -1)
    assert isinstance(node, Answer)
    assert node.records == b"a"
