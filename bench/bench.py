"""`make bench`: CPU microseconds per query of this server beside NSD's, in alternating rounds of one run.

Ratios count; absolute times depend on the machine and its neighbours. Server and client each have a core of their own.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.load import Burst, burst
from bench.servers import OWNER, SERVERS

FIRST_PORT = 15300


def main() -> int:
    """Measure, print a table, and write the figures as JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (default 5)")
    parser.add_argument("--seconds", type=int, default=4, help="of load per round and server (default 4)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--at-most", type=float, help="exit 1 if gslb costs more than this many times NSD's CPU")
    options = parser.parse_args()
    missing = [
        tool for tool in ("nsd", "dnsperf", "taskset") if shutil.which(tool, path="/usr/bin:/usr/sbin:/bin") is None
    ]
    if missing:
        print(f"missing: {', '.join(missing)}; install with: apt-get install {' '.join(missing)}", file=sys.stderr)
        return 2
    figures = summary(measure(options.rounds, options.seconds))
    show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if options.at_most and figures["ratio"]["median"] > options.at_most else 0


def measure(rounds: int, seconds: int) -> dict[str, list[Burst]]:
    """Bursts against each server, in turn, after a short one that does not count."""
    bursts: dict[str, list[Burst]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory(prefix="gslb-bench-") as folder:
        queries = Path(folder) / "queries"
        queries.write_text(f"{OWNER} A\n")
        running = []
        try:
            for number, (name, start) in enumerate(SERVERS.items()):
                own = Path(folder) / name
                own.mkdir()
                running.append(start(own, FIRST_PORT + 10 * number))
            for number in range(rounds + 1):
                for server in running:
                    progress(f"round {number} of {rounds}: {server.name}")
                    got = burst(server, queries, seconds if number else 1)
                    if number:
                        bursts[server.name].append(got)
        finally:
            for server in running:
                server.stop()
    progress("")
    return bursts


def summary(bursts: dict[str, list[Burst]]) -> dict[str, dict[str, float]]:
    """Medians with minimum and maximum, and the ratio round by round."""
    figures: dict[str, dict[str, float]] = {}
    for name, rounds in bursts.items():
        costs = [one.micros for one in rounds]
        figures[name] = {
            **spread(costs),
            "queries_per_second": median(one.rate for one in rounds),
            "lost": sum(one.lost for one in rounds),
        }
    figures["ratio"] = spread(
        [ours.micros / theirs.micros for ours, theirs in zip(bursts["gslb"], bursts["nsd"], strict=True)]
    )
    return figures


def spread(values: list[float]) -> dict[str, float]:
    """Minimum, median and maximum."""
    return {"min": min(values), "median": median(values), "max": max(values)}


def show(figures: dict[str, dict[str, float]]) -> None:
    """The table that a person reads."""
    print(f"{'weighted A with EDNS':<22}{'min':>8}{'median':>8}{'max':>8}   CPU microseconds per answered query")
    for name in SERVERS:
        row = figures[name]
        print(f"{columns(name, row)}   {row['queries_per_second']:.0f} per second")
    print(columns("gslb / nsd", figures["ratio"]))


def columns(name: str, row: dict[str, float]) -> str:
    """One line of the table."""
    return f"{name:<22}{row['min']:>8.2f}{row['median']:>8.2f}{row['max']:>8.2f}"


def progress(text: str) -> None:
    """One line that replaces the last, where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
