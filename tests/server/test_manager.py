"""What a service manager hears, on real sockets: with a file and abstract."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gslb.server.manager import Manager
from tests.conftest import ENVIRONMENT


@pytest.fixture(params=["file", "abstract"])
def heard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """The manager's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify") if request.param == "file" else f"\0gslb-test-{os.getpid()}")
        sock.setblocking(False)
        yield sock


def place(sock: socket.socket) -> str:
    """As systemd writes it into the environment."""
    name = sock.getsockname()
    return name if isinstance(name, str) else f"@{name[1:].decode()}"


def read(sock: socket.socket) -> list[str]:
    """All that has come."""
    found = []
    while True:
        try:
            found.append(sock.recv(4096).decode())
        except BlockingIOError:
            return found


def test_a_life(heard: socket.socket) -> None:
    manager = Manager(place(heard))
    manager.ready("serving with 2 workers")
    manager.status("serving with 2 workers")
    manager.status("serving with 1 of 2 workers")
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    manager.reloading()
    manager.stopping()
    ready, status, reloading, stopping = read(heard)
    assert ready == "READY=1\nSTATUS=serving with 2 workers"
    assert status == "STATUS=serving with 1 of 2 workers"
    assert stopping == "STOPPING=1\nSTATUS=stopping"
    word, _, moment = reloading.partition("\nMONOTONIC_USEC=")
    assert word == "RELOADING=1"
    assert before <= int(moment) <= before + 1_000_000


def test_signs_of_life_come_three_times_in_the_time_given(heard: socket.socket) -> None:
    manager = Manager(place(heard), 3.0)
    for tenth in range(50):
        manager.alive(100.0 + tenth / 10)
    assert read(heard) == ["WATCHDOG=1"] * 5
    Manager(place(heard)).alive(100.0)
    assert read(heard) == []


def test_what_is_inherited_is_not_handed_to_children(heard: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"NOTIFY_SOCKET": place(heard), "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    manager = Manager.inherited()
    assert not given.keys() & os.environ.keys()
    manager.alive(1.0)
    manager.alive(1.9)
    manager.alive(2.1)
    assert read(heard) == ["WATCHDOG=1"] * 2
    manager.give_back()
    assert {name: os.environ[name] for name in given} == given


def test_a_watchdog_for_another_process_is_not_fed(heard: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", place(heard))
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    Manager.inherited().alive(1.0)
    assert read(heard) == []


def test_nobody_and_a_dead_manager_do_no_harm(tmp_path: Path) -> None:
    for manager in (Manager(), Manager(str(tmp_path / "nobody"), 1.0)):
        manager.ready("serving")
        manager.alive(1.0)


def test_a_full_socket_holds_nobody_up(heard: socket.socket) -> None:
    manager = Manager(place(heard))
    begun = time.monotonic()
    for _ in range(10_000):
        manager.reloading()
    assert time.monotonic() - begun < 5
    assert len(read(heard)) < 10_000


@pytest.mark.e2e
def test_a_node_of_several_processes_tells(heard: socket.socket, make_node, eventually, monkeypatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "NOTIFY_SOCKET", place(heard))
    monkeypatch.setitem(ENVIRONMENT, "WATCHDOG_USEC", "600000")
    node = make_node().start()
    told: list[str] = []

    def hears(text: str, at_least: int = 1) -> None:
        def heard_it() -> bool:
            told.extend(read(heard))
            return sum(text in one for one in told) >= at_least

        eventually(heard_it)

    hears("READY=1\nSTATUS=2 of 2 workers serve")
    assert node.seen(5)
    hears("WATCHDOG=1", 3)
    node.process.send_signal(signal.SIGHUP)
    hears("RELOADING=1\nMONOTONIC_USEC=")
    hears("READY=1", 2)
    node.process.terminate()
    assert node.process.wait(10) == 0
    hears("STOPPING=1")
    words = [word for word in (one.partition("\n")[0] for one in told) if word.endswith("=1")]
    assert [word for word in words if word != "WATCHDOG=1"] == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


@pytest.mark.e2e
def test_signs_of_life_end_while_no_worker_answers(heard: socket.socket, make_node, eventually, monkeypatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "NOTIFY_SOCKET", place(heard))
    monkeypatch.setitem(ENVIRONMENT, "WATCHDOG_USEC", "300000")
    node = make_node().start(workers=1)
    eventually(node.serving)
    node.process.terminate()
    assert node.process.wait(10) == 0
    node.start("sleep", "60", workers=1)  # a control process that publishes nothing
    eventually(node.serving)
    for path in node.state.glob("*.snap"):
        path.unlink()  # so that no other worker can start
    (worker,) = node.workers()
    worker.send(signal.SIGKILL)
    eventually(lambda: "0 of 1 workers serve" in "".join(read(heard)))
    time.sleep(0.5)
    assert read(heard) == []


def test_no_child_speaks_for_the_node() -> None:
    """What the supervisor starts has none of the variables."""
    code = "import os; from gslb.server.manager import Manager; Manager.inherited(); print(*os.environ)"
    given = {**ENVIRONMENT, "NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True)
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(done.stdout.split())
