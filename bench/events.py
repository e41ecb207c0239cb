"""What happens beside answering must not be seen in it: failover, reload, API load and 5,000 probed targets.

Each is one steady stream of queries to one node, first in calm and then while it happens; p99 and losses are compared.
"""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGHUP
from typing import NamedTuple

from bench import load, packets
from bench.figures import Row, measures
from bench.load import Burst
from bench.server import CLIENT_CPU, Server

KEYS = ("f", "g", "api", "probes")
RATE = 10_000
TARGETS = 5_000
_TITLES = {
    "f": "(f) a site dies under load",
    "g": "(g) reloads under load",
    "api": "API load beside queries",
    "probes": f"{TARGETS:,} probed targets beside queries",
}
_ALIVE, _DYING = "127.0.0.1", "127.0.0.2"
_MINUTE = 60
_CALLS = 50  # of the API per second
_BOUND = 3.2  # seconds that the fast profile promises, semantics section 7
_TARGET = Path(__file__).with_name("target.py")


class Scene(NamedTuple):
    """A node under test, its folder, and the web server of the site that may die."""

    server: Server
    folder: Path
    dying: "subprocess.Popen[bytes]"


def measure(key: str, folder: Path, client: Path, port: int, seconds: int) -> Row:
    """Calm and busy, side by side."""
    queries = packets.write(folder / f"queries-{key}", [packets.message("www.bench.example")])
    with scene(folder / f"{key}-calm", port, 0) as stage:
        calm = _stream(client, stage, queries, 2 * seconds)
        if key != "probes":
            busy, note = _HAPPENINGS[key](client, stage, queries, max(seconds, 6))
    if key == "probes":
        with scene(folder / key, port, TARGETS) as stage:
            busy, note = _stream(client, stage, queries, seconds), f"{TARGETS / 5:.0f} probes a second"
    found = {"calm": measures([calm]), "busy": measures([busy])}
    return Row(key, _TITLES[key], found, {}, note)


@contextmanager
def scene(folder: Path, port: int, targets: int) -> Iterator[Scene]:
    """Two sites, one of which can die, and as many further targets as asked for; the first round of probes is over."""
    zones = folder / "zones"
    zones.mkdir(parents=True)
    site_port, many_port = free_port(), free_port()
    (folder / "gslb.yaml").write_text(_NODE.format(port=port, api=port + 1))
    (zones / "bench.yaml").write_text(_ZONES.format(site_port=site_port))
    (zones / "many.yaml").write_text(_many(targets, many_port) or "{}\n")
    started = [_target(site_port, address) for address in (_ALIVE, _DYING)]
    try:
        if targets:
            started.append(_target(many_port, "0.0.0.0"))
        argv = [sys.executable, "-m", "gslb.cli.main", "serve", "--config", str(folder / "gslb.yaml")]
        server = Server("gslb", argv, port, folder)
        try:
            time.sleep(7.0 if targets else 2.0)
            yield Scene(server, folder, started[1])
        finally:
            server.stop()
    finally:
        for process in started:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _target(port: int, address: str) -> "subprocess.Popen[bytes]":
    argv = ["nice", "-n", "19", "taskset", "-c", CLIENT_CPU]  # or the client would be late, not the server
    return subprocess.Popen([*argv, sys.executable, str(_TARGET), str(port), address])


def _stream(client: Path, stage: Scene, queries: Path, seconds: int) -> Burst:
    return load.client(client, stage.server, queries, seconds, window=4000, rate=RATE)


def _during(
    client: Path, stage: Scene, queries: Path, seconds: int, act: Callable[[], None], **settings: object
) -> Burst:
    """A stream, and something done while it flows."""
    before = stage.server.cpu()
    process = load.start_client(client, stage.server.port, queries, seconds, window=4000, rate=RATE, **settings)
    try:
        act()
    except BaseException:
        process.kill()
        raise
    burst = load.result(process)
    return burst._replace(cpu=stage.server.cpu() - before)


