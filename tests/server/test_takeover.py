"""Claims on real folders and addresses; leftovers are real processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gslb.errors import StateError
from gslb.server import takeover
from gslb.server.pages import SERVING, Pages
from gslb.server.processes import ProcessId
from gslb.server.snapshots import SnapshotWriter
from gslb.server.state import StateFolder
from gslb.server.takeover import Claim
from gslb.server.upgrade import Handed, Worker
from tests.conftest import ENVIRONMENT
from tests.server.stand_in import numbered

HOLDER = (
    "import sys, signal\n"
    "from gslb.server.sockets import *\n"
    "held = open_addresses([('127.0.0.1', int(sys.argv[1]))], {}, share=True)\n"
    "if len(sys.argv) > 2: signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print(1, flush=True); signal.pause()"
)

Start = Callable[..., ProcessId]


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(port)` is a process that shares a port of 127.0.0.1; with a second argument it ignores SIGTERM."""
    started = []

    def run(*arguments: object) -> ProcessId:
        argv = [sys.executable, "-c", HOLDER, *map(str, arguments)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, env=ENVIRONMENT)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        found = ProcessId.of(process.pid)
        assert found is not None
        return found

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_a_fresh_folder(state: StateFolder, free_port) -> None:
    claim = Claim(state, [("127.0.0.1", free_port())])
    assert (claim.orphans, claim.slots(), claim.pages.control.base_generation) == ([], [], 0)
    with pytest.raises(StateError, match=f"in use by process {os.getpid()}"):
        Claim(state, [])
    claim.release()
    Claim(state, []).release()


def test_the_newest_snapshot_is_what_the_pages_say(state: StateFolder) -> None:
    writer = SnapshotWriter(state)
    made = numbered(1)
    writer.put_base(made.base, made.leaves)
    writer.put_leaves(made.leaves)
    pages = Pages(state.pages_path)
    pages.control.base_generation = pages.control.leaves_generation = 9  # published, but lost with the disk's cache
    claim = Claim(state, [])
    assert (pages.control.base_generation, pages.control.leaves_generation) == (1, 2)
    claim.release()
    pages.close()


def test_an_address_of_somebody_else(state: StateFolder, start: Start, free_port) -> None:
    port = free_port()
    stranger = start(port)
    with pytest.raises(StateError, match=f"127.0.0.1:{port} \\(UDP\\) is in use by process {stranger.pid}"):
        Claim(state, [("127.0.0.1", port)])
    state.lock().release()  # the claim left no lock behind
    assert stranger.alive()


def test_a_supervisor_that_lives_without_its_lock(state: StateFolder) -> None:
    state.write_run({"supervisor": [ProcessId.me()]})
    with pytest.raises(StateError, match=f"in use by process {os.getpid()}"):
        Claim(state, [])


def test_another_publisher(state: StateFolder) -> None:
    lock = state.lock_publisher()
    with pytest.raises(StateError, match="publishing in state folder"):
        Claim(state, [])
    lock.release()


def test_leftovers(state: StateFolder, start: Start, free_port) -> None:
    port = free_port()
    control, worker = start(free_port()), start(port)
    pages = Pages(state.pages_path)
    for slot, process in ((0, ProcessId(1, 1)), (1, worker)):
        page = pages.slots[slot]
        page.pid, page.start = process
        page.state, page.counters = SERVING, [5]
    state.write_run({"supervisor": [(1, 1)], "control": [control], "workers": [worker, (1, 1)]})
    claim = Claim(state, [("127.0.0.1", port)])
    assert not control.alive()
    assert worker.alive()
    assert (claim.orphans, claim.slots()) == ([worker], [1])
    assert claim.pages.totals()["udp_queries"] == 10
    claim.wait_for_orphans()
    assert not worker.alive()
    assert (claim.orphans, claim.slots()) == ([], [])
    assert list(pages.used()) == []
    assert claim.pages.totals()["udp_queries"] == 10
    claim.release()
    pages.close()


def test_orphans_do_not_excuse_a_stranger(state: StateFolder, start: Start, free_port) -> None:
    port = free_port()
    orphan, stranger = start(free_port()), start(port)
    state.write_run({"workers": [orphan]})
    with pytest.raises(StateError, match=f"process {stranger.pid}"):
        Claim(state, [("127.0.0.1", port)])
    assert orphan.alive()


def test_alone_means_that_orphans_end_first(
    state: StateFolder, start: Start, free_port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "_WORKER_GRACE", 0.1)
    port = free_port()
    stubborn = start(port, "ignore")
    state.write_run({"workers": [stubborn]})
    claim = Claim.alone(state, [("127.0.0.1", port)])
    assert not stubborn.alive()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", port))
    claim.release()


def test_signals_go_to_nobody_else(state: StateFolder, start: Start, free_port) -> None:
    other = start(free_port())
    state.write_run({"workers": [(other.pid, other.start + 1)], "control": [(other.pid, other.start - 1)]})
    claim = Claim(state, [])
    claim.wait_for_orphans()
    claim.release()
    assert other.alive()
    other.send(signal.SIGKILL)


def test_what_was_handed_over_is_no_leftover(state: StateFolder, start: Start, free_port) -> None:
    """The folder is held already, the supervisor in the run file is ourselves, and the address is not tried."""
    port = free_port()
    worker = start(port)
    pages = Pages(state.pages_path)
    for slot, process in ((0, worker), (1, ProcessId(1, 1))):
        page = pages.slots[slot]
        page.pid, page.start = process
        page.state = SERVING
    state.write_run({"supervisor": [ProcessId.me()], "control": [], "workers": [worker]})
    lock = state.lock()
    place = ("127.0.0.1", port)
    claim = Claim(state, [place], Handed(lock.fd, (place,), 1, (Worker(worker.pid, 0, -1),)))
    assert (claim.orphans, claim.slots(), claim.lock) == ([], [], lock.fd)
    assert [slot for slot, _ in claim.pages.used()] == [0]
    with pytest.raises(StateError, match="in use by process"):
        state.lock()
    claim.release()
    pages.close()
    assert worker.alive()
