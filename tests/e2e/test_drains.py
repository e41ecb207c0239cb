"""What `gslb drain` promises when it returns."""

import json
import signal
import time
from collections.abc import Callable

import pytest

from tests.e2e.kit import OSAKA, STEADY, TOKYO, Node, eventually
from tests.e2e.load import Load, TcpLoad, counted

pytestmark = pytest.mark.e2e


@pytest.fixture
def node(make_node: Callable[[], Node]) -> Node:
    """Four workers, so that one that lags is seen."""
    return make_node().write(workers=4).start().ready()


def drains(node: Node) -> list[dict[str, object]]:
    body = node.call("GET", "/api/v1/drains?all=true").body
    found = body["drains"]
    assert isinstance(found, list)
    return found


def test_a_drain_holds_on_every_worker_as_soon_as_the_command_returns(node: Node) -> None:
    before = node.serving()
    with Load(node.dns) as load, TcpLoad(node.dns, 100) as tcp:
        time.sleep(0.3)
        begun = time.monotonic()
        done = node.verb("drain", "site/osaka", "--for", "10m", "--reason", "test")
        returned = time.monotonic()
        time.sleep(1)
        after = node.serving()
        ended = time.monotonic()
        assert node.verb("undrain", "site/osaka").returncode == 0
        undrained = time.monotonic()
        time.sleep(0.5)
    held = counted([*load.sent_between(returned, ended), *tcp.sent_between(returned, ended)])
    answered = {pid: after[pid]["udp_queries"] - before[pid]["udp_queries"] for pid in before}
    late = load.last_with(OSAKA, ended) - returned
    print(
        f"\ndrain: {returned - begun:.2f} s; last answer with Osaka {-late:.2f} s before it returned; then"
        f" {dict(held)}; queries of each worker: {sorted(answered.values())}; {load.figures()}"
    )
    assert done.returncode == 0, done.stderr
    assert set(held) == {(TOKYO,)}
    assert len(answered) == 4
    assert min(answered.values()) > 0
    assert set(counted(load.sent_between(undrained))) == {(TOKYO,), (OSAKA,)}
    assert not load.lost
    assert not tcp.lost


def test_a_drain_outlives_every_process(node: Node) -> None:
    assert node.verb("drain", "site/osaka", "--for", "10m", "--reason", "test").returncode == 0
    with Load(node.dns, rate=1000) as load:
        begun = time.monotonic()
        everyone = node.everyone()
        for worker in node.run()["workers"]:
            worker.send(signal.SIGKILL)
        eventually(lambda: len(node.serving()) == 4 and not set(everyone).intersection(node.run()["workers"]))
        node.kill("control")
        eventually(node.fresh)
        alone = node.everyone()
        for process in alone:
            process.send(signal.SIGKILL)
        assert node.process
        node.process.wait()
        node.start().ready()
        assert not any(process.alive() for process in (*everyone, *alone))
        time.sleep(0.3)
    got = counted(load.sent_between(begun))
    print(f"\nevery process killed and started again: {dict(got)}; {load.figures()}")
    assert set(got) == {(TOKYO,)}
    assert [(d["target"], d["state"]) for d in drains(node)] == [("site/osaka", "active")]


@pytest.mark.parametrize("rounds", [8, pytest.param(50, marks=pytest.mark.soak)])
def test_a_confirmed_drain_holds_while_workers_die_and_are_replaced(node: Node, rounds: int) -> None:
    """Workers that start at that moment must not serve what they read before the drain."""
    held = []
    with Load(node.dns) as load:
        for turn in range(rounds):
            node.zone.write_text(STEADY.replace("ttl: 30", f"ttl: {31 + turn % 2}"))
            node.hup()
            time.sleep(0.07 * (turn % 5))
            for worker in node.run()["workers"][: turn % 3]:
                worker.send(signal.SIGKILL)
            made = node.call("POST", "/api/v1/drains", {"target": "site/osaka", "reason": "test"}).body
            begun = time.monotonic()
            time.sleep(0.3)
            if made["acknowledged"]:
                held.append((begun, time.monotonic()))
            node.call("DELETE", f"/api/v1/drains/{made['id']}")
            eventually(lambda: len(node.serving()) >= 4, 20)
    print(f"\n{len(held)} of {rounds} drains confirmed while workers came and went; {load.figures()}")
    assert held
    for begun, ended in held:
        # What waited at a worker that still starts, or is asked again, may rightly be answered after the end.
        during = [ask for ask in load.sent_between(begun, ended) if ask.answered < ended]
        assert set(counted(during)) == {(TOKYO,)}
    assert OSAKA in {address for ask in load.asks if ask.reply for address in ask.addresses}


def test_expiry_ends_a_drain(node: Node) -> None:
    with Load(node.dns, rate=500) as load:
        done = node.verb("drain", "member/web/osaka", "--for", "2s", "--reason", "test", "--json")
        returned = time.monotonic()
        ends = returned + json.loads(done.stdout)["expires"] - time.time()
        time.sleep(ends - returned + 0.7)
    back = load.first_with(OSAKA, returned) - ends
    print(f"\nexpiry: Osaka is back {back:.3f} s after the end; {load.figures()}")
    assert set(counted(load.sent_between(returned, ends))) == {(TOKYO,)}
    assert 0 <= back <= 0.5
    assert [d["state"] for d in drains(node)] == ["expired"]


def test_what_is_refused_changes_nothing(node: Node) -> None:
    good = {"target": "site/osaka", "reason": "test"}
    generation = node.status()["generation"]
    refused = [
        (node.call("POST", "/api/v1/drains", {"target": "site/osaka"}), 422, "/reason"),
        (node.call("POST", "/api/v1/drains", {**good, "reason": " "}), 422, "/reason"),
        (node.call("POST", "/api/v1/drains", {**good, "for": "73h"}), 422, "/for"),
        (node.call("POST", "/api/v1/drains", {**good, "target": "site/osaca"}), 404, "site/osaka"),
        (node.call("POST", "/api/v1/drains", {**good, "target": "osaka"}), 422, "/target"),
        (node.call("POST", "/api/v1/drains", good, token="wrong"), 401, "token"),
        (node.call("POST", "/api/v1/drains", good, token=""), 401, "token"),
        (node.call("DELETE", "/api/v1/drains/d-nothing"), 404, "d-nothing"),
    ]
    for answer, status, word in refused:
        print(f"\n{answer.status} {answer.body['detail']} {answer.body['errors']}", end="")
        assert (answer.status, answer.kind) == (status, "application/problem+json")
        assert word in json.dumps(answer.body)
    unreasoned = node.verb("drain", "site/osaka", "--for", "10m")
    unknown = node.verb("drain", "site/osaca", "--reason", "test")
    (node.folder / "wrong").write_text("wrong")
    stranger = node.verb("drain", "site/osaka", "--reason", "test", "--token-file", str(node.folder / "wrong"))
    assert "--reason" in unreasoned.stderr
    assert "did you mean site/osaka" in unknown.stderr
    assert "the token came from" in stranger.stderr
    assert 0 not in (unreasoned.returncode, unknown.returncode, stranger.returncode)
    assert drains(node) == []
    assert node.status()["generation"] == generation
    assert node.seen() == {TOKYO, OSAKA}
