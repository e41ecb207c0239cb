"""Zonemaster judges the example zone, delegated from a private root in a network namespace of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ENVIRONMENT, ROOT

pytestmark = pytest.mark.e2e

PARENT, NS1, NS2 = "192.0.2.1", "192.0.2.53", "198.51.100.53"
RESERVED = "NAMESERVER_IP_PRIVATE_NETWORK"  # the example's name servers have documentation addresses
ROOT_ZONE = f"""\
$ORIGIN .
$TTL 3600
@ SOA a.root-servers.net. nobody.example.net. 1 3600 600 604800 30
@ NS a.root-servers.net.
a.root-servers.net. A {PARENT}
com. NS a.root-servers.net.
"""
COM_ZONE = f"""\
$ORIGIN com.
$TTL 3600
@ SOA a.root-servers.net. nobody.example.net. 1 3600 600 604800 30
@ NS a.root-servers.net.
example NS ns1.example
example NS ns2.example
ns1.example A {NS1}
ns2.example A {NS2}
"""
NSD = """\
server:
  server-count: 1
  ip-address: {parent}@53
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: root.zone
zone:
  name: com
  zonefile: com.zone
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
    """A network namespace that has no way out; processes in it end with it."""

    def __init__(self, need: Callable[[str], str]) -> None:
        self.name = f"gslb-zm-{os.getpid()}"
        self._ip = need("ip")
        self._started: list[subprocess.Popen[bytes]] = []
        self._run("netns", "add", self.name)
        self._run("-n", self.name, "link", "set", "lo", "up")
        for address in (PARENT, NS1, NS2):
            self._run("-n", self.name, "address", "add", f"{address}/32", "dev", "lo")

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._ip, *arguments], check=True, capture_output=True, timeout=10)

    def inside(self, *argv: str) -> list[str]:
        return [self._ip, "netns", "exec", self.name, *argv]

    def start(self, *argv: str) -> None:
        self._started.append(
            subprocess.Popen(
                self.inside(*argv), cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )

    def close(self) -> None:
        for process in self._started:
            process.terminate()
        for process in self._started:
            process.wait(10)
        self._run("netns", "delete", self.name)


@pytest.fixture
def world(need: Callable[[str], str]) -> Iterator[World]:
    if os.geteuid():
        pytest.skip("network namespaces need root")
    made = World(need)
    yield made
    made.close()


@pytest.mark.timeout(240)
def test_the_example_zone(need: Callable[[str], str], world: World, tmp_path: Path) -> None:
    zonemaster = need("zonemaster-cli")
    (tmp_path / "root.zone").write_text(ROOT_ZONE)
    (tmp_path / "com.zone").write_text(COM_ZONE)
    (tmp_path / "nsd.conf").write_text(NSD.format(parent=PARENT, folder=tmp_path))
    (tmp_path / "hints").write_text(f". 3600 IN NS a.root-servers.net.\na.root-servers.net. 3600 IN A {PARENT}\n")
    (tmp_path / "gslb.yaml").write_text(NODE)
    shutil.copytree(ROOT / "zones", tmp_path / "zones")
    for path in (tmp_path / "zones").glob("*.yaml"):
        path.write_text(re.sub(r"^    monitors: .*\n", "", path.read_text(), flags=re.MULTILINE))
    world.start(need("nsd"), "-d", "-c", str(tmp_path / "nsd.conf"))
    world.start(sys.executable, "-m", "gslb.cli.main", "serve", "--config", str(tmp_path / "gslb.yaml"))
    wait_for(world, need("dig"))
    argv = world.inside(zonemaster, "--hints", str(tmp_path / "hints"), "--no-ipv6", "--json", "--level", "NOTICE")
    begun = time.monotonic()
    done = subprocess.run([*argv, "example.com"], capture_output=True, text=True, timeout=200)
    found = messages(done.stdout)
    bad = [m for m in found if m["level"] in ("ERROR", "CRITICAL") and m["tag"] != RESERVED]
    print(f"\nzonemaster took {time.monotonic() - begun:.0f} s")
    for message in found:
        print(message["level"], message["tag"], message.get("args", ""))
    assert found, done.stderr
    assert not bad


def wait_for(world: World, dig: str) -> None:
    """Until the node and the parent answer."""
    for server in (NS1, NS2, PARENT):
        deadline = time.monotonic() + 20
        while "status: NOERROR" not in dug(world, dig, server):
            assert time.monotonic() < deadline, f"{server} does not answer"
            time.sleep(0.2)


def dug(world: World, dig: str, server: str) -> str:
    argv = world.inside(dig, f"@{server}", "example.com", "NS", "+tries=1", "+time=1", "+norec")
    return subprocess.run(argv, capture_output=True, text=True, timeout=10).stdout


def messages(text: str) -> list[dict[str, Any]]:
    """What zonemaster-cli --json printed: an array, or an object with one."""
    parsed = json.loads(text)
    return parsed if isinstance(parsed, list) else parsed["results"]
