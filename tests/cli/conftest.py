"""A node that really runs, for the verbs that talk to one."""

import http.client
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import pytest

from gslb.cli.main import main
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
ZONE = """\
sites:
  tokyo: {country: JP}
  osaka: {country: JP}
pools:
  web:
    policy: weighted
    members:
      tokyo: {site: tokyo, addresses: [192.0.2.10], weight: 60}
      osaka: {site: osaka, addresses: [198.51.100.10], weight: 40}
zones:
  gslb.example.com:
    soa: {mname: ns1, rname: hostmaster.example.com., serial: 1}
    ns: [ns1]
    records:
      ns1: {A: [192.0.2.53]}
    names:
      www: {pool: web, ttl: 30}
"""


class Node(NamedTuple):
    """A running node: its file, where it listens, its process."""

    config: str
    dns: int
    api: int
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="session")
def zone_text() -> str:
    """The zone that `write_node` writes unless told otherwise."""
    return ZONE


@pytest.fixture(scope="session")
def write_node() -> Callable[..., str]:
    """`write_node(folder, dns_port, api_port, workers=0, zone=TEXT)` makes a configuration; returns the node file."""
    return _write_node


def _write_node(folder: Path, dns: int, api: int, *, workers: int = 0, zone: str = ZONE) -> str:
    (folder / "zones").mkdir(parents=True, exist_ok=True)
    (folder / "zones" / "zone.yaml").write_text(zone)
    path = folder / "gslb.yaml"
    path.write_text(
        "node: {name: test, site: tokyo}\n"
        f"listen: {{dns: ['127.0.0.1:{dns}'], api: '127.0.0.1:{api}'}}\n"
        f"workers: {workers}\nzones: zones/\nstate: state/\n"
    )
    return str(path)


def ready(api: int) -> bool:
    """Whether the node on this API port serves fresh answers."""
    connection = http.client.HTTPConnection("127.0.0.1", api, timeout=1)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status == HTTPStatus.OK and bool(json.loads(answer.read())["fresh"])
    except OSError:
        return False
    finally:
        connection.close()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory, eventually: Callable[..., None]) -> Iterator[Node]:
    """One node for every test of this folder that only talks to it; whoever changes it puts it back."""
    with running(tmp_path_factory.mktemp("node"), eventually) as node:
        yield node


@pytest.fixture
def own_node(tmp_path: Path, eventually: Callable[..., None]) -> Iterator[Node]:
    """A node for one test alone."""
    with running(tmp_path / "node", eventually) as node:
        yield node


@contextmanager
def running(folder: Path, eventually: Callable[..., None], workers: int = 0) -> Iterator[Node]:
    """A node with its files in a folder, while it runs."""
    dns, api = free_port(), free_port()
    config = _write_node(folder, dns, api, workers=workers)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "gslb.cli.main", "serve", "--config", config]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, env=environment)
    try:
        eventually(lambda: process.poll() is not None or ready(api), 20)
        assert process.poll() is None, (folder / "log").read_text()
        yield Node(config, dns, api, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture
def verb(own_node: Node, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`verb("reload", ...)` runs it against the node: exit code, output, errors."""

    return _runner(own_node, capsys)


@pytest.fixture
def ask(node: Node, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """As `verb`, against the node that all tests of this folder share."""
    return _runner(node, capsys)


def _runner(node: Node, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--config", node.config])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def terminal() -> Callable[..., tuple[int, str]]:
    """`terminal(["drain", ...], ("Go on?", "y\\n"))` runs a verb at a terminal of 80 columns, and types what is given
    when it has shown the text before it: exit code, and all that was shown.
    """
    return _at_terminal


def _at_terminal(arguments: list[str], *exchanges: tuple[str, str], seconds: float = 20) -> tuple[int, str]:
    pid, descriptor = pty.fork()
    if pid == 0:
        os.environ.update(PYTHONPATH=str(ROOT), TERM="xterm", COLUMNS="80", LINES="24")
        os.execv(sys.executable, [sys.executable, "-m", "gslb.cli.main", *arguments])
    shown, awaited, deadline = "", list(exchanges), time.monotonic() + seconds
    while time.monotonic() < deadline:
        if awaited and awaited[0][0] in shown:
            os.write(descriptor, awaited.pop(0)[1].encode())
        if not select.select([descriptor], [], [], 0.1)[0]:
            continue
        try:
            octets = os.read(descriptor, 65536)
        except OSError:  # it has ended
            break
        if not octets:
            break
        shown += octets.decode(errors="replace")
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(descriptor)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert not awaited, shown
    return code, shown


@pytest.fixture
def change(own_node: Node) -> Callable[[str, str], None]:
    """`change(old, new)` changes the zones folder on disk."""
    file = Path(own_node.config).parent / "zones/zone.yaml"

    def replace(old: str, new: str) -> None:
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    return replace
