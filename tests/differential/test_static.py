"""Random zones and queries: our replies against NSD's and Knot's. What may differ is in compare.py alone.

7,000 queries here, 100,000 with `make soak` (GSLB_DIFFERENTIAL sets the number for each of two sets of zones).
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rcode
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gslb.context import TCP, UDP, Context
from gslb.errors import ConfigError
from gslb.geo.atlas import Atlas
from gslb.responder import respond
from gslb.table.build import compile_base
from gslb.table.entries import Table
from gslb.table.leaves import compile_pools
from tests.differential.compare import Case, Data, Reply, allowed, read, read_zones
from tests.differential.peers import Peer, peers
from tests.differential.zones import CORNERS, FIXED, Question, master_file, questions, zone_lines
from tests.loading import load
from tests.support import SOURCE

ZONES = 12
QUERIES = int(os.environ.get("GSLB_DIFFERENTIAL", "3000"))
EXAMPLES = 2
MUST_SEE = {
    "NOERROR",
    "NXDOMAIN",
    "NOERROR TC",
    "nsd: addresses",
    "knot: addresses",
    "nsd: data behind an alias",
    "nsd: referral behind an alias",
    "knot: referral behind an alias",
    "nsd: beginning of an answer",
    "knot: beginning of an answer",
    "nsd: part of a referral",
    "knot: part of a referral",
}

NODE = 'node: {name: n, site: x}\nlisten: {dns: ["127.0.0.1:5300"]}\nzones: zones/\nstate: state/\n'


def rich(zones: list[list[str]]) -> bool:
    """Hypothesis begins with the smallest example there is: twelve times the same zone of one record teach nothing."""
    return sum(map(len, zones)) >= 8 * ZONES and len({tuple(lines) for lines in zones}) == ZONES


@pytest.mark.no_cover  # measuring coverage would treble its time, and other tests cover the same lines
@pytest.mark.timeout(3600)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(zones=st.lists(zone_lines(), min_size=ZONES, max_size=ZONES).filter(rich), seed=st.integers(0, 2**32))
def test_random_zones(
    need: Callable[[str], str],
    free_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
    zones: list[list[str]],
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("differential")
    zones_by_name = {f"z{at}.test.": lines for at, lines in enumerate(zones)} | FIXED
    good = {zone: lines for zone, lines in zones_by_name.items() if loads(folder, zone, lines)}
    assert good.keys() >= FIXED.keys()
    files = {zone: str(folder / "zones" / f"{zone}zone") for zone in good}
    ours = context(folder, good)
    data = read_zones(files)
    rng = random.Random(seed)
    sources = [questions(rng, zone, lines) for zone, lines in good.items()]
    asked = chain(CORNERS, (next(rng.choice(sources)) for _ in range(QUERIES)))
    seen: Counter[str] = Counter()
    with peers(need, free_port, folder, files) as started:
        for number, question in enumerate(asked):
            wire = encoded(question, number)
            if wire is not None:
                seen.update(compare(ours, started, wire, data))
    print(f"\n{len(good)} zones (seed {seed}): {dict(seen)}")
    assert seen.keys() >= MUST_SEE, "the zones are too poor, or an allowance is not needed any more"


def loads(folder: Path, zone: str, lines: list[str]) -> bool:
    """Write the zone; whether the loader accepts it (what it refuses is not served, and so not compared)."""
    (folder / "zones").mkdir(exist_ok=True)
    (folder / "gslb.yaml").write_text(NODE)
    file = folder / "zones" / f"{zone}zone"
    file.write_text(master_file(zone, lines))
    one = folder / "one"
    (one / "zones").mkdir(parents=True, exist_ok=True)
    (one / "gslb.yaml").write_text(NODE)
    (one / "zones" / "zones.yaml").write_text(f"sites: {{x: {{}}}}\nzones: {{{zone}: {{zonefile: {file}}}}}\n")
    try:
        load(str(one / "gslb.yaml"))
    except ConfigError:
        return False
    return True


def context(folder: Path, zones: dict[str, list[str]]) -> Context:
    """All zones, by the loader and the compiler that a node uses."""
    text = "sites: {x: {}}\nzones:\n" + "".join(f"  {zone}: {{zonefile: {zone}zone}}\n" for zone in zones)
    (folder / "zones" / "zones.yaml").write_text(text)
    config = load(str(folder / "gslb.yaml"))
    base = compile_base(config, Atlas.empty())
    return Context(Table(base, compile_pools(base, config, {}, {})), random.Random(1))


def encoded(question: Question, ident: int) -> bytes | None:
    """A query, None where the name is too long to be asked for."""
    edns = False if question.payload is None else 0
    try:
        message = dns.message.make_query(question.name, question.rtype, use_edns=edns, payload=question.payload or 512)
    except dns.name.NameTooLong:
        return None
    message.id = ident & 0xFFFF
    message.flags = dns.flags.Flag(0)
    return message.to_wire()


def compare(ours: Context, others: list[Peer], wire: bytes, data: Data) -> Iterator[str]:
    """What is worth counting: RCODE, truncation, the allowances that each peer needs. Fails where replies differ."""
    mine = answered(ours, wire, UDP)
    kind = dns.rcode.to_text(dns.message.from_wire(mine).rcode())
    yield f"{kind} TC" if mine[2] & 2 else kind
    asked = dns.message.from_wire(wire).question[0]

    def about(name: dns.name.Name, rtype: int) -> Reply:
        return read(answered(ours, encoded(Question(name.to_text(), f"TYPE{rtype}", 1232), 0) or b"", TCP))

    for peer in others:
        theirs = peer.ask(wire)
        case = Case(read(mine), read(theirs), data, asked.name, int(asked.rdtype), about)
        try:
            yield from (f"{peer.name}: {name}" for name in allowed(case))
        except AssertionError as error:
            shown = f"--- ours\n{dns.message.from_wire(mine)}\n--- {peer.name}\n{dns.message.from_wire(theirs)}"
            raise AssertionError(f"{peer.name}: {error}\n{shown}") from error


def answered(ctx: Context, wire: bytes, transport: int) -> bytes:
    reply = respond(ctx, wire, SOURCE, transport)
    assert reply is not None
    return reply
