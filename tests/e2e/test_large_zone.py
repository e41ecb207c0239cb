"""A hundred thousand records in a master file: how long until a node answers with them, and in how much memory."""

import random
import time
from collections.abc import Callable, Iterator

import dns.message
import dns.rdata
import pytest

from tests.e2e.kit import Node
from tests.e2e.load import ask_once
from tests.fuzz.measure import resident

pytestmark = pytest.mark.e2e

RECORDS = 100_000
ZONE = "large.test."
ASKED = 400
MOST_SECONDS = 20.0  # from `gslb serve` until its worker answers; a third of that where nothing else runs
MOST_OCTETS = 1000  # of a worker's memory for one record
MOST_CONTROL_OCTETS = 3000  # it compiles them
SMALL = f"$ORIGIN {ZONE}\n@ 3600 SOA ns1 hostmaster 1 3600 600 604800 30\n@ 3600 NS ns1\nns1 3600 A 192.0.2.53\n"
KINDS = (
    ("A", "10.{high}.{low}.1"),
    ("AAAA", "2001:db8::{high:x}:{low:x}"),
    ("TXT", '"text {high} {low}"'),
    ("CNAME", "www{high}.example.net."),
    ("MX", "10 mx{high}.example.net."),
)


def record(number: int) -> tuple[str, str, str]:
    """Owner, type and data of the record so numbered."""
    rtype, data = KINDS[number % len(KINDS)]
    return f"host{number}.d{number % 317}", rtype, data.format(high=number >> 8 & 255, low=number & 255)


def lines() -> Iterator[str]:
    for number in range(RECORDS):
        owner, rtype, data = record(number)
        yield f"{owner} 300 IN {rtype} {data}\n"


def start(node: Node, text: str) -> Node:
    """A node with this master file, which need not answer yet."""
    node.write(f"sites: {{tokyo: {{}}}}\nzones:\n  {ZONE}: {{zonefile: large.zone}}\n", workers=1)
    (node.zone.parent / "large.zone").write_text(text)
    return node.start()


def octets(node: Node) -> tuple[int, int]:
    """Memory of its worker, and of its control process."""
    run = node.run()
    return resident(run["workers"][0].pid), resident(run["control"][0].pid)


@pytest.mark.timeout(90)
def test_a_hundred_thousand_static_records(make_node: Callable[[], Node]) -> None:
    small = start(make_node(), SMALL)
    begun = time.monotonic()
    node = start(make_node(), SMALL + "".join(lines())).ready(60)
    seconds = time.monotonic() - begun
    worker, control = (
        (with_records - without) / RECORDS
        for with_records, without in zip(octets(node), octets(small.ready()), strict=True)
    )
    print(f"\n{seconds:.1f} s; octets per record: worker {worker:.0f}, control {control:.0f}")
    rng = random.Random(1)
    for number in [0, RECORDS - 1, *rng.sample(range(RECORDS), ASKED)]:
        owner, rtype, data = record(number)
        reply = ask_once(node.dns, dns.message.make_query(f"{owner}.{ZONE}", rtype).to_wire())
        assert reply
        (rrset,) = dns.message.from_wire(reply).answer
        assert (rrset.ttl, rrset[0].to_text()) == (300, dns.rdata.from_text("IN", rtype, data).to_text())
    assert seconds <= MOST_SECONDS
    assert worker <= MOST_OCTETS
    assert control <= MOST_CONTROL_OCTETS
