"""Bursts of load: our client for prepared queries, dnsperf for plain names and for TCP; bounded, to loopback only."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.server import CLIENT_CPU, Server

_SOURCE = Path(__file__).with_name("client.c")
_RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")


class Burst(NamedTuple):
    """What one burst measured. Latencies are microseconds, None where the tool tells none."""

    answered: int
    lost: int
    seconds: float
    cpu: float
    rcodes: Mapping[str, int]
    p50: float | None = None
    p99: float | None = None
    p999: float | None = None
    watched: int = 0
    watched_last: float = 0.0

    @property
    def micros(self) -> float:
        """Processor time of the server per answered query, in microseconds."""
        return self.cpu / self.answered * 1e6

    @property
    def rate(self) -> float:
        """Answered queries per second."""
        return self.answered / self.seconds


def build_client(folder: Path) -> Path:
    """Compile the load client."""
    program = folder / "client"
    subprocess.run(["gcc", "-O2", "-Wall", "-o", program, _SOURCE], check=True)
    return program


def client(program: Path, server: Server, packets: Path, seconds: float, **settings: object) -> Burst:
    """Send prepared queries; `settings` are those of client.c."""
    before = server.cpu()
    with start_client(program, server.port, packets, seconds, **settings) as process:
        out, _ = process.communicate(timeout=seconds + 30)
    if process.returncode:
        raise SystemExit(f"the load client failed against {server.name}")
    return _told(json.loads(out), server.cpu() - before)


def start_client(
    program: Path, port: int, packets: Path, seconds: float, **settings: object
) -> "subprocess.Popen[bytes]":
    """The client at work, for those who do something meanwhile."""
    words = [f"{name}={value}" for name, value in {"seconds": seconds, **settings}.items()]
    argv = ["taskset", "-c", CLIENT_CPU, str(program), str(port), str(packets), *words]
    return subprocess.Popen(argv, stdout=subprocess.PIPE)


def result(process: "subprocess.Popen[bytes]") -> Burst:
    """What a client that was started says at its end; of the server's processor time it knows nothing."""
    with process:
        out, _ = process.communicate(timeout=60)
    return _told(json.loads(out), 0.0)


def _told(told: Mapping[str, object], cpu: float) -> Burst:
    values = {str(key): value for key, value in told.items()}
    codes = values["rcodes"]
    assert isinstance(codes, list)
    rcodes = {_RCODES[code] if code < len(_RCODES) else str(code): count for code, count in enumerate(codes) if count}

    def number(key: str) -> float:
        value = values[key]
        assert isinstance(value, int | float)
        return float(value)

    return Burst(
        answered=int(number("answered")),
        lost=int(number("lost")),
        seconds=number("seconds"),
        cpu=cpu,
        rcodes=rcodes,
        p50=number("p50"),
        p99=number("p99"),
        p999=number("p999"),
        watched=int(number("watched")),
        watched_last=number("watched_last"),
    )


def dnsperf(server: Server, names: Path, seconds: int, *options: str) -> Burst:
    """Ask for names ("owner type" a line) as fast as the server answers."""
    before = server.cpu()
    argv = ["dnsperf", "-s", "127.0.0.1", "-p", str(server.port), "-d", str(names), "-l", str(seconds)]
    argv += ["-c", "8", "-q", "200", "-T", "2", *options]
    run = subprocess.run(["taskset", "-c", CLIENT_CPU, *argv], capture_output=True, text=True, timeout=seconds + 60)
    cpu = server.cpu() - before

    def figure(pattern: str) -> float:
        found = re.search(pattern, run.stdout)
        if not found:
            raise SystemExit(f"dnsperf said nothing of {pattern!r}:\n{run.stdout}{run.stderr}")
        return float(found[1])

    codes = re.findall(r"(\w+) (\d+) \(", run.stdout.partition("Response codes:")[2].partition("\n")[0])
    counts = int(figure(r"Queries completed:\s+(\d+)")), int(figure(r"Queries lost:\s+(\d+)"))
    return Burst(*counts, figure(r"Run time \(s\):\s+([\d.]+)"), cpu, {code: int(count) for code, count in codes})
