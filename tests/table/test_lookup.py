"""Finding names: RFC 1034 section 4.3.2, and the examples of RFC 4592 section 2.2.1."""

import pytest

from gslb.config.model import Zone
from gslb.dns.message import DS
from gslb.dns.name import from_text
from gslb.table.lookup import DELEGATED, HIT, MISS, OUTSIDE, find
from tests.support import config, records, table, wire

# The zone of RFC 4592 section 2.2.1, on our apex.
STATIC = (
    "* 3600 TXT wild",
    "* 3600 MX 10 host1",
    "sub.* 3600 TXT literal",
    "host1 3600 A 192.0.2.1",
    "_ssh._tcp.host1 3600 SRV 0 0 22 host1",
    "_ssh._tcp.host2 3600 SRV 0 0 22 host1",
    "subdel 3600 NS ns.example.org.",
    "subdel 3600 NS ns1.subdel",
    "ns1.subdel 3600 A 192.0.2.99",
    "deep.ns1.subdel 3600 TXT occluded",
)
TABLE = table(config(STATIC, names=()))
TXT, MX, A = 16, 15, 1


@pytest.mark.parametrize(
    ("name", "rtype", "outcome", "has_type"),
    [
        ("host3", MX, HIT, True),
        ("host3", A, HIT, False),
        ("foo.bar", TXT, HIT, True),
        ("host1", MX, HIT, False),
        ("sub.*", MX, HIT, False),
        ("_telnet._tcp.host1", 33, MISS, False),
        ("host.subdel", A, DELEGATED, False),
        ("subdel", A, DELEGATED, False),
        ("ns1.subdel", A, DELEGATED, False),
        ("deep.ns1.subdel", TXT, DELEGATED, False),
        ("ghost.*", MX, MISS, False),
        ("*", TXT, HIT, True),
        ("_tcp.host1", TXT, HIT, False),  # an empty non-terminal
        ("host2", TXT, HIT, False),
        ("x.host2", TXT, MISS, False),  # the wildcard does not reach below host2, which exists
        ("subdel", DS, HIT, False),
    ],
)
def test_rfc_4592_examples(name: str, rtype: int, outcome: int, has_type: bool) -> None:
    found, entry = find(TABLE.names, wire(name), rtype)
    assert found == outcome
    assert entry is not None
    assert (outcome == HIT and rtype in entry.types) is has_type


@pytest.mark.parametrize("name", [".", "com.", "example.com.", "evilgslb.example.com.", "gslb.example.org."])
def test_outside_our_zones(name: str) -> None:
    assert find(TABLE.names, from_text(name), A) == (OUTSIDE, None)


PARENT = Zone(
    from_text("example.com."),
    records(
        "@ 60 SOA ns1 root 1 1 1 1 30",
        "@ 60 NS ns1",
        "ns1 60 A 192.0.2.1",
        "gslb 60 NS ns1.gslb",
        "gslb 60 DS 1 13 2 " + "ab" * 32,
        "stale.gslb 60 A 192.0.2.2",
        "plain 60 A 192.0.2.3",
        origin="example.com.",
    ),
    (),
)


def test_a_child_zone_here_hides_the_parents_data_but_for_ds() -> None:
    both = table(config(zones=[PARENT]))
    assert find(both.names, wire("stale"), A)[0] == MISS
    outcome, entry = find(both.names, wire("@"), DS)
    assert outcome == HIT
    assert entry is not None
    assert DS in entry.types
    assert entry.zone.apex == from_text("example.com.")
    outcome, entry = find(both.names, wire("@"), A)
    assert entry is not None
    assert entry.zone.apex == wire("@")


def test_ds_of_an_apex_without_its_parent_here_is_nodata() -> None:
    outcome, entry = find(TABLE.names, wire("@"), DS)
    assert outcome == HIT
    assert entry is not None
    assert DS not in entry.types


def test_ds_of_an_unsigned_child_is_the_parents_nodata() -> None:
    parent = Zone(PARENT.apex, tuple(r for r in PARENT.records if r.rtype != DS), ())
    outcome, entry = find(table(config(zones=[parent])).names, wire("@"), DS)
    assert outcome == HIT
    assert entry is not None
    assert (dict(entry.types), entry.zone.apex) == ({}, parent.apex)


def test_the_root_may_be_a_zone() -> None:
    root = Zone(b"\0", records("@ 60 SOA a. b. 1 1 1 1 30", "@ 60 NS a.", "a. 60 A 192.0.2.1", origin="."), ())
    names = table(config(zones=[root])).names
    assert find(names, b"\0", DS)[0] == HIT
    assert find(names, from_text("com."), A)[0] == MISS
    assert find(names, wire("www"), A)[0] == HIT
