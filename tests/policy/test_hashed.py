"""hash: rendezvous over those in use, also where one is left."""

import random
from collections import Counter
from dataclasses import replace

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate
from gslb.policy.hashed import hashed
from gslb.policy.nodes import ByHash
from tests.support import OSAKA, TOKYO, addresses, ask, config, context, member, query, states, table


def test_standby_members_do_not_take_part() -> None:
    pool = Pool("p", (member("a", "192.0.2.1"),), policy="hash", answers=2)
    node = hashed(pool, [Candidate(0, "a", 3, 0, (b"a",)), Candidate(1, "b", 0, 0, (b"b",))], -1)
    assert isinstance(node, ByHash)
    assert (node.keys, node.weights, node.count) == ((b"a",), (3,), 2)


def test_every_node_gives_the_same_client_the_same_answer() -> None:
    pools = (Pool("web", (TOKYO, OSAKA, member("nagoya", "203.0.113.10", weight=50)), policy="hash"),)
    tokyo = config(pools=pools)
    osaka = replace(tokyo, node=replace(tokyo.node, name="osaka-1", site="osaka"))
    draw = random.Random(1)
    clients = [draw.randbytes(4) for _ in range(300)]
    for down in ((), ("192.0.2.10",)):
        nodes = [context(table(one, states(one, down=down)), seed) for seed, one in enumerate((tokyo, osaka))]
        answers = [[addresses(ask(node, query("www"), client)) for client in clients] for node in nodes]
        assert answers[0] == answers[1]
        assert len(Counter(map(tuple, answers[0]))) == 3 - len(down)
