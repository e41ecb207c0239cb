"""Real processes, real ports, and a cgroup tree of files."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gslb.server import processes
from gslb.server.processes import ProcessId, end, port_holders, worker_count


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_process_is_known_by_pid_and_start(child) -> None:
    process = ProcessId.of(child.pid)
    assert process is not None
    assert process.alive()
    assert not ProcessId(process.pid, process.start + 1).alive()  # the pid of somebody else by now
    assert not ProcessId(0, 0).alive()
    assert ProcessId.me().pid == os.getpid()


def test_a_zombie_is_dead(child, eventually) -> None:
    process = ProcessId.of(child.pid)
    assert process is not None
    process.send(signal.SIGKILL)
    eventually(lambda: not process.alive())
    assert child.poll() == -signal.SIGKILL
    process.send(signal.SIGKILL)  # to nobody, so to no stranger


def test_end_is_polite_first(eventually) -> None:
    stubborn = "import signal, sys; signal.signal(15, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    with (
        subprocess.Popen(["sleep", "60"]) as polite,
        subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE) as other,
    ):
        assert other.stdout is not None
        other.stdout.readline()
        both = [process for process in (ProcessId.of(polite.pid), ProcessId.of(other.pid)) if process]
        end(both, 0.1)
        assert not any(process.alive() for process in both)
    assert (polite.returncode, other.returncode) == (-signal.SIGTERM, -signal.SIGKILL)


def test_it_sees_who_catches_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        assert ProcessId.me().catches(signal.SIGUSR2)
        signal.signal(signal.SIGUSR2, signal.SIG_DFL)
        assert not ProcessId.me().catches(signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert not ProcessId(2**30, 1).catches(signal.SIGUSR2)


@pytest.mark.parametrize(
    ("bound", "asked", "kind"),
    [
        ("127.0.0.1", "127.0.0.1", socket.SOCK_DGRAM),
        ("127.0.0.1", "127.0.0.1", socket.SOCK_STREAM),
        ("0.0.0.0", "127.0.0.1", socket.SOCK_DGRAM),
        ("127.0.0.1", "0.0.0.0", socket.SOCK_DGRAM),
        ("::1", "::1", socket.SOCK_DGRAM),
        ("::1", "::", socket.SOCK_STREAM),
    ],
)
def test_it_finds_who_holds_a_port(bound: str, asked: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET6 if ":" in bound else socket.AF_INET, kind) as sock:
        sock.bind((bound, 0))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        port = sock.getsockname()[1]
        assert port_holders(kind, asked, port) == {os.getpid()}
        if asked == bound:
            assert port_holders(kind, "2001:db8::1" if ":" in bound else "127.0.0.9", port) == set()
    assert port_holders(kind, asked, port) == set()


def test_auto_means_at_least_two_and_what_the_cgroup_allows(tmp_path: Path) -> None:
    assert worker_count(5) == 5
    assert worker_count(None) == max(2, min(len(os.sched_getaffinity(0)), processes._quota(10**6)))
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "membership").write_text("0::/a/b\n")
    quota = lambda: processes._quota(16, tmp_path, tmp_path / "membership")  # noqa: E731
    assert quota() == 16
    (tmp_path / "a/b/cpu.max").write_text("max 100000\n")
    assert quota() == 16
    (tmp_path / "a/cpu.max").write_text("650000 100000\n")
    assert quota() == 6
    (tmp_path / "a/b/cpu.max").write_text("50000 100000\n")
    assert quota() == 1
    assert processes._quota(16, tmp_path, tmp_path / "none") == 16
