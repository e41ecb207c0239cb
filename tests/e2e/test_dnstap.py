"""dnstap at a node with worker processes: no answer waits for it, whatever becomes of its reader and of ours."""

import re
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.kit import Node, eventually
from tests.e2e.load import Load

pytestmark = pytest.mark.e2e


class Capture:
    """fstrm_capture at the socket of the node, one file for each start."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "tap.sock"
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        file = self._folder / f"{len(self._processes)}.tap"
        argv = ["fstrm_capture", "-t", "protobuf:dnstap.Dnstap", "-u", str(self.socket), "-w", str(file)]
        self._processes.append(subprocess.Popen(argv, stderr=subprocess.DEVNULL))
        eventually(self.socket.exists)

    def send(self, number: int) -> None:
        self._processes[-1].send_signal(number)

    def end(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(5)

    def read(self, number: int) -> list[str]:
        argv = ["dnstap-ldns", "-q", "-r", str(self._folder / f"{number}.tap")]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()


@pytest.fixture
def capture(tmp_path: Path) -> Iterator[Capture]:
    made = Capture(tmp_path)
    yield made
    made.end()


def metric(node: Node, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{node.api}/metrics", timeout=10) as page:
        found = re.search(rf"^gslb_{re.escape(name)} (\S+)$", page.read().decode(), re.MULTILINE)
    assert found
    return float(found[1])


def test_no_answer_is_lost_for_it(make_node: Callable[[], Node], capture: Capture) -> None:
    node = make_node().write().start().ready()
    capture.start()
    with Load(node.dns, rate=1000) as load:
        node.write(dnstap=f"{{socket: {capture.socket}}}")
        assert node.verb("reload").returncode == 0
        eventually(lambda: metric(node, "dnstap_messages_total") > 1000)
        node.kill("workers")
        eventually(lambda: len(node.serving()) == 2)
        sent = metric(node, "dnstap_messages_total")
        eventually(lambda: metric(node, "dnstap_messages_total") > sent + 1000)
        node.kill("control")
        eventually(lambda: node.fresh() and metric(node, "dnstap_messages_total") > 1000)
        capture.send(signal.SIGKILL)
        eventually(lambda: metric(node, 'dnstap_dropped_total{reason="no_reader"}') > 500)
        capture.start()
        eventually(lambda: metric(node, "dnstap_connected") == 1)
    with Load(node.dns, rate=8000) as flood:
        capture.send(signal.SIGSTOP)  # it holds the socket, and takes nothing
        eventually(lambda: metric(node, 'dnstap_dropped_total{reason="ring_full"}') > 500, 30)
        capture.send(signal.SIGCONT)
    for one in (load, flood):
        assert len(one.asks) > 3000
        assert [ask for ask in one.asks if not ask.answered] == []
    node.stop()
    capture.end()
    assert len(capture.read(1)) > 1000
    assert not [*node.state.glob("tap-*")]
