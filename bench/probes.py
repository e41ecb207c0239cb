"""What 5,000 HTTP targets every 5 s cost one control process, and how late their probes start.

`python bench/probes.py [--targets 5000] [--seconds 20] [--json FILE]` starts a web server on loopback, a node that
probes it by as many addresses, and then, one after another, what happens beside: nothing, status requests, scrapes of
/metrics, drains that come and go. It prints a Markdown table. CPU is the control process' share of one core, by the
scheduler's own accounting; lateness is the node's histogram, whose bounds it is told in. The node has one core and the
web server with all that asks the other. Probes that were not made are counted as late.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp

from bench import target
from bench.server import CLIENT_CPU, SERVER_CPU

ROOT = Path(__file__).parent.parent
PER_POOL = 10
INTERVAL = 5.0
GOAL = 0.05  # seconds
_BUCKET = 'gslb_probe_lateness_seconds_bucket{le="'


@dataclass(frozen=True)
class Row:
    """One phase. Seconds, but for `cpu`, a share of one core, and `in_time`, a share of the probes that were due.

    `waited` is the share of the time in which the loop could have run, but others had the core.
    """

    beside: str
    rate: float
    cpu: float
    waited: float
    in_time: float
    p50: float
    p99: float
    worst: float
    failures: int
    slowest_call: float


@dataclass(frozen=True)
class _Look:
    """What one scrape showed: the lateness as cumulative counts by bound, and the failures so far."""

    at: float
    cpu: tuple[float, float]
    counts: dict[float, int]
    failures: int


class Node:
    """A node with one worker, whose control process is measured, and the web server that it probes."""

    def __init__(self, folder: Path, targets: int) -> None:
        self.targets = targets
        self._folder = folder
        self._api, self._dns, port = (_free_port() for _ in range(3))
        (folder / "zones").mkdir()
        (folder / "zones" / "probed.yaml").write_text(zone(targets, port))
        (folder / "gslb.yaml").write_text(
            "node: {name: bench, site: tokyo}\n"
            f"listen: {{dns: ['127.0.0.1:{self._dns}'], api: '127.0.0.1:{self._api}'}}\n"
            "workers: 1\nzones: zones/\nstate: state/\nprobe: {allow: [127.0.0.0/8]}\nstartup_wait: 30s\n"
        )
        self._log = folder / "log"
        self._processes = [
            target.start(folder, port),
            _start(SERVER_CPU, self._log, "-m", "gslb.cli.main", "serve", "--config", str(folder / "gslb.yaml")),
        ]

    def url(self, path: str) -> str:
        """Where the API has `path`."""
        return f"http://127.0.0.1:{self._api}{path}"

    def headers(self) -> dict[str, str]:
        """The token."""
        return {"Authorization": f"Bearer {(self._folder / 'state' / 'token').read_text().strip()}"}

    async def ready(self, session: aiohttp.ClientSession) -> None:
        """Return after the first round of probes. Raises SystemExit with the log where that does not come."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and all(process.poll() is None for process in self._processes):
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(self.url("/readyz")) as answer:
                    if (await answer.json())["fresh"]:
                        return
            await asyncio.sleep(0.2)
        raise SystemExit(f"the node does not start; its log:\n{self._log.read_text()[-2000:]}")

    def cpu(self) -> tuple[float, float]:
        """Seconds that the control process has spent on a processor, and that its loop has waited for one."""
        pid = json.loads((self._folder / "state" / "run.json").read_text())["control"][0][0]
        times = {task.parent.name: task.read_text().split() for task in Path(f"/proc/{pid}/task").glob("*/schedstat")}
        return sum(int(ran) for ran, _, _ in times.values()) / 1e9, int(times[str(pid)][1]) / 1e9

    def stop(self) -> None:
        """End node and web server."""
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def zone(targets: int, port: int) -> str:
    """Pools of PER_POOL members, each with an address of its own, and a name for each pool."""
    lines = ["sites:", "  tokyo: {country: JP}", "  osaka: {country: JP}", "monitors:"]
    lines += [f"  web: {{type: http, port: {port}, path: /health, interval: {INTERVAL:g}s}}", "pools:"]
    for pool in range(0, targets, PER_POOL):
        lines.append(f"  p{pool}:\n    monitors: [web]\n    members:")
        for member in range(pool, min(pool + PER_POOL, targets)):
            site = "osaka" if member % 2 else "tokyo"
            lines.append(f"      m{member}: {{site: {site}, addresses: [127.1.{member // 250}.{member % 250 + 1}]}}")
    lines.append("zones:\n  bench.example:\n    soa: {mname: ns1, rname: hostmaster.example.com., serial: 1}")
    lines.append("    ns: [ns1]\n    records: {ns1: {A: [192.0.2.53]}}\n    names:")
    lines += [f"      n{pool}: {{pool: p{pool}, ttl: 30}}" for pool in range(0, targets, PER_POOL)]
    return "\n".join([*lines, ""])


