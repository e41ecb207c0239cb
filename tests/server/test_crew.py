"""Worker processes under a crew, driven by hand: deaths, stops, replacements."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.message
import pytest

from gslb.server import channel, crew
from gslb.server.channel import Message
from gslb.server.crew import Crew
from gslb.server.pages import Pages
from gslb.server.publish import SharedPublisher
from gslb.server.state import StateFolder
from gslb.server.upgrade import Worker as Left
from tests.conftest import ENVIRONMENT
from tests.server.stand_in import numbered
from tests.support import query


class Bench:
    """A crew on a loopback port, and a publisher."""

    def __init__(self, folder: Path, port: int, count: int) -> None:
        self.state = StateFolder(folder)
        self.publisher = SharedPublisher(self.state)
        self.pages = Pages(self.state.pages_path)
        self.port = port
        self.changes = 0
        self.crew = Crew(self.state.path, self.pages, [("127.0.0.1", port)], count, changed=self.change)

    def change(self) -> None:
        self.changes += 1

    def publish(self, number: int) -> None:
        made = numbered(number)
        self.publisher.publish_base(made.base, made.leaves)

    def until(self, condition: Callable[[], object], seconds: float = 8.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            self.crew.step(0.02)

    def settled(self) -> bool:
        """Complete, with nobody coming or going."""
        return self.crew.complete and all(child.phase == crew.SERVING for child in self.crew.children)

    def pids(self) -> set[int]:
        return {process.pid for process in self.crew.processes()}

    def which(self) -> str:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            sock.connect(("127.0.0.1", self.port))
            sock.send(query("which", "TXT"))
            return dns.message.from_wire(sock.recv(999)).answer[0][0].to_text().strip('"')

    def close(self) -> None:
        self.crew.stop()
        self.pages.close()
        self.publisher.close()


@pytest.fixture
def make(tmp_path: Path, free_port, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bench]]:
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    made: list[Bench] = []

    def bench(count: int = 2) -> Bench:
        made.append(Bench(tmp_path / "state", free_port(), count))
        return made[-1]

    yield bench
    for one in made:
        one.close()


def test_nobody_starts_without_a_table(make) -> None:
    bench = make()
    bench.crew.step(0.0)
    assert bench.crew.children == []
    assert not bench.crew.complete


def test_the_dead_are_replaced_and_their_counters_kept(make) -> None:
    bench = make()
    bench.publish(1)
    bench.until(bench.settled)
    assert bench.which() == "1"
    bench.until(lambda: bench.pages.totals()["udp_sent"] == 1)
    first, second = bench.crew.children
    first.process.kill()
    bench.until(lambda: bench.settled() and first not in bench.crew.children)
    assert second in bench.crew.children
    assert bench.which() == "1"
    bench.until(lambda: bench.pages.totals()["udp_sent"] == 2)
    assert bench.changes == 4  # two starts, an end, a start


def test_the_stopped_are_killed_within_the_bound(make) -> None:
    bench = make()
    bench.publish(1)
    bench.until(bench.settled)
    victim = bench.crew.children[0]
    victim.process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    bench.until(lambda: bench.settled() and victim not in bench.crew.children)
    assert time.monotonic() - begun < 3.0
    assert victim.process.returncode == -signal.SIGKILL


def test_who_beats_but_does_not_answer_is_killed(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_ASK_EVERY", 0.0)
    monkeypatch.setattr(crew, "_ANSWER_WITHIN", 0.1)
    bench = make(1)
    bench.publish(1)
    bench.until(bench.settled)
    (victim,) = bench.crew.children
    bench.until(lambda: victim.answered > victim.started)
    real = crew._PROOF
    monkeypatch.setattr(crew, "_PROOF", b"xx" + b"junk")  # respond gives no reply to this
    victim.link.send(Message(channel.QUERY, b"junk"))
    bench.until(lambda: victim not in bench.crew.children)
    monkeypatch.setattr(crew, "_PROOF", real)
    bench.until(bench.settled)


def test_busy_workers_are_given_time(make) -> None:
    bench = make(1)
    bench.publish(1)
    bench.until(bench.settled)
    (child,) = bench.crew.children
    child.page.busy = 1
    child.process.send_signal(signal.SIGSTOP)
    until = time.monotonic() + 1.5
    bench.until(lambda: time.monotonic() > until)
    assert child.process.poll() is None
    child.process.send_signal(signal.SIGCONT)
    child.page.busy = 0


def test_a_supervisor_that_was_stopped_itself_is_patient(make) -> None:
    bench = make(1)
    bench.publish(1)
    bench.until(bench.settled)
    (child,) = bench.crew.children
    child.process.send_signal(signal.SIGSTOP)
    time.sleep(1.4)  # the whole process group was stopped, say
    bench.crew.step(0.0)
    child.process.send_signal(signal.SIGCONT)
    until = time.monotonic() + 0.3
    bench.until(lambda: time.monotonic() > until)
    assert bench.crew.children == [child]
    assert child.process.poll() is None


def test_loading_has_a_limit_too(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(crew._LIMITS, crew.LOADING, 0.0)
    bench = make(1)
    bench.publish(1)
    bench.crew.step(0.0)
    (child,) = bench.crew.children
    bench.until(lambda: child not in bench.crew.children)
    assert child.process.returncode == -signal.SIGKILL


def test_a_new_base_comes_with_new_workers_on_the_same_sockets(make) -> None:
    bench = make()
    bench.publish(1)
    bench.until(bench.settled)
    before = bench.pids()
    sockets = listening(bench.port)
    bench.publish(2)
    bench.until(lambda: bench.settled() and not before & bench.pids())
    assert bench.which() == "2"
    assert listening(bench.port) == sockets
    assert len(bench.crew.children) == 2
    bench.until(lambda: not bench.crew.children[0].outdated(2))


def listening(port: int) -> set[str]:
    """The inodes of the TCP sockets that listen on a port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return {line.split()[9] for line in lines if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"}


def test_a_predecessor_that_hangs_is_not_waited_for(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(crew._LIMITS, crew.TAKING, 0.2)
    monkeypatch.setattr(crew, "_HEARTBEAT", 30.0)
    bench = make(1)
    bench.publish(1)
    bench.until(bench.settled)
    (old,) = bench.crew.children
    old.process.send_signal(signal.SIGSTOP)
    bench.publish(2)
    bench.until(lambda: bench.settled() and old not in bench.crew.children)
    assert bench.which() == "2"


def test_a_predecessor_that_dies_is_done_without(make) -> None:
    bench = make(1)
    bench.publish(1)
    bench.until(bench.settled)
    (old,) = bench.crew.children
    bench.publish(2)
    bench.until(lambda: len(bench.crew.children) == 2)
    old.process.kill()
    bench.until(lambda: bench.settled() and old not in bench.crew.children)
    assert bench.which() == "2"
    assert len(bench.crew.children) == 1


def test_a_successor_that_dies_leaves_the_old_serving_and_is_tried_again(make) -> None:
    bench = make(1)
    bench.publish(1)
    bench.until(bench.settled)
    (old,) = bench.crew.children
    bench.publish(2)
    bench.until(lambda: len(bench.crew.children) == 2)
    new = bench.crew.children[1]
    new.process.kill()
    bench.until(lambda: new not in bench.crew.children)
    assert bench.which() == "1"
    bench.until(lambda: bench.settled() and old not in bench.crew.children)
    assert bench.which() == "2"


def test_sockets_for_nobody_are_closed(make) -> None:
    bench = make(1)
    bench.publish(1)
    bench.until(bench.settled)
    (child,) = bench.crew.children
    child.link.send(Message(channel.HAND_OVER))  # nobody is to take over
    until = time.monotonic() + 0.2
    bench.until(lambda: time.monotonic() > until)
    assert bench.settled()
    assert len(listening_here(bench.port)) == 0


def listening_here(port: int) -> set[str]:
    """The listening sockets of a port that this very process holds open."""
    links = {link.readlink().name for link in Path("/proc/self/fd").iterdir() if link.exists() or link.is_symlink()}
    return {inode for inode in listening(port) if f"socket:[{inode}]" in links}


def test_who_keeps_dying_is_started_ever_more_rarely(make) -> None:
    bench = make(1)
    bench.publish(1)
    for path in bench.state.path.glob("base-*"):
        path.write_bytes(b"rubbish")
    began = time.monotonic()
    bench.until(lambda: bench.changes >= 8)  # a start and an end each
    assert time.monotonic() - began >= 0.1 + 0.2 + 0.4  # the wait doubles
    assert not bench.crew.complete


def test_an_incomplete_hand_over_gives_up_the_successor(make) -> None:
    bench = make(1)
    bench.publish(1)
    bench.until(bench.settled)
    (old,) = bench.crew.children
    bench.publish(2)
    bench.until(lambda: len(bench.crew.children) == 2)
    new = bench.crew.children[1]
    bench.until(lambda: new.phase in (crew.TAKING, crew.OPENING, crew.SERVING))
    new.enter(crew.TAKING)
    new.predecessor = old
    new.process.kill()
    new.process.wait()
    places = json.dumps([["udp", "127.0.0.1", 1]]).encode()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        bench.crew._pass_on(old, Message(channel.SOCKETS, places, (sock.dup().detach(),)))
    bench.until(bench.settled)
    assert bench.which() == "2"


def test_stopping_ends_everybody_quickly(make) -> None:
    bench = make()
    bench.publish(1)
    bench.until(bench.settled)
    children = list(bench.crew.children)
    begun = time.monotonic()
    bench.crew.stop()
    assert time.monotonic() - begun < 1.0
    assert [child.process.returncode for child in children] == [0, 0]
    assert list(bench.pages.used()) == []


def test_workers_of_the_program_before_are_replaced_on_their_sockets(make) -> None:
    """Another crew adopts them, as after exec; their channels are the same sockets under other numbers."""
    bench = make()
    bench.publish(1)
    bench.until(lambda: bench.settled() and bench.crew.quiet)
    before, old = bench.pids(), bench.crew
    left = [Left(pid, slot, os.dup(fd)) for pid, slot, fd in old.hand_on()]
    assert len(left) == 2
    bench.crew = Crew(bench.state.path, bench.pages, [("127.0.0.1", bench.port)], 2, changed=bench.change)
    bench.crew.adopt(left)
    assert bench.crew.complete
    assert bench.crew.serving == 2
    assert not bench.crew.quiet
    bench.until(lambda: bench.settled() and bench.crew.quiet)
    assert not bench.pids() & before
    assert bench.which() == "1"
    for child in old.children:
        child.link.close()
        child.process.wait(5)
    old.children.clear()
    old.stop()
