"""Random zones and queries: our replies against NSD's and Knot's. The deviations are in docs/deviations.md.

6,000 queries here, 100,000 with `make soak` (GSLB_DIFFERENTIAL sets the number for each of two sets of zones).
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import dns.flags
import dns.message
import dns.name
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gslb.config.load import load
from gslb.context import Context
from gslb.errors import ConfigError
from gslb.geo.atlas import Atlas
from gslb.responder import respond
from gslb.table.build import compile_base
from gslb.table.entries import Table
from gslb.table.leaves import compile_pools
from tests.differential.peers import Peer, peers
from tests.differential.zones import master_file, questions, zone_lines
from tests.support import SOURCE

ZONES = 12
QUERIES = int(os.environ.get("GSLB_DIFFERENTIAL", "3000"))
EXAMPLES = 2

NODE = 'node: {name: n, site: x}\nlisten: {dns: ["127.0.0.1:5300"]}\nzones: zones/\nstate: state/\n'


class Reply(NamedTuple):
    """What is compared; records as (owner, type, TTL, data), lower-cased."""

    rcode: int
    authoritative: bool
    truncated: bool
    answer: frozenset[tuple[str, ...]]
    authority: frozenset[tuple[str, ...]]
    additional: frozenset[tuple[str, ...]]


def rich(zones: list[list[str]]) -> bool:
    """Hypothesis begins with the smallest example there is: twelve times the same zone of one record teach nothing."""
    return sum(map(len, zones)) >= 8 * ZONES and len({tuple(lines) for lines in zones}) == ZONES


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
    good = {f"z{at}.test.": lines for at, lines in enumerate(zones) if loads(folder, f"z{at}.test.", lines)}
    good["plain.test."] = ["www 60 A 192.0.2.1"]
    assert loads(folder, "plain.test.", good["plain.test."])
    ours = context(folder, good)
    files = {zone: str(folder / "zones" / f"{zone}zone") for zone in good}
    seen: Counter[str] = Counter()
    rng = random.Random(seed)
    with peers(need, free_port, folder, files) as started:
        for number in range(QUERIES):
            zone, lines = rng.choice(list(good.items()))
            name, rtype = next(questions(rng, zone, lines, 1))
            wire = question(name, rtype, number)
            if wire is not None:
                compare(ours, started, wire, (folder / "zones" / f"{zone}zone").read_text())
                seen[rtype] += 1
    print(f"\n{sum(seen.values())} queries on {len(good)} zones (seed {seed}) agree with NSD and Knot")


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


def question(name: str, rtype: str, ident: int) -> bytes | None:
    """A query with EDNS, None where the name is too long or odd to be one."""
    try:
        message = dns.message.make_query(name, rtype, use_edns=0, payload=1232)
    except dns.name.NameTooLong:
        return None
    message.id = ident & 0xFFFF
    message.flags = dns.flags.Flag(0)
    return message.to_wire()


def compare(ours: Context, others: list[Peer], wire: bytes, zone: str) -> None:
    """Fail with everything that a person needs to see where replies differ beyond the written deviations."""
    reply = respond(ours, wire, SOURCE, 0)
    assert reply is not None
    mine = normal(dns.message.from_wire(reply))
    for peer in others:
        message = dns.message.from_wire(peer.ask(wire))
        shown = f"--- ours\n{dns.message.from_wire(reply)}\n--- {peer.name}\n{message}\n--- zone\n{zone}"
        assert mine == normal(message), f"{peer.name} differs\n{shown}"


def normal(message: dns.message.Message) -> Reply:
    """A reply without what may differ: see docs/deviations.md, whose numbers stand here."""
    answer, authority, additional = map(records, (message.answer, message.authority, message.additional))
    authoritative = bool(message.flags & dns.flags.AA)
    if authoritative or message.answer:
        additional = frozenset()  # 1: addresses of the targets of NS, MX and SRV
    else:
        cuts = tuple({owner for owner, rtype, *_ in authority if rtype == "NS"})
        additional = frozenset(r for r in additional if r[0].endswith(cuts))  # 2: in-domain glue alone must be there
    if message.answer:
        authority = frozenset(r for r in authority if r[1] == "SOA")  # 3: a referral behind a CNAME chain
    return Reply(int(message.rcode()), authoritative, bool(message.flags & dns.flags.TC), answer, authority, additional)


def records(section: list[dns.rrset.RRset]) -> frozenset[tuple[str, ...]]:
    return frozenset(
        (rrset.name.to_text().lower(), dns.rdatatype.to_text(rrset.rdtype), str(rrset.ttl), item.to_text().lower())
        for rrset in section
        for item in rrset
    )
