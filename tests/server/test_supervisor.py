"""Whole nodes of real processes: what dies, who takes over, and what clients see meanwhile."""

import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable

import dns.message
import pytest

from gslb.errors import StateError
from gslb.server.supervisor import Supervisor
from tests.conftest import ENVIRONMENT
from tests.server.conftest import Node
from tests.server.stand_in import OSAKA, TOKYO
from tests.support import query

Eventually = Callable[..., None]


class Load:
    """Queries at a steady rate, each from a port of its own, with one retry after a second."""

    def __init__(self, node: Node, rate: float = 500.0) -> None:
        self.port = node.port
        self.rate = rate
        self.sent = 0
        self.late: list[float] = []  # queries that needed the retry
        self.lost = 0
        self.answers: Counter[str] = Counter()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        """Send in step, collect as replies come; whoever has not answered after a second is asked again."""
        wire = query("which", "TXT")
        waiting: dict[socket.socket, float] = {}
        due = time.monotonic()
        while not self._stop.is_set():
            due += len(self._threads) / self.rate
            time.sleep(max(0.0, due - time.monotonic()))
            sock = socket.socket(type=socket.SOCK_DGRAM)
            sock.connect(("127.0.0.1", self.port))
            sock.setblocking(False)
            self._send(sock, wire)
            waiting[sock] = time.monotonic()
            self.sent += 1
            self._collect(waiting)
        time.sleep(0.3)
        self._collect(waiting)
        for sock in waiting:
            self._retry(sock, wire)

    def _collect(self, waiting: dict[socket.socket, float]) -> None:
        now = time.monotonic()
        for sock, since in list(waiting.items()):
            try:
                self._note(sock.recv(999))
            except OSError:
                if now - since < 1.0:
                    continue
                self._retry(sock, query("which", "TXT"))
            else:
                sock.close()
            del waiting[sock]

    def _retry(self, sock: socket.socket, wire: bytes) -> None:
        self.late.append(time.monotonic())
        sock.settimeout(1.0)
        try:
            sock.send(wire)
            self._note(sock.recv(999))
        except OSError:
            self.lost += 1
        sock.close()

    def _send(self, sock: socket.socket, wire: bytes) -> None:
        try:
            sock.send(wire)
        except ConnectionRefusedError:
            pass

    def _note(self, reply: bytes) -> None:
        self.answers[dns.message.from_wire(reply).answer[0][0].to_text().strip('"')] += 1


def test_it_serves_and_follows_control(node: Node, eventually: Eventually) -> None:
    assert node.seen() == {TOKYO, OSAKA}
    eventually(lambda: len(node.said()) == 1)
    node.signal_control(signal.SIGUSR1)
    eventually(lambda: node.said()[-1] == "down 0 2 True")
    assert node.seen() == {OSAKA}  # on every worker: each query comes from another port
    node.signal_control(signal.SIGUSR2)
    eventually(lambda: node.said()[-1] == "up 0 3 True")
    assert node.seen() == {TOKYO, OSAKA}


def test_a_clean_end_leaves_nothing(node: Node) -> None:
    processes = [process for group in node.run().values() for process in group]
    assert len(processes) == 4
    assert node.process is not None
    node.process.terminate()
    assert node.process.wait(10) == 0
    assert not any(process.alive() for process in processes)
    assert not (node.state / "run.json").exists()


def test_reload_under_load_loses_no_query(node: Node, eventually: Eventually) -> None:
    eventually(lambda: len(node.said()) == 1)
    assert node.process is not None
    with Load(node) as load:
        for number in range(1, 5):
            node.process.send_signal(signal.SIGHUP)  # passed on to control
            eventually(lambda number=number: node.said()[-1].split()[:2] == ["base", str(number)])
            assert node.said()[-1].endswith("True")
        time.sleep(0.2)
    assert (load.lost, load.late) == (0, [])
    assert set(load.answers) == set("01234")
    assert sum(load.answers.values()) == load.sent


def test_deaths_under_load_cost_at_most_a_retry(node: Node, eventually: Eventually) -> None:
    with Load(node) as load:
        eventually(lambda: load.sent > 100)
        victim = node.workers()[0]
        victim.send(signal.SIGKILL)
        eventually(lambda: len(node.workers()) == 2 and victim not in node.workers())
        (control,) = node.run()["control"]
        control.send(signal.SIGKILL)
        eventually(lambda: node.run()["control"] not in ([], [control]))
        workers = node.workers()
        assert node.process is not None
        node.process.kill()
        node.process.wait()
        time.sleep(0.2)
        node.start()
        eventually(node.serving)
        eventually(lambda: not any(worker.alive() for worker in workers))
        assert len(node.workers()) == 2
        time.sleep(0.2)
    assert load.lost == 0
    assert sum(load.answers.values()) == load.sent


def test_a_control_that_returns_replaces_no_worker(node: Node, eventually: Eventually) -> None:
    eventually(lambda: len(node.said()) == 1)
    workers = set(node.workers())
    node.signal_control(signal.SIGKILL)
    eventually(lambda: len(node.said()) == 2)
    assert node.said()[1] == "base 0 2 True"
    time.sleep(0.3)
    assert set(node.workers()) == workers