def _start(cpu: str, log: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("ab") as out:
        argv = ["taskset", "-c", cpu, sys.executable, *arguments]
        return subprocess.Popen(argv, stdout=out, stderr=out, env=environment)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def look(session: aiohttp.ClientSession, node: Node) -> _Look:
    """Scrape the node."""
    async with session.get(node.url("/metrics")) as answer:
        lines = (await answer.text()).splitlines()
    counts = {
        float(line.removeprefix(_BUCKET).partition('"')[0]): int(float(line.split()[-1]))
        for line in lines
        if line.startswith(_BUCKET)
    }
    failures = sum(
        int(float(line.split()[-1]))
        for line in lines
        if line.startswith(('gslb_probes_total{result="failed"', 'gslb_probes_total{result="error"'))
    )
    return _Look(time.monotonic(), node.cpu(), counts, failures)


def row(beside: str, node: Node, before: _Look, after: _Look, slowest_call: float) -> Row:
    """What happened between two looks."""
    counts = {bound: count - before.counts[bound] for bound, count in after.counts.items()}
    seconds = after.at - before.at
    made = counts[float("inf")]
    due = max(made, int(seconds * node.targets / INTERVAL * 0.99))  # jitter moves some over the edges
    return Row(
        beside,
        rate=made / seconds,
        cpu=(after.cpu[0] - before.cpu[0]) / seconds,
        waited=(after.cpu[1] - before.cpu[1]) / seconds,
        in_time=counts[GOAL] / due,
        p50=_quantile(counts, 0.5),
        p99=_quantile(counts, 0.99),
        worst=_quantile(counts, 1.0),
        failures=after.failures - before.failures,
        slowest_call=slowest_call,
    )


def _quantile(counts: dict[float, int], share: float) -> float:
    """The least bound below which that share lies."""
    total = counts[float("inf")]
    return next(bound for bound in sorted(counts) if counts[bound] >= share * total)


async def nothing(session: aiohttp.ClientSession, node: Node) -> None:
    """No call."""


async def status(session: aiohttp.ClientSession, node: Node) -> None:
    """The whole status."""
    async with session.get(node.url("/api/v1/status"), headers=node.headers()) as answer:
        assert len((await answer.json())["pools"]) == (node.targets + PER_POOL - 1) // PER_POOL


async def metrics(session: aiohttp.ClientSession, node: Node) -> None:
    """One scrape."""
    async with session.get(node.url("/metrics")) as answer:
        await answer.read()


async def drains(session: aiohttp.ClientSession, node: Node) -> None:
    """Take half of all members out and let them in again: two publications."""
    wanted = {"target": "site/osaka", "reason": "bench", "owner": "bench", "for": "60s"}
    async with session.post(node.url("/api/v1/drains"), json=wanted, headers=node.headers()) as answer:
        assert answer.status == 201, await answer.text()
        drain = (await answer.json())["id"]
    async with session.delete(node.url(f"/api/v1/drains/{drain}"), headers=node.headers()) as answer:
        assert answer.status == 200, await answer.text()


Call = Callable[[aiohttp.ClientSession, Node], Awaitable[None]]
PHASES: dict[str, tuple[Call, float]] = {  # what happens beside -> the call, seconds between two
    "nothing": (nothing, 1.0),
    "status twice a second": (status, 0.5),
    "/metrics every 5 s": (metrics, 5.0),
    "a site drained and back every 2 s": (drains, 2.0),
}


async def measure(node: Node, seconds: float) -> list[Row]:
    """All phases, one after another."""
    rows = []
    async with aiohttp.ClientSession() as session:
        await node.ready(session)
        await asyncio.sleep(INTERVAL)
        for beside, (call, gap) in PHASES.items():
            before, slowest = await look(session, node), 0.0
            while (now := time.monotonic()) < before.at + seconds:
                await call(session, node)
                slowest = max(slowest, time.monotonic() - now)
                await asyncio.sleep(max(0.0, now + gap - time.monotonic()))
            rows.append(row(beside, node, before, await look(session, node), slowest))
    return rows


def table(rows: list[Row]) -> str:
    """Markdown."""
    lines = [
        "| beside | probes/s | CPU | core taken | within 50 ms | late: p50 | p99 | worst | failures | slowest call |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each in rows:
        late = " | ".join(f"≤ {value * 1000:g} ms" for value in (each.p50, each.p99, each.worst))
        lines.append(
            f"| {each.beside} | {each.rate:.0f} | {each.cpu:.0%} | {each.waited:.0%} | {each.in_time:.2%} | {late} "
            f"| {each.failures} | {each.slowest_call * 1000:.0f} ms |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--targets", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each phase")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        node = Node(Path(folder), arguments.targets)
        try:
            rows = asyncio.run(measure(node, arguments.seconds))
        finally:
            node.stop()
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(each) for each in rows], indent=2) + "\n")


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(CLIENT_CPU)})
    main()
