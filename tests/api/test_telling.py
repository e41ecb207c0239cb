"""A node in one process tells the service manager of its life."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.whole_node import Node, stopped_node

__all__ = ["stopped_node"]


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The manager's end of a real socket, named in the environment."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "900000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        yield sock


async def test_a_life(heard: socket.socket, stopped_node: Node) -> None:
    words: list[str] = []

    def hears(word: str, times: int = 1):
        async def so() -> bool:
            try:
                while True:
                    words.append(heard.recv(999).decode().partition("\n")[0])
            except BlockingIOError:
                return words.count(word) >= times

        return so

    await stopped_node.start()
    await stopped_node.until(hears("READY=1"))
    assert await stopped_node.ask()
    await stopped_node.until(hears("WATCHDOG=1", 2))
    os.kill(os.getpid(), signal.SIGHUP)
    await stopped_node.until(hears("READY=1", 2))
    await stopped_node.stop()
    await stopped_node.until(hears("STOPPING=1"))
    told = [word for word in words if word != "WATCHDOG=1"]
    assert told == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
