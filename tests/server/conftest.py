"""Nodes of real processes, and clients that count."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.message
import pytest

from gslb.server.processes import ProcessId
from tests.conftest import ENVIRONMENT, ROOT
from tests.ending import terminate
from tests.support import addresses, query


class Node:
    """A supervisor on 127.0.0.1 with its workers and the stand-in for control."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.state = folder / "state"
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self, *control: str, workers: int = 2) -> "Node":
        argv = [sys.executable, "-m", "tests.server.stand_in", "node", str(self.state), str(self.port), str(workers)]
        self.starts += 1
        with self.log(self.starts).open("wb") as file:
            self.process = subprocess.Popen([*argv, *control], stderr=file, env=ENVIRONMENT, cwd=ROOT)
        return self

    def log(self, number: int = 0) -> Path:
        """Where a start (the last one: 0) writes its messages."""
        return self.folder / f"log-{number or self.starts}"

    def said(self) -> list[str]:
        """What the control process did so far."""
        path = self.state / "said"
        return path.read_text().splitlines() if path.exists() else []

    def run(self) -> dict[str, list[ProcessId]]:
        """The run file, living processes only."""
        try:
            run = json.loads((self.state / "run.json").read_text())
        except FileNotFoundError:
            return {}
        return {key: [p for p in (ProcessId(*entry) for entry in run[key]) if p.alive()] for key in run}

    def workers(self) -> list[ProcessId]:
        return self.run().get("workers", [])

    def signal_control(self, signum: signal.Signals) -> None:
        self.run()["control"][0].send(signum)

    def serving(self) -> bool:
        return b"serving 127.0.0.1" in self.log().read_bytes()

    def ask(self, name: str = "www", rtype: str = "A", timeout: float = 1.0) -> dns.message.Message | None:
        """One query from a port of its own, so that every worker gets its share."""
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout)
            sock.connect(("127.0.0.1", self.port))
            try:
                sock.send(query(name, rtype))
                return dns.message.from_wire(sock.recv(4096))
            except OSError:
                return None

    def seen(self, count: int = 60) -> set[str]:
        """The addresses that `count` queries bring."""
        replies = (self.ask() for _ in range(count))
        return {address for reply in replies if reply for address in addresses(reply)}

    def end(self) -> None:
        """End whatever is left of it."""
        run = self.run()
        if self.process:
            terminate(self.process)
        for processes in (*run.values(), *self.run().values()):
            for process in processes:
                process.send(signal.SIGKILL)


@pytest.fixture
def make_node(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[[], Node]]:
    """`make_node()` returns a node that is not started yet; all end with the test."""
    made: list[Node] = []

    def make() -> Node:
        folder = tmp_path / f"node-{len(made)}"
        folder.mkdir()
        made.append(Node(folder, free_port()))
        return made[-1]

    yield make
    for node in made:
        node.end()


@pytest.fixture
def node(make_node: Callable[[], Node], eventually: Callable[..., None]) -> Node:
    """A node with two workers that serve."""
    made = make_node().start()
    eventually(made.serving)
    return made
