"""`make bench`: this server beside gdnsd, NSD, Knot and PowerDNS, in alternating rounds of one run.

Ratios count; absolute times depend on the machine and its neighbours. Server and client each have a core of their own.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import events, growth, latency, report
from bench.figures import Row, from_plain, row
from bench.load import Burst, build_client
from bench.server import FIRST_PORT, Server, missing
from bench.servers import SERVERS
from bench.workloads import MANY, ONE, WORKLOADS, Rig, Workload

DOCS = Path(__file__).parent.parent / "docs"
MEASURES = (*(workload.key for workload in WORKLOADS), *latency.KEYS, *growth.KEYS, *events.KEYS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for, show it, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(MEASURES), help=f"comma-separated: {', '.join(MEASURES)}")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (default 5)")
    parser.add_argument("--seconds", type=int, default=3, help="of load per round and server (default 3)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--docs", action="store_true", help="write to docs/performance.*; rows not measured now stay")
    options = parser.parse_args(arguments)
    wanted = options.only.split(",")
    unknown = sorted(set(wanted) - set(MEASURES))
    if unknown:
        parser.error(f"no such workload: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    complaint = missing()
    if complaint:
        print(complaint, file=sys.stderr)
        return 2
    rows = list(measure(wanted, options.rounds, options.seconds))
    Console().print(report.table(rows))
    if options.json:
        write_json(options.json, rows)
    if options.docs:
        rows = beside_former(rows, DOCS / "performance.json")
        write_json(DOCS / "performance.json", rows)
        report.write(rows, DOCS)
    return 0


def write_json(path: Path, rows: Sequence[Row]) -> None:
    """All figures."""
    path.write_text(json.dumps([one.plain() for one in rows], indent=1) + "\n")


def beside_former(rows: Sequence[Row], path: Path) -> list[Row]:
    """These rows and, of the last report, those that were not measured now; in the order of MEASURES."""
    former = [from_plain(plain) for plain in json.loads(path.read_text())] if path.exists() else []
    found = {**{one.key: one for one in former}, **{one.key: one for one in rows}}
    return [found[key] for key in MEASURES if key in found]


def measure(wanted: Sequence[str], rounds: int, seconds: int, only: Sequence[str] = ()) -> Iterator[Row]:
    """Every row that was asked for, with a progress bar where somebody watches. `only`: no other peers than these."""
    chosen = [workload for workload in WORKLOADS if workload.key in wanted]
    if only:
        chosen = [
            workload._replace(peers=tuple(peer for peer in workload.peers if peer in only)) for workload in chosen
        ]
    timed = [key for key in latency.KEYS if key in wanted]
    grown = [key for key in growth.KEYS if key in wanted]
    happenings = [key for key in events.KEYS if key in wanted]
    bursts = sum((rounds + 1) * (1 + len(workload.peers)) for workload in chosen)
    with tempfile.TemporaryDirectory(prefix="gslb-bench-") as folder, Progress(console=Console(stderr=True)) as bar:
        client = build_client(Path(folder))
        task = bar.add_task("bench", total=bursts + len(timed) + len(grown) + len(happenings))
        for many in (False, True):
            group = [workload for workload in chosen if workload.many is many]
            if not group and not (timed and not many):
                continue
            rig = Rig(Path(folder) / f"many-{many}", client, MANY if many else ONE, seconds)
            rig.folder.mkdir()
            names = ["gslb", *(name for name in SERVERS if any(name in workload.peers for workload in group))]
            if timed and not many:
                names = list(dict.fromkeys([*names, *(peer for key in timed for peer in latency.PEERS[key])]))
            with running(names, rig) as servers:
                for workload in group:
                    yield row(
                        workload, alternate(workload, servers, rig, rounds, lambda text: advance(bar, task, text))
                    )
                for key in timed if not many else ():
                    advance(bar, task, key)
                    yield latency.measure(key, servers, rig, rounds)
        for key in grown:
            advance(bar, task, key)
            yield growth.measure(key, Path(folder), client, FIRST_PORT, rounds, seconds)
        for key in happenings:
            advance(bar, task, key)
            yield events.measure(key, Path(folder), client, rounds, seconds)


def advance(bar: Progress, task: TaskID, text: str) -> None:
    """One step further, and what is going on."""
    bar.update(task, advance=1, description=text)


@contextmanager
def running(names: Sequence[str], rig: Rig) -> Iterator[dict[str, Server]]:
    """Servers with equal content, on one core, all of them up while they take turns."""
    servers: dict[str, Server] = {}
    try:
        for number, name in enumerate(names):
            folder = rig.folder / name
            folder.mkdir()
            servers[name] = SERVERS[name](rig.content, folder, FIRST_PORT + 10 * number)
        yield servers
    finally:
        for server in servers.values():
            server.stop()


def alternate(
    workload: Workload, servers: dict[str, Server], rig: Rig, rounds: int, tell: Callable[[str], None]
) -> dict[str, list[Burst]]:
    """Bursts against each server in turn; the first round warms up and does not count."""
    bursts: dict[str, list[Burst]] = {name: [] for name in ("gslb", *workload.peers)}
    for number in range(rounds + 1):
        for name, taken in bursts.items():
            tell(f"{workload.title}: {name}, round {number} of {rounds}")
            burst = workload.run(rig if number else rig._replace(seconds=1), servers[name])
            if number:
                check(workload, name, burst)
                taken.append(burst)
    return bursts


def check(workload: Workload, name: str, burst: Burst) -> None:
    """A server that answers otherwise than expected must not win by it."""
    wrong = {code: count for code, count in burst.rcodes.items() if code not in workload.expected}
    if name == "gslb" and wrong:
        raise SystemExit(f"{workload.title}: {name} answered {wrong}")
    if sum(wrong.values()) > 0.01 * max(burst.answered, 1):
        print(f"{workload.title}: {name} answered {wrong}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
