"""How cost grows with names: `python bench/scale.py [--json FILE] [--quick]`. Prints a Markdown table.

For so many static records, and so many dynamic names (once with a hundred pools among them, once with a pool for each):
seconds to compile, dump and load; octets per name in a worker process, before and after every name was asked for; and
milliseconds from a verdict until every worker could answer by it (control's part and the worker's, without the waiting
between them), for a change of one pool, and for the failure of a site that touches up to 10,000 names.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from gslb.config.model import Config, MonitorSet, Pool, Rule
from gslb.control.line import Line, Plan
from gslb.dns.record import Record
from gslb.geo.atlas import Atlas
from gslb.health.judging import Inputs
from gslb.health.states import Belief, Observation, TargetKey
from gslb.server.snapshots import SnapshotWriter, load_newest, newer_leaves
from gslb.server.state import StateFolder
from gslb.table.build import compile_base
from gslb.table.entries import Table
from gslb.table.leaves import LastGood
from gslb.table.snapshot import dump_base
from tests.support import config, member, name, wire

ROOT = Path(__file__).parent.parent
SIZES = {"static": (1, 10_000, 1_000_000), "dynamic": (1, 10_000, 100_000)}
QUICK = {"static": (1, 10_000), "dynamic": (1, 10_000)}
SHARED_POOLS = 100
TOUCHED = 10_000

_CHILD = """
import gc, json, random, sys, time
from pathlib import Path
from gslb.server.process import load_newest
from gslb.server.state import StateFolder
from gslb.table.client import Client

def private():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024

gc.disable()
before, begun = private(), time.perf_counter()
table = load_newest(StateFolder(sys.argv[1]), lean=True).table
gc.freeze()
seconds, loaded = time.perf_counter() - begun, private()
client = Client(table, random.Random(1))
for node in list(table.nodes):
    node.select(client)
print(json.dumps({"load": seconds, "octets": loaded - before, "asked": private() - before}))
"""


@dataclass
class Row:
    """One line of the table. Times in seconds, but `one` and `site` in milliseconds; `octets` per name."""

    kind: str
    names: int
    pools: int
    compile: float = 0.0
    dump: float = 0.0
    load: float = 0.0
    octets: float = 0.0
    asked: float = 0.0
    one: float | None = None
    site: float | None = None


def static(count: int) -> Config:
    """One zone with so many names of one A record."""
    made = config(names=())
    apex = wire("@")
    zone = made.zones[apex]
    more = tuple(
        Record(b"\x08%08d" % number + apex, 1, 300, number.to_bytes(4, "big"), "bench") for number in range(count)
    )
    return replace(made, zones={apex: replace(zone, records=zone.records + more)})


def dynamic(count: int, pools: int) -> Config:
    """So many names, served by so many pools of two members with both families each."""
    members = [
        (member("tokyo", *addresses(2 * number)), member("osaka", *addresses(2 * number + 1)))
        for number in range(pools)
    ]
    made = [Pool(f"pool{number}", two, MonitorSet(("web",), 1)) for number, two in enumerate(members)]
    names = [name(f"name{number}", Rule((f"pool{number % pools}",))) for number in range(count)]
    return config(pools=made, names=names)


def addresses(number: int) -> tuple[str, str]:
    """An address of each family."""
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", f"2001:db8::{number >> 16:x}:{number & 0xFFFF:x}"


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """How long it took, and what it returned."""
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


@contextmanager
def state_folder() -> Iterator[StateFolder]:
    """A state folder that does not stay."""
    with tempfile.TemporaryDirectory(prefix="gslb-scale-") as path:
        state = StateFolder(path)
        yield state
        state.close()


def measure(kind: str, settings: Config, names: int, pools: int) -> Row:
    """One row."""
    row = Row(kind, names, pools)
    gc.collect()
    gc.disable()
    row.compile, base = seconds(lambda: compile_base(settings, Atlas.empty()))
    row.dump, _ = seconds(lambda: dump_base(base))
    with state_folder() as state:
        line = Line(Plan(settings, base))
        known = {TargetKey("web", a): UP for pool in settings.pools.values() for m in pool.members for a in m.addresses}
        states = line.judge(Inputs(known), 1.0).states
        writer = SnapshotWriter(state)
        writer.put_base(base, line.compile(states, {}))
        loaded = load_newest(state, lean=True)
        assert loaded is not None
        child = in_a_worker(state)
        row.load = child["load"]
        row.octets, row.asked = child["octets"] / names, child["asked"] / names
        if pools:
            row.one, row.site = publications(line, known, writer, (state, loaded.table))
    gc.enable()
    return row


UP, DOWN = Observation("up", 1.0), Observation("down", 2.0, "timeout")


def in_a_worker(state: StateFolder) -> dict[str, float]:
    """What a process that loads the table as a worker does has to say."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(state.path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return dict(json.loads(done.stdout))


def publications(
    line: Line, known: Belief, writer: SnapshotWriter, reader: tuple[StateFolder, Table]
) -> tuple[float, float]:
    """Milliseconds from belief to a worker's table: of one pool's change, and of a site's failure."""
    state, table = reader
    pools = list(line.plan.config.pools.values())
    good: LastGood = {}

    def publish(belief: Belief, table: Table) -> Table:
        nonlocal good
        states = line.judge(Inputs(belief), 2.0).states
        leaves = line.compile(states, good)
        good = leaves.last_good
        writer.put_leaves(leaves)
        return newer_leaves(state, table, writer.base_generation, writer.generation)

    times = []
    for failing in (pools[:1], pools[1 : TOUCHED + 1]):
        down = {address for pool in failing for address in pool.members[0].addresses}
        known = {key: DOWN if key.address in down else seen for key, seen in known.items()}
        spent, table = seconds(partial(publish, known, table))
        assert table.generation == writer.generation
        times.append(spent * 1000)
    return times[0], times[1]


def rows(sizes: Mapping[str, Sequence[int]]) -> Iterator[Row]:
    """All rows, the empty table's octets taken off."""
    empty = measure("static", static(0), 1, 0)
    for size in sizes["static"]:
        yield beyond(empty, measure("static", static(size), size, 0))
    for size in sizes["dynamic"]:
        for pools in sorted({min(size, SHARED_POOLS), size}):
            yield beyond(empty, measure("dynamic", dynamic(size, pools), size, pools))


def beyond(empty: Row, row: Row) -> Row:
    """The row with the octets that its names add."""
    return replace(row, octets=row.octets - empty.octets / row.names, asked=row.asked - empty.asked / row.names)


HEAD = (
    "| names | compile s | dump s | load s | octets per name | ... all asked for "
    "| one pool changes, ms | a site fails, ms |\n"
    "|---|---|---|---|---|---|---|---|"
)


def text(row: Row) -> str:
    """The row in Markdown."""
    what = f"{row.names:,} static" if not row.pools else f"{row.names:,} dynamic, {row.pools:,} pools"
    octets = [f"{value:,.0f}" if row.names > 1 else "-" for value in (row.octets, row.asked)]
    times = ["-" if value is None else f"{value:.1f}" for value in (row.one, row.site)]
    return f"| {' | '.join([what, f'{row.compile:.2f}', f'{row.dump:.2f}', f'{row.load:.2f}', *octets, *times])} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="10,000 names at most")
    options = parser.parse_args()
    print(HEAD)
    found = []
    for row in rows(QUICK if options.quick else SIZES):
        found.append(asdict(row))
        print(text(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
