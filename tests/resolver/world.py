"""A network namespace with no way out: a private root and its zones served by NSD, and a node that is delegated to."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, ROOT

PARENT, NS1, NS2, LAB = "192.0.2.1", "192.0.2.53", "198.51.100.53", "203.0.113.53"
_TOP = "$TTL 3600\n@ SOA a.root-servers.net. nobody.example.net. 1 3600 600 604800 30\n@ NS a.root-servers.net.\n"
ZONES = {
    ".": f"{_TOP}a.root-servers.net. A {PARENT}\ncom. NS a.root-servers.net.\nexample.net. NS a.root-servers.net.\n",
    "com.": f"{_TOP}example NS ns1.example\nexample NS ns2.example\nns1.example A {NS1}\nns2.example A {NS2}\n",
    "example.net.": f"{_TOP}edge A 203.0.113.44\n",
    "lab.example.com.": f"{_TOP}host TXT served-elsewhere\n",
}
"""What NSD serves. Only example.com leads to the node; the node leads to lab.example.com."""
_NSD = """\
server:
  server-count: 1
  ip-address: {parent}@53
  ip-address: {lab}@53
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
remote-control:
  control-enable: no
"""
NODE = f"""\
node: {{name: ns1, site: tokyo}}
listen: {{dns: ["{NS1}:53", "{NS2}:53"]}}
workers: 2
zones: zones/
state: state/
startup_wait: 1s
"""


class World:
    """The namespace; processes in it end with it."""

    def __init__(self, need: Callable[[str], str], folder: Path) -> None:
        self.folder = folder
        self.name = f"gslb-{os.getpid()}"
        self._need = need
        self._ip, self._dig = need("ip"), need("dig")
        self._started: list[subprocess.Popen[bytes]] = []
        self._run("netns", "add", self.name)
        self._run("-n", self.name, "link", "set", "lo", "up")
        for address in (PARENT, NS1, NS2, LAB):
            self._run("-n", self.name, "address", "add", f"{address}/32", "dev", "lo")

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._ip, *arguments], check=True, capture_output=True, timeout=10)

    def inside(self, *argv: str) -> list[str]:
        """The command line that runs another in here."""
        return [self._ip, "netns", "exec", self.name, *argv]

    def start(self, *argv: str) -> None:
        """Start what is to run until the namespace goes."""
        command = self.inside(*argv)
        null = subprocess.DEVNULL
        self._started.append(subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=null, stderr=null))

    def dig(self, server: str, *question: str) -> str:
        """What dig prints."""
        argv = self.inside(self._dig, f"@{server}", *question, "+tries=1", "+time=2")
        return subprocess.run(argv, capture_output=True, text=True, timeout=10).stdout

    def serve(self, node: str = NODE, more: str = "") -> None:
        """NSD, and a node with the example zones, without their monitors; `more` is added at the end of example.com.

        Returns when all of them answer.
        """
        text = _NSD.format(parent=PARENT, lab=LAB, folder=self.folder)
        for number, (zone, data) in enumerate(ZONES.items()):
            (self.folder / f"{number}.zone").write_text(f"$ORIGIN {zone}\n{data}")
            text += f'zone:\n  name: "{zone}"\n  zonefile: {number}.zone\n'
        (self.folder / "nsd.conf").write_text(text)
        (self.folder / "gslb.yaml").write_text(node)
        shutil.copytree(ROOT / "zones", self.folder / "zones")
        for path in (self.folder / "zones").glob("*.yaml"):
            path.write_text(re.sub(r"^    monitors: .*\n", "", path.read_text(), flags=re.MULTILINE))
        with (self.folder / "zones" / "example.yaml").open("a") as file:
            file.write(more)
        self.start(self._need("nsd"), "-d", "-c", str(self.folder / "nsd.conf"))
        self.start(sys.executable, "-m", "gslb.cli.main", "serve", "--config", str(self.folder / "gslb.yaml"))
        for server in (NS1, NS2, PARENT):
            self.wait(server, "example.com", "NS", "+norec")

    def wait(self, server: str, *question: str) -> None:
        """Until a server gives an answer that is no error."""
        deadline = time.monotonic() + 20
        while "status: NOERROR" not in self.dig(server, *question):
            assert time.monotonic() < deadline, f"{server} does not answer"
            time.sleep(0.2)

    def close(self) -> None:
        """End what was started, and the namespace."""
        for process in self._started:
            process.terminate()
        for process in self._started:
            process.wait(10)
        self._run("netns", "delete", self.name)


@contextmanager
def made(need: Callable[[str], str], folder: Path) -> Iterator[World]:
    """A namespace until the block ends."""
    if os.geteuid():
        pytest.skip("network namespaces need root")
    world = World(need, folder)
    try:
        yield world
    finally:
        world.close()
