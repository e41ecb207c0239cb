"""A node that really runs, for the verbs that talk to one."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

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
        return bool(json.loads(connection.getresponse().read())["fresh"])
    except OSError:
        return False
    finally:
        connection.close()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory, eventually: Callable[..., None]) -> Iterator[Node]:
    """One node for every test of this folder that only talks to it; whoever changes it puts it back."""
    folder = tmp_path_factory.mktemp("node")
    dns, api = free_port(), free_port()
    config = _write_node(folder, dns, api)
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
