import struct

import pytest

from gslb.config.model import Record, Zone
from gslb.dns.name import from_text
from tests.config.conftest import Folder

APEX = from_text("example.com.")
HEAD = "soa: {mname: ns1, rname: hostmaster, serial: 1}\nns: [ns.example.net.]\nnames: {www: {pool: web}}\n"


def zone(folder: Folder, text: str) -> Zone:
    return folder.load(zone=HEAD + text).zones[APEX]


def faults(folder: Folder, text: str) -> list[str]:
    return [line.removeprefix("zones.example.com") for line in folder.messages(zone=HEAD + text)]


def records(folder: Folder, text: str) -> list[tuple[bytes, int, int, bytes]]:
    """What stands besides SOA and NS."""
    found = [(r.owner, r.rtype, r.ttl, r.rdata) for r in zone(folder, text).records if r.rtype not in (2, 6)]
    return [(owner.removesuffix(APEX), rtype, ttl, rdata) for owner, rtype, ttl, rdata in found]


def test_soa_and_ns(folder: Folder) -> None:
    soa_text = "{mname: ns1, rname: Host.Example.NET., serial: 7, refresh: 1, retry: 2, expire: 3}"
    text = f"ttl: 300\nsoa: {soa_text}\nns: [NS1, b.net.]"
    config = folder.load(zone=f"{text}\nrecords: {{ns1: {{A: 192.0.2.1}}}}\nnames: {{www: {{pool: web}}}}")
    ns1, b, soa, address = config.zones[APEX].records
    assert (ns1.owner, ns1.rtype, ns1.ttl, ns1.rdata) == (APEX, 2, 300, b"\3NS1" + APEX)
    assert b.rdata == b"\1b\3net\0"
    numbers = b"".join(number.to_bytes(4, "big") for number in (7, 1, 2, 3, 30))
    assert soa.rdata == b"\3ns1" + APEX + b"\4Host\7Example\3NET\0" + numbers
    assert (soa.rtype, soa.ttl) == (6, 300)
    assert address.where.endswith("zones/a.yaml:17:21")


def test_soa_has_defaults_and_a_ttl_of_its_own(folder: Folder) -> None:
    text = "soa: {mname: a, rname: b, ttl: 9}\nns: b.net.\nnames: {www: {pool: web}}"
    config = folder.load(zone=text)
    soa = config.zones[APEX].records[1]
    assert soa.ttl == 9
    assert struct.unpack(">5I", soa.rdata[-20:]) == (1, 3600, 600, 604800, 30)
    assert "has no serial, so it is 1" in config.warnings[0].message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {A: 192.0.2.1}", [(b"\1a", 1, 60, b"\xc0\0\2\1")]),
        ("A: {a: [192.0.2.1, 192.0.2.2]}", [(b"\1a", 1, 60, b"\xc0\0\2\1"), (b"\1a", 1, 60, b"\xc0\0\2\2")]),
        ("a: {A: {ttl: 5, data: [192.0.2.1]}}", [(b"\1a", 1, 5, b"\xc0\0\2\1")]),
        ('"*.b": {CNAME: www}', [(b"\1*\1b", 5, 60, b"\3www" + APEX)]),
        ('"@": {TXT: "v=DMARC1; p=none"}', [(b"", 16, 60, b"\x10v=DMARC1; p=none")]),
        ("10: {TYPE65280: '\\# 2 ABCD'}", [(b"\x0210", 65280, 60, b"\xab\xcd")]),
        ("a.example.com.: {TXT: x}", [(b"\1a", 16, 60, b"\1x")]),
    ],
)
def test_inline_records(folder: Folder, text: str, expected: list[tuple[bytes, int, int, bytes]]) -> None:
    assert records(folder, f"records: {{{text}}}") == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 192.0.2.1", ".records.a: must be a mapping of record types to data (got '192.0.2.1')"),
        ("a: {}", ".records.a: must be a mapping of record types to data (got a mapping)"),
        ("a: {B: 192.0.2.1}", ".records.a.B: 'B' is not a record type"),
        ("a: {SOA: x}", ".records.a.SOA: the SOA has a key of its own (give `soa` of the zone)"),
        ("a: {A: 192.0.2.256}", ".records.a.A: '192.0.2.256' is not valid A data"),
        ("a: {TXT: 5}", ".records.a.TXT.data.0: must be text (got 5) (write it in quotes)"),
        ("a: {A: []}", ".records.a.A.data: must not be empty"),
        ("a: {A: {ttl: 5}}", ".records.a.A.data: is required"),
        ("a: {A: {tll: 5, data: 192.0.2.1}}", ".records.a.A.tll: is not a known key (did you mean ttl?)"),
        ("a..b: {A: 192.0.2.1}", ".records.a..b: name 'a..b' has an empty label"),
        ("b.net.: {A: 192.0.2.1}", ".records.b.net.: b.net. lies outside its zone"),
        ("a.badexample.com.: {A: 192.0.2.1}", ".records.a.badexample.com.: a.badexample.com. lies outside its zone"),
    ],
)
def test_inline_records_that_are_wrong(folder: Folder, text: str, fault: str) -> None:
    found = faults(folder, f"records: {{{text}}}")
    assert found[0].startswith(fault), found


