"""A name that follows the primary of a real PostgreSQL, whoever promotes the standby."""

import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.e2e.kit import SITES, ZONE, Node, eventually
from tests.e2e.load import Load
from tests.postgres_kit import PASSWORD, USER, Cluster

pytestmark = pytest.mark.e2e

FIRST, SECOND = "127.5.0.1", "127.5.0.2"
INTERVAL, TIMEOUT, TIMES, JITTER = 0.5, 0.4, 2, 0.1
BOUND = TIMES * INTERVAL + JITTER * INTERVAL + TIMEOUT + 0.5  # semantics section 7; here it is `rise` that counts


def test_the_answer_follows_the_promotion(make_node: Callable[[], Node]) -> None:
    with ExitStack() as stack:
        primary = Cluster(FIRST).create()
        stack.callback(primary.close)
        primary.start()
        standby = Cluster(SECOND, primary.port).follow(primary)
        stack.callback(standby.close)
        standby.start()
        node = make_node()
        zone = (
            f"{SITES}monitors:\n  db: {{type: postgres, role: primary, port: {primary.port}, user: {USER},"
            f" password_file: password, interval: {INTERVAL * 1000:.0f}ms, timeout: {TIMEOUT * 1000:.0f}ms,"
            f" fall: {TIMES}, rise: {TIMES}}}\n"
            "pools:\n  db:\n    monitors: [db]\n    exclusive: true\n    all_down: last_good\n    members:\n"
            f"      a: {{site: tokyo, addresses: [{FIRST}]}}\n      b: {{site: osaka, addresses: [{SECOND}]}}\n"
            f"{ZONE}      www: {{pool: db, ttl: 5}}\n"
        )
        node.write(zone)
        (node.zone.parent / "password").write_text(f"{PASSWORD}\n")
        text = node.config.read_text()
        node.config.write_text(text.replace("[127.0.0.0/8]", f"[127.0.0.0/8], references: ['127.0.0.1:{node.dns}']"))
        node.start().ready()
        eventually(lambda: node.seen() == {FIRST}, 10)
        with Load(node.dns, rate=500) as load:
            time.sleep(0.5)
            primary.stop()
            time.sleep(1.0)
            standby.promote()
            promoted = time.monotonic()
            time.sleep(BOUND + 1.0)
    followed = min(ask.answered for ask in load.asks if ask.addresses == (SECOND,)) - promoted
    stale = max(ask.answered for ask in load.asks if ask.addresses == (FIRST,)) - promoted
    print(
        f"\npromoted: first answer with the new primary after {followed:.2f} s, last with the old after {stale:.2f} s"
    )
    assert {ask.addresses for ask in load.asks} == {(FIRST,), (SECOND,)}
    assert stale <= BOUND
    assert followed <= BOUND
    assert not load.lost