def test_a_stopped_worker_costs_less_than_three_seconds(node: Node, eventually: Eventually) -> None:
    victim = node.workers()[0]
    victim.send(signal.SIGSTOP)
    begun = time.monotonic()
    eventually(lambda: not victim.alive() and len(node.workers()) == 2)
    eventually(lambda: all(node.ask(timeout=0.3) for _ in range(20)))
    assert time.monotonic() - begun < 3.0


def test_a_new_supervisor_takes_over_and_ends_what_the_old_left(node: Node, eventually: Eventually) -> None:
    eventually(lambda: len(node.said()) == 1)
    old = node.run()
    assert node.process is not None
    node.process.kill()
    node.process.wait()
    node.signal_control(signal.SIGUSR1)  # control serves on, and so do the workers
    eventually(lambda: node.said()[-1] == "down 0 2 True")
    assert node.seen() == {OSAKA}
    node.start()
    eventually(node.serving)
    eventually(lambda: not any(process.alive() for process in (*old["workers"], *old["control"])))
    run = node.run()
    assert [len(run[key]) for key in ("supervisor", "control", "workers")] == [1, 1, 2]
    eventually(lambda: len(node.said()) == 3)
    assert int(node.said()[-1].split()[2]) > 2  # generations rise
    assert node.seen() == {TOKYO, OSAKA}


def test_a_second_serve_on_the_folder_or_the_address_is_refused(node: Node, make_node) -> None:
    workers = node.workers()
    assert node.process is not None
    same_folder = make_node()
    same_folder.state = node.state
    same_folder.start()
    assert same_folder.process.wait(10) == 1
    assert f"state folder {node.state} is in use by process {node.process.pid}" in same_folder.log().read_text()
    same_address = make_node()
    same_address.port = node.port
    same_address.start()
    assert same_address.process.wait(10) == 1
    message = same_address.log().read_text()
    assert f"127.0.0.1:{node.port} (UDP) is in use by process" in message
    assert any(f"process {worker.pid}" in message for worker in workers)
    assert node.workers() == workers
    assert node.seen() == {TOKYO, OSAKA}
    same_folder.state = same_folder.folder  # so that its clean-up does not look into the node's run file


def test_a_damaged_snapshot_is_ignored(make_node, eventually: Eventually) -> None:
    node = make_node().start()
    eventually(node.serving)
    eventually(lambda: len(node.said()) == 1)
    node.signal_control(signal.SIGHUP)
    eventually(lambda: node.said()[-1] == "base 1 2 True")
    node.process.terminate()
    node.process.wait(10)
    newest = node.state / "base-2.snap"
    newest.write_bytes(newest.read_bytes()[:-1] + b"X")
    node.start("sleep", "60")  # a control process that publishes nothing
    eventually(node.serving)
    reply = node.ask("which", "TXT")
    assert reply is not None
    assert reply.answer[0][0].to_text() == '"0"'
    assert "base-2.snap: damaged" in node.log().read_text()


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_bad_first_configuration_ends_it_unless_something_can_be_served(
    make_node, eventually: Eventually, snapshot: bool
) -> None:
    node = make_node()
    if snapshot:
        node.start()
        eventually(node.serving)
        node.process.terminate()
        node.process.wait(10)
    node.start(sys.executable, "-c", "raise SystemExit(78)")
    if snapshot:
        eventually(lambda: node.log().read_text().count("exit code 78") >= 3)
        assert node.seen() == {TOKYO, OSAKA}
    else:
        assert node.process.wait(10) == 1
        assert not (node.state / "run.json").exists()


def test_leftovers_are_kept_where_their_place_cannot_be_taken(node: Node, eventually: Eventually) -> None:
    assert node.process is not None
    workers = node.workers()
    node.process.kill()
    node.process.wait()
    node.run()["control"][0].send(signal.SIGKILL)
    for path in node.state.glob("*.snap"):
        path.write_bytes(b"rubbish")
    node.start(sys.executable, "-c", "raise SystemExit(78)")
    assert node.process.wait(10) == 1
    assert node.seen() == {TOKYO, OSAKA}
    assert node.workers() == workers  # still in the run file, for whoever starts next
    for worker in workers:
        worker.send(signal.SIGTERM)


def test_the_number_of_workers_has_bounds(tmp_path) -> None:
    for workers in (0, 10_000):
        with pytest.raises(StateError, match=f"{workers} workers asked for"):
            Supervisor(str(tmp_path / "state"), [], workers, ["true"])


@pytest.fixture
def here(tmp_path, free_port, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    state = str(tmp_path / "state")
    argv = [sys.executable, "-m", "tests.server.stand_in", "control", state]
    return Supervisor(state, [("127.0.0.1", free_port())], 1, argv)


def test_in_this_process(here: Supervisor, caplog: pytest.LogCaptureFixture) -> None:
    """The loop itself, where a debugger and a coverage tool can see it."""
    caplog.set_level("INFO")

    def end_when_serving() -> None:
        while "serving 127.0.0.1" not in caplog.text:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    helper = threading.Thread(target=end_when_serving)
    helper.start()
    assert here.run() == 0
    helper.join()
    assert signal.getsignal(signal.SIGTERM) is before