def _site_dies(client: Path, stage: Scene, queries: Path, seconds: int) -> tuple[Burst, str]:
    died: list[float] = []
    begun = time.monotonic()

    def act() -> None:
        time.sleep(1.0)
        stage.dying.kill()
        died.append(time.monotonic() - begun)

    burst = _during(client, stage, queries, seconds, act, watch=_DYING)
    stale = burst.watched_last - died[0]
    return burst, f"last answer with the dead site {stale:.2f} s after its death (promised: {_BOUND} s)"


def _reloads(client: Path, stage: Scene, queries: Path, seconds: int) -> tuple[Burst, str]:
    """Both workers are replaced while control compiles: half a second in which all of them share the core."""

    def act() -> None:
        time.sleep(1.0)
        (stage.folder / "zones" / "more.yaml").write_text(
            "zones:\n  more.example:\n    soa: {mname: ns1, rname: hostmaster.bench.example., serial: 1}\n"
            "    ns: [ns1]\n    records: {ns1: {A: [192.0.2.53]}}\n"
        )
        stage.server.process.send_signal(SIGHUP)

    return _during(client, stage, queries, _MINUTE, act), "one reload, with a new zone, in a minute"


def _api_load(client: Path, stage: Scene, queries: Path, seconds: int) -> tuple[Burst, str]:
    token = (stage.folder / "state" / "token").read_text().strip()
    asked = [0]

    def act() -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{stage.server.port + 1}/api/v1/status", headers={"Authorization": f"Bearer {token}"}
        )
        until = time.monotonic() + seconds - 0.5
        while time.monotonic() < until:
            with urllib.request.urlopen(request, timeout=5) as reply:
                reply.read()
            asked[0] += 1
            time.sleep(1 / _CALLS)

    return _during(client, stage, queries, seconds, act), f"{asked[0] / seconds:.0f} status requests a second"


_HAPPENINGS = {"f": _site_dies, "g": _reloads, "api": _api_load}


def _many(targets: int, port: int) -> str:
    """Zones file with names and pools over further addresses of loopback, all of them probed."""
    if not targets:
        return ""
    addresses = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(targets)]
    groups = [addresses[at : at + _GROUP] for at in range(0, targets, _GROUP)]
    lines = [f"monitors:\n  many: {{type: http, port: {port}}}\npools:"]
    for number, group in enumerate(groups):
        lines.append(f"  many{number}:\n    monitors: [many]\n    members:")
        lines += [f"      m{at}: {{site: a, addresses: [{address}]}}" for at, address in enumerate(group)]
    lines.append("zones:\n  many.example:\n    soa: {mname: ns1, rname: hostmaster.bench.example., serial: 1}")
    lines.append("    ns: [ns1]\n    records: {ns1: {A: [192.0.2.53]}}\n    names:")
    lines += [f"      many{number}: {{pool: many{number}}}" for number in range(len(groups))]
    return "\n".join([*lines, ""])


_GROUP = 50  # members of a pool

_NODE = """node: {{name: bench-1, site: a, roles: [dns, probe, api]}}
listen: {{dns: ["127.0.0.1:{port}"], api: "127.0.0.1:{api}"}}
workers: 2
zones: zones/
state: state/
store: {{type: sqlite}}
probe: {{allow: [127.0.0.0/8]}}
"""

_ZONES = """sites: {{a: {{}}, b: {{}}}}
monitors:
  site: {{type: http, port: {site_port}, interval: 1s, timeout: 500ms, fall: 2}}
zones:
  bench.example:
    ttl: 30
    soa: {{mname: ns1, rname: hostmaster.bench.example., serial: 1}}
    ns: [ns1]
    records: {{ns1: {{A: [192.0.2.53]}}}}
    names: {{www: {{pool: www, ttl: 30}}}}
pools:
  www:
    monitors: [site]
    members: {{a: {{site: a, addresses: [127.0.0.1]}}, b: {{site: b, addresses: [127.0.0.2]}}}}
"""