def test_a_fault_in_the_data_has_its_line(folder: Folder) -> None:
    [found] = folder.problems(zone=f"{HEAD}records:\n  a:\n    A: [192.0.2.1,\n     192.0.2.256]\n")
    assert found.startswith("zones/a.yaml:19:9: zones.example.com.records.a.A")


@pytest.mark.parametrize(
    ("soa", "fault"),
    [
        ("{mname: ns1, rname: me@example.com, serial: 1}", ".soa.rname: must be a mailbox written as a name"),
        ("{mname: a..b, rname: b, serial: 1}", ".soa.mname: name 'a..b' has an empty label"),
        ("{mname: a, rname: b..c, serial: 1}", ".soa.rname: name 'b..c' has an empty label"),
    ],
)
def test_soa_that_is_wrong(folder: Folder, soa: str, fault: str) -> None:
    [found] = folder.messages(zone=f"soa: {soa}\nns: [b.net.]\nnames: {{www: {{pool: web}}}}")
    assert found.startswith(f"zones.example.com{fault}")


def test_ns_that_is_no_name(folder: Folder) -> None:
    [found] = folder.messages(zone="soa: {mname: a, rname: b, serial: 1}\nns: [a b]\nnames: {www: {pool: web}}")
    assert found.startswith("zones.example.com.ns.0: name 'a b'")


def test_a_forgotten_final_dot_is_a_warning(folder: Folder) -> None:
    [found] = folder.warnings(zone=f"{HEAD}records: {{a.Example.com: {{A: 192.0.2.1}}}}")
    assert found == (
        "zones.example.com.records.a.Example.com: means a.Example.com.example.com. "
        "(end it with a dot, or leave the zone's name out)"
    )


def test_master_file_and_inline_data_are_merged(folder: Folder) -> None:
    folder.write("zones/db", "a 60 A 192.0.2.1\nc TXT x\n")
    found = records(folder, "zonefile: db\nrecords: {a: {A: {ttl: 60, data: [192.0.2.2]}}}")
    assert [(owner, rdata) for owner, _, _, rdata in found] == [
        (b"\1a", b"\xc0\0\2\2"),
        (b"\1a", b"\xc0\0\2\1"),
        (b"\1c", b"\1x"),
    ]
    last = folder.load().zones[APEX].records[-1]
    assert isinstance(last, Record)
    assert last.where == f"{folder.path}/zones/db:2:1"


def test_a_master_file_that_is_not_there(folder: Folder) -> None:
    [found] = folder.problems(zone=f"{HEAD}zonefile: gone.zone\n")
    assert found.startswith("zones/a.yaml:17:15: zones.example.com.zonefile: ")
    assert found.endswith("cannot be read: No such file or directory")


def test_faults_in_a_master_file_have_their_lines(folder: Folder) -> None:
    folder.write("zones/db", "a A 192.0.2.1\nb A 192.0.2.256\n\nc FOO x\n")
    found = folder.problems(zone=f"{HEAD}zonefile: db\n")
    assert [line.split(": ")[:2] for line in found] == [
        ["zones/db:2:1", "zones.example.com"],
        ["zones/db:4:1", "zones.example.com"],
    ]
