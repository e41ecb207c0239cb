"""One burst of load by dnsperf, pinned to its own core, bounded in time and sent to loopback only."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from bench.servers import CLIENT_CPU, Server


class Burst(NamedTuple):
    """What one burst measured."""

    answered: int
    lost: int
    seconds: float
    cpu: float

    @property
    def micros(self) -> float:
        """Processor time of the server per answered query, in microseconds."""
        return self.cpu / self.answered * 1e6

    @property
    def rate(self) -> float:
        """Answered queries per second."""
        return self.answered / self.seconds


def burst(server: Server, queries: Path, seconds: int) -> Burst:
    """Ask one server as fast as it answers."""
    before = server.cpu()
    argv = ["dnsperf", "-s", "127.0.0.1", "-p", str(server.port), "-d", str(queries)]
    argv += ["-e", "-l", str(seconds), "-c", "8", "-q", "200", "-t", "2"]
    run = subprocess.run(["taskset", "-c", CLIENT_CPU, *argv], capture_output=True, text=True, timeout=seconds + 30)
    cpu = server.cpu() - before

    def figure(pattern: str) -> float:
        found = re.search(pattern, run.stdout)
        if not found:
            raise SystemExit(f"dnsperf said nothing of {pattern!r}:\n{run.stdout}{run.stderr}")
        return float(found[1])

    codes = dict(re.findall(r"(\w+) (\d+) \(", run.stdout.partition("Response codes:")[2].partition("\n")[0]))
    if set(codes) - {"NOERROR"}:
        raise SystemExit(f"{server.name} answered with errors: {codes}")
    return Burst(
        int(figure(r"Queries completed:\s+(\d+)")),
        int(figure(r"Queries lost:\s+(\d+)")),
        figure(r"Run time \(s\):\s+([\d.]+)"),
        cpu,
    )
