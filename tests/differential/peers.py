"""NSD and Knot from Debian's packages, in the foreground on loopback, serving zones from master files."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dns.message

from tests.ending import terminate


class Peer:
    """A running name server that is asked over UDP."""

    def __init__(self, name: str, argv: list[str], port: int, folder: Path) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log)
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(1.0)

    def wait(self, zone: str) -> "Peer":
        """Until it serves a zone."""
        question = dns.message.make_query(zone, "SOA").to_wire()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if dns.message.from_wire(self.ask(question)).answer:
                    return self
            except OSError:
                assert self._process.poll() is None, f"{self.name} ended: {self._log.read_text()}"
            time.sleep(0.1)
        raise AssertionError(f"{self.name} does not serve {zone}: {self._log.read_text()}")

    def ask(self, wire: bytes) -> bytes:
        """The reply to a query. Raises OSError where none comes in three tries."""
        for attempt in range(3):
            self._socket.send(wire)
            try:
                while True:
                    reply = self._socket.recv(65535)
                    if reply[:2] == wire[:2]:
                        return reply
            except TimeoutError:
                if attempt == 2:
                    raise
        raise AssertionError

    def stop(self) -> None:
        self._socket.close()
        terminate(self._process, 5)


def nsd(binary: str, folder: Path, port: int, zones: Mapping[str, str]) -> Peer:
    """NSD; `zones` are master files by zone name."""
    text = f"""server:
  server-count: 1
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  minimal-responses: yes
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
    text += "".join(f'zone:\n  name: "{zone}"\n  zonefile: "{file}"\n' for zone, file in zones.items())
    (folder / "nsd.conf").write_text(text)
    return Peer("nsd", [binary, "-d", "-c", str(folder / "nsd.conf")], port, folder)


def knot(binary: str, folder: Path, port: int, zones: Mapping[str, str]) -> Peer:
    """Knot DNS."""
    text = f"""server:
  listen: 127.0.0.1@{port}
  rundir: "{folder}"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "{folder}/knot"
log:
  - target: stderr
    any: warning
template:
  - id: default
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
zone:
"""
    text += "".join(f'  - domain: "{zone}"\n    file: "{file}"\n' for zone, file in zones.items())
    (folder / "knot.conf").write_text(text)
    return Peer("knot", [binary, "-c", str(folder / "knot.conf")], port, folder)


@contextmanager
def peers(
    need: Callable[[str], str], free_port: Callable[[], int], folder: Path, zones: Mapping[str, str]
) -> Iterator[list[Peer]]:
    """Both, until the block ends."""
    started: list[Peer] = []
    try:
        for start, tool in ((nsd, "nsd"), (knot, "knotd")):
            started.append(start(need(tool), folder, free_port(), zones))
        last = next(reversed(zones))
        for peer in started:
            peer.wait(last)
        yield started
    finally:
        for peer in started:
            peer.stop()
