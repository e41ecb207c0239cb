"""Processes die, stop and come twice, while clients go on asking."""

import signal
import time
from collections.abc import Callable

import pytest

from tests.e2e.kit import OSAKA, STEADY, TOKYO, Node, eventually
from tests.e2e.load import Load, counted

pytestmark = pytest.mark.e2e


@pytest.fixture
def node(make_node: Callable[[], Node]) -> Node:
    """Two workers that answer from both sites."""
    return make_node().write().start().ready()


def test_deaths_in_turn_lose_no_query(node: Node) -> None:
    took = {}
    with Load(node.dns) as load:
        time.sleep(0.3)
        first = node.everyone()
        worker = node.kill("workers")
        took["worker"] = eventually(lambda: worker.pid not in node.serving() and node.fresh())
        control = node.kill("control")
        took["control"] = eventually(lambda: control not in node.run()["control"] and node.fresh())
        old = node.everyone()
        node.kill("supervisor")
        node.start()
        took["supervisor"] = eventually(lambda: not any(p.alive() for p in old) and node.fresh(), 20)
        time.sleep(0.3)
    run = node.run()
    print(f"\nback after { ({kind: round(seconds, 2) for kind, seconds in took.items()}) } s; {load.figures()}")
    assert not load.lost
    assert set(counted(load.asks)) == {(TOKYO,), (OSAKA,)}
    assert not any(process.alive() for process in (*first, *old))
    assert [len(run[kind]) for kind in ("supervisor", "control", "workers")] == [1, 1, 2]
    assert {process.pid for process in run["workers"]} == set(node.serving())


def test_workers_need_nobody(node: Node) -> None:
    """With supervisor and control dead nothing is even asked twice; then a new node takes over."""
    workers = node.run()["workers"]
    with Load(node.dns) as load:
        time.sleep(0.2)
        node.kill("supervisor")
        node.kill("control")
        alone = time.monotonic()
        time.sleep(1.5)
        until = time.monotonic()
        assert all(worker.alive() for worker in workers)
        node.start()
        eventually(lambda: not any(worker.alive() for worker in workers) and node.fresh(), 20)
        time.sleep(0.2)
    orphaned = load.sent_between(alone, until)
    again = sum(ask.retried for ask in orphaned)
    print(f"\norphans alone: {len(orphaned)} queries, {again} asked again; with the takeover: {load.figures()}")
    assert set(counted(orphaned)) == {(TOKYO,), (OSAKA,)}
    assert again == 0
    assert not load.lost
    assert len(node.run()["workers"]) == 2


def test_a_stopped_worker_costs_at_most_three_seconds(node: Node) -> None:
    with Load(node.dns) as load:
        time.sleep(0.2)
        victim = node.run()["workers"][0]
        victim.send(signal.SIGSTOP)
        stopped = time.monotonic()
        time.sleep(4)
    slow = [ask.sent - stopped for ask in load.asks if ask.retried]
    print(f"\nSIGSTOP: the last query that needed a retry was sent {max(slow):.2f} s after it; {load.figures()}")
    assert slow
    assert max(slow) < 3.0
    assert all(ask.answered and ask.addresses for ask in load.sent_between(stopped + 3))
    assert not victim.alive()
    assert len(node.serving()) == 2


def test_a_stopped_control_or_supervisor_costs_nothing(node: Node) -> None:
    run = node.run()
    stopped = [run["control"][0], run["supervisor"][0]]
    with Load(node.dns) as load:
        time.sleep(0.2)
        for process in stopped:
            process.send(signal.SIGSTOP)
        time.sleep(2)
        for process in stopped:
            process.send(signal.SIGCONT)
        time.sleep(1)
    print(f"\ncontrol and supervisor stopped for 2 s: {load.figures()}")
    assert not load.retried
    assert node.run() == run


@pytest.mark.parametrize("workers", [0, 2])
def test_a_second_serve_is_refused(make_node: Callable[[], Node], workers: int) -> None:
    node = make_node().write(workers=workers).start().ready()
    run = node.run()
    again = node.verb("serve")
    assert again.returncode == 1
    assert node.process
    assert f"state folder {node.state} is in use by process {node.process.pid}" in again.stderr
    other = make_node()
    other.dns = node.dns
    other.write(STEADY, workers=workers)
    stranger = other.verb("serve")
    assert stranger.returncode == 1
    assert f"127.0.0.1:{node.dns} (UDP) is in use by process" in stranger.stderr
    for refused in (again, stranger):
        print(f"\n{refused.stderr.strip()}")
        assert "Traceback" not in refused.stderr
    assert other.everyone() == []
    assert node.run() == run
    assert node.seen() == {TOKYO, OSAKA}
