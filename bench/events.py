"""What happens beside answering must not be seen in it: failover, reload, API load and 5,000 probed targets.

Each is one steady stream of queries to one node, first in calm and then while it happens; p99 and losses are compared.
"""

import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGHUP
from typing import NamedTuple

from bench import load, packets, target
from bench.figures import Row, measures
from bench.load import Burst
from bench.server import FIRST_PORT, Server

KEYS = ("f", "g", "api", "probes")
RATE = 10_000
_PROBED_RATE = 900  # half of what the slowest of all servers can answer, as in the row of latencies
_BURSTS = 5  # in a round, each of a second, as there
TARGETS = 5_000
_TITLES = {
    "f": "(f) a site dies under load",
    "g": "(g) reloads under load",
    "api": "API load beside queries",
    "probes": f"{TARGETS:,} probed targets beside queries",
}
_ALIVE, _DYING = "127.0.0.1", "127.0.0.2"
_BETWEEN_RELOADS = 30  # seconds
_RETURN = 7.0  # seconds until a site that came back is served again: rise x interval, and some
_CALLS = 50  # of the API per second
_BOUND = 3.2  # seconds that the fast profile promises, semantics section 7


class Scene:
    """A node under test, its folder, and the web servers of its two sites, one of which may die."""

    def __init__(self, folder: Path, port: int, targets: int) -> None:
        """Start all; `targets` are probed beside the two sites."""
        self.folder = folder
        zones = folder / "zones"
        zones.mkdir(parents=True)
        self._site_port, many_port = free_port(), free_port()
        (folder / "gslb.yaml").write_text(_NODE.format(port=port, api=port + 1))
        (zones / "bench.yaml").write_text(_ZONES.format(site_port=self._site_port))
        (zones / "many.yaml").write_text(_many(targets, many_port) or "{}\n")
        self._started = [target.start(folder, self._site_port, _ALIVE)]
        self.revive()
        if targets:
            self._started.append(target.start(folder, many_port))
        argv = [sys.executable, "-m", "gslb.cli.main", "serve", "--config", str(folder / "gslb.yaml")]
        try:
            self.server = Server("gslb", argv, port, folder)
        except BaseException:
            self._end_targets()
            raise

    def revive(self) -> None:
        """Start the web server of the site that dies."""
        self._dying = target.start(self.folder, self._site_port, _DYING)
        self._started.append(self._dying)

    def kill(self) -> None:
        """End it."""
        self._dying.kill()
        self._dying.wait()

    def stop(self) -> None:
        """End all."""
        self.server.stop()
        self._end_targets()

    def _end_targets(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()


class Stream(NamedTuple):
    """A steady stream of queries, for so many seconds."""

    client: Path
    queries: Path
    seconds: int

    def alone(self, stage: Scene) -> Burst:
        """Nothing happens meanwhile."""
        return load.client(self.client, stage.server, self.queries, self.seconds, window=4000, rate=RATE)

    def bursts(self, stage: Scene) -> list[Burst]:
        """Short ones, one after another: the p99 of a long one is what the host did in its worst moment."""
        settings = {"window": 4000, "rate": _PROBED_RATE}
        return [load.client(self.client, stage.server, self.queries, 1, **settings) for _ in range(_BURSTS)]

    def during(self, stage: Scene, act: Callable[[], None], **settings: object) -> Burst:
        """Something is done while it flows."""
        before = stage.server.cpu()
        process = load.start_client(
            self.client, stage.server.port, self.queries, self.seconds, window=4000, rate=RATE, **settings
        )
        try:
            act()
        except BaseException:
            process.kill()
            raise
        burst = load.result(process)
        return burst._replace(cpu=stage.server.cpu() - before)


def measure(key: str, folder: Path, client: Path, rounds: int, seconds: int) -> Row:
    """Calm and busy in turns."""
    queries = packets.write(folder / f"queries-{key}", [packets.message("www.bench.example")])
    stream = Stream(client, queries, 2 * seconds)
    calm: list[Burst] = []
    busy: list[Burst] = []
    notes: list[str] = []
    if key == "probes":
        for number in range(rounds):
            for targets, taken in ((0, calm), (TARGETS, busy)):
                with scene(folder / f"{key}-{number}-{targets}", targets) as stage:
                    taken.extend(stream.bursts(stage))
        notes = [f"{TARGETS / 5:.0f} probes a second"]
    else:
        with scene(folder / key) as stage:
            for _ in range(rounds):
                calm.append(stream.alone(stage))
                burst, note = _HAPPENINGS[key](stream, stage)
                busy.append(burst)
                notes.append(note)
    return Row(key, _TITLES[key], {"calm": measures(calm), "busy": measures(busy)}, {}, max(notes))


@contextmanager
def scene(folder: Path, targets: int = 0) -> Iterator[Scene]:
    """A scene whose first round of probes is over."""
    stage = Scene(folder, FIRST_PORT, targets)
    try:
        time.sleep(7.0 if targets else 2.0)
        yield stage
    finally:
        stage.stop()


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _site_dies(stream: Stream, stage: Scene) -> tuple[Burst, str]:
    died: list[float] = []
    begun = time.monotonic()

    def act() -> None:
        time.sleep(1.0)
        stage.kill()
        died.append(time.monotonic() - begun)

    burst = stream.during(stage, act, watch=_DYING)
    stage.revive()
    time.sleep(_RETURN)
    stale = burst.watched_last - died[0]
    return burst, f"last answer with the dead site at most {stale:.2f} s after its death (promised: {_BOUND} s)"


def _reloads(stream: Stream, stage: Scene) -> tuple[Burst, str]:
    """Both workers are replaced while control compiles: half a second in which all of them share the core."""

    def act() -> None:
        time.sleep(1.0)
        serial = len(list((stage.folder / "zones").iterdir()))
        (stage.folder / "zones" / f"more{serial}.yaml").write_text(
            f"zones:\n  more{serial}.example:\n    soa: {{mname: ns1, rname: hostmaster.bench.example., serial: 1}}\n"
            "    ns: [ns1]\n    records: {ns1: {A: [192.0.2.53]}}\n"
        )
        stage.server.process.send_signal(SIGHUP)

    long = stream._replace(seconds=_BETWEEN_RELOADS)
    return long.during(stage, act), f"one reload, with a new zone, in {_BETWEEN_RELOADS} s"


def _api_load(stream: Stream, stage: Scene) -> tuple[Burst, str]:
    token = (stage.folder / "state" / "token").read_text().strip()

    def act() -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{stage.server.port + 1}/api/v1/status", headers={"Authorization": f"Bearer {token}"}
        )
        until = time.monotonic() + stream.seconds - 0.5
        while time.monotonic() < until:
            with urllib.request.urlopen(request, timeout=5) as reply:
                reply.read()
            time.sleep(1 / _CALLS)

    return stream.during(stage, act), f"up to {_CALLS} status requests a second"


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
