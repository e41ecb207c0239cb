"""Agents of two sites push their state to a real node, and the answers follow."""

import time
from collections.abc import Callable

import pytest

from tests.e2e.kit import OSAKA, SITES, TOKYO, ZONE, Node, eventually

pytestmark = pytest.mark.e2e

MONITOR = """\
monitors:
  agent: {type: push, interval: 200ms, expiry: 600ms, fall: 1, rise: 1, max_load: 0.9}
"""
POOL = f"""\
pools:
  web:
    monitors: [agent]
    members:
      tokyo: {{site: tokyo, addresses: [{TOKYO}]}}
      osaka: {{site: osaka, addresses: [{OSAKA}]}}
"""
BOUND = 0.6 + 0.2 + 0.02 + 0.5  # expiry, fall x interval, jitter, publishing
PATH = "/api/v1/push/agent/"


@pytest.fixture
def node(make_node: Callable[[], Node]) -> Node:
    return make_node().write(SITES + MONITOR + POOL + ZONE + "      www: {pool: web, ttl: 5}\n").start()


def push(node: Node, address: str, **said: object) -> int:
    return node.call("POST", f"{PATH}{address}", {"up": True, **said}).status


def until_seen(node: Node, wanted: set[str], **tokyo: object) -> float:
    """Osaka's agent goes on, and so does that of Tokyo where it has something to say."""

    def so() -> bool:
        assert push(node, OSAKA) == 200
        assert not tokyo or push(node, TOKYO, **tokyo) == 200
        return node.seen(20) == wanted

    return eventually(so, 5)


@pytest.fixture
def both(node: Node) -> Node:
    """The node, with the agents of both sites saying that all is well."""
    eventually(lambda: _answers(node))
    until_seen(node, {TOKYO, OSAKA}, up=True, load=0.9)
    return node


def test_a_site_that_says_it_is_down_leaves_and_returns(both: Node) -> None:
    assert until_seen(both, {OSAKA}, up=False, detail="nginx is gone") < 1.5
    assert "status: nginx is gone" in str(both.status())
    until_seen(both, {TOKYO, OSAKA}, up=True)


def test_too_much_load_is_down(both: Node) -> None:
    assert until_seen(both, {OSAKA}, up=True, load=0.91) < 1.5
    assert "status: load 0.91 is above 0.9" in str(both.status())


def test_silence_is_down(both: Node) -> None:
    begun = time.monotonic()
    until_seen(both, {OSAKA})
    assert time.monotonic() - begun < BOUND + 0.5, "silence, and half a second to look"
    assert "timeout: nothing heard for" in str(both.status())


BAD = [
    ("wrong/192.0.2.10", {"up": True}, 404, "no monitor 'wrong' of type push"),
    ("agent/192.0.2.99", {"up": True}, 404, "has the address 192.0.2.99"),
    ("agent/localhost", {"up": True}, 404, "must be an IPv4 or IPv6 address"),
    ("agent/192.0.2.10", {}, 422, "1 problem"),
    ("agent/192.0.2.10", {"up": "yes"}, 422, "1 problem"),
    ("agent/192.0.2.10", {"up": True, "load": -1}, 422, "1 problem"),
    ("agent/192.0.2.10", {"up": True, "detail": "a\nb"}, 422, "1 problem"),
    ("agent/192.0.2.10", {"up": True, "for": "1h"}, 400, "at most the monitor's expiry, 0.6 s"),
    ("agent/192.0.2.10", {"up": True, "more": 1}, 422, "1 problem"),
]


def test_what_is_no_push(node: Node) -> None:
    eventually(lambda: _answers(node))
    for path, body, status, detail in BAD:
        answer = node.call("POST", f"/api/v1/push/{path}", body)
        assert (path, body, answer.status, answer.kind) == (path, body, status, "application/problem+json")
        assert detail in answer.body["detail"]
    assert node.call("POST", f"{PATH}{TOKYO}", {"up": True}, token="wrong").status == 401
    answer = node.call("POST", f"{PATH}{TOKYO}", {"up": True, "for": "300ms"})
    assert (answer.status, answer.body["monitor"], answer.body["address"]) == (200, "agent", TOKYO)
    assert answer.body["expires"] == pytest.approx(time.time() + 0.3, abs=0.3)


def _answers(node: Node) -> bool:
    try:
        return node.call("GET", "/livez").status == 200
    except OSError:
        return False
