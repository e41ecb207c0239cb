"""hash: rendezvous over those in use, also where one is left."""

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate
from gslb.policy.hashed import hashed
from gslb.policy.nodes import ByHash
from tests.support import member


def test_standby_members_do_not_take_part() -> None:
    pool = Pool("p", (member("a", "192.0.2.1"),), policy="hash", answers=2)
    node = hashed(pool, [Candidate(0, "a", 3, 0, (b"a",)), Candidate(1, "b", 0, 0, (b"b",))], -1)
    assert isinstance(node, ByHash)
    assert (node.keys, node.weights, node.count) == ((b"a",), (3,), 2)
