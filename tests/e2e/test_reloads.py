"""Reloads under load: each answer is wholly from one configuration, and none is lost."""

import time
from collections.abc import Callable

import dns.message
import pytest

from tests.e2e.kit import SITES, ZONE, Node, eventually
from tests.e2e.load import Ask, Load
from tests.support import query

pytestmark = pytest.mark.e2e

Answers = dict[int, tuple[object, ...]]
QUESTIONS = (query("www"), query("which", "TXT"), query("only-b"), query("which", "MX"))


def zone(which: str) -> str:
    """Two configurations that differ in everything: pool, TTL, static data, which names there are, SOA."""
    number = "ab".index(which) + 1
    pool = (
        "pools:\n  web:\n    policy: all\n    members:\n"
        f"      tokyo: {{site: tokyo, addresses: [192.0.2.{number}]}}\n"
        f"      osaka: {{site: osaka, addresses: [198.51.100.{number}]}}\n"
    )
    static = f"      which: {{TXT: [{which}]}}\n" + ("      only-b: {A: [203.0.113.1]}\n" if which == "b" else "")
    top = ZONE.replace("serial: 1", f"serial: {number}").replace("    names:\n", f"{static}    names:\n")
    return f"{SITES}{pool}{top}      www: {{pool: web, ttl: {number * 10}}}\n"


def expected(which: str) -> Answers:
    """What each question brings, as `told` puts it."""
    number = "ab".index(which) + 1
    www = frozenset({f"192.0.2.{number}", f"198.51.100.{number}"})
    other = (0, frozenset({"203.0.113.1"}), 60, 0) if which == "b" else (3, frozenset(), 0, number)
    return {
        0: (0, www, number * 10, 0),
        1: (0, frozenset({f'"{which}"'}), 60, 0),
        2: other,
        3: (0, frozenset(), 0, number),
    }


def told(reply: bytes) -> tuple[object, ...]:
    """Response code, data, TTL, and the serial of the SOA where there is one."""
    message = dns.message.from_wire(b"\0\0" + reply)
    data = frozenset(item.to_text() for rrset in message.answer for item in rrset)
    ttl = message.answer[0].ttl if message.answer else 0
    serial = message.authority[0][0].serial if message.authority else 0
    return int(message.rcode()), data, ttl, serial


def sides(asks: list[Ask]) -> list[str]:
    """From which configuration each answer is; an answer that is from neither raises KeyError."""
    replies = {(ask.question, ask.reply) for ask in asks if ask.answered}
    by_answer = {(number, answer): which for which in "ab" for number, answer in expected(which).items()}
    known = {(number, reply): by_answer[number, told(reply)] for number, reply in replies}
    return [known[ask.question, ask.reply] for ask in asks if ask.answered]


@pytest.fixture
def node(make_node: Callable[[], Node]) -> Node:
    return make_node().write(zone("a")).start().ready()


def reload(node: Node, which: str) -> float:
    """SIGHUP with the other configuration; the seconds until every worker has confirmed it."""
    done = node.log().count("reloaded: ")
    node.zone.write_text(zone(which))
    node.hup()
    return eventually(lambda: node.log().count("reloaded: ") > done, 20, 0.01)


@pytest.mark.parametrize("times", [100, pytest.param(1000, marks=pytest.mark.soak)])
def test_reloads_between_two_configurations(node: Node, times: int) -> None:
    took = []
    settled = []  # between two reloads
    with Load(node.dns, questions=QUESTIONS) as load:
        time.sleep(0.2)
        for turn in range(times):
            which = "ba"[turn % 2]
            took.append(reload(node, which))
            begun = time.monotonic()
            time.sleep(0.01)
            settled.append((begun, time.monotonic(), which))
        time.sleep(0.2)
    print(f"\n{times} reloads, {sum(took) / times:.3f} s each, longest {max(took):.3f} s; {load.figures()}")
    assert set(sides(load.asks)) == {"a", "b"}
    for begin, end, which in settled:
        assert set(sides(load.sent_between(begin, end))) <= {which}
    assert not load.lost
    assert "not yet confirmed" not in node.log()


def test_a_configuration_with_an_error_changes_nothing_and_says_where(node: Node) -> None:
    before = node.status()
    with Load(node.dns, rate=500, questions=QUESTIONS) as load:
        node.zone.write_text(zone("b").replace("pool: web", "pool: wep"))
        node.hup()
        eventually(lambda: "reload refused" in node.log())
        (problem,) = node.status()["config"]["problems"]
        time.sleep(0.3)
        assert set(sides(load.sent_between(0.0, time.monotonic() - 0.1))) == {"a"}
        after = node.status()
        assert reload(node, "b") < 20
        mended = time.monotonic()
        time.sleep(0.2)
    line = next(n for n, text in enumerate(zone("b").splitlines(), 1) if "pool: web" in text)
    print(f"\n{problem}")
    assert f"{node.zone}:{line}:" in problem
    assert "there is no pool 'wep' (did you mean web?)" in problem
    assert problem in node.log()
    same = ("generation", "workers", "pools", "sites")
    assert [before[k] for k in same if k != "workers"] == [after[k] for k in same if k != "workers"]
    assert [w["pid"] for w in before["workers"]] == [w["pid"] for w in after["workers"]]
    assert before["config"]["digest"] == after["config"]["digest"]
    assert set(sides(load.sent_between(mended))) == {"b"}
    assert node.status()["config"]["problems"] == []
    assert not load.lost
