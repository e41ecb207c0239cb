from collections.abc import Callable
from pathlib import Path

import pytest

from gslb.errors import ConfigError
from tests.config.conftest import ZONE, Folder
from tests.config.test_kinds import written
from tests.loading import load

Check = Callable[[str], list[str]]


@pytest.mark.parametrize(
    "text",
    [
        "a A 192.0.2.1\na A 192.0.2.2\na AAAA 2001:db8::1",
        "www TXT other-types-of-a-dynamic-name",
        "@ MX 10 mail.example.net.",
        "a.b.c A 192.0.2.1",
        "www 5 TXT x\nns1 60 A 192.0.2.54",
        '@ CAA 0 issue "ca.example.net"\n_x._tcp SRV 1 2 3 www',
        "x DNSKEY 256 3 13 AAAA",
    ],
)
def test_what_is_fine(zone_messages: Check, text: str) -> None:
    assert zone_messages(text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a.example.net. A 192.0.2.1", "a.example.net. lies outside its zone"),
        ("a 5 TXT x\na 6 TXT y", "a.example.com. TXT: TTL 6 differs within the set (it is 5 at "),
        ("a A 192.0.2.1\na A 192.0.2.1", "a.example.com. A has the same data twice (the first is at "),
        ("a PTR b.net.\na PTR B.NET.", "a.example.com. PTR has the same data twice"),
        ("a SOA a b 1 2 3 4 5", "SOA at a.example.com., which is not the top of the zone"),
        ("@ SOA a b 1 2 3 4 5", "has more than one SOA (the first is at "),
        ("a DNAME b", "a.example.com. DNAME: records of this type cannot be served"),
        ("a NSEC b A", "a.example.com. NSEC: records of this type cannot be served (the zone must be unsigned)"),
        ("a TYPE200 \\# 0", "a.example.com. TYPE200: records of this type cannot be served"),
        ("www A 192.0.2.1", "www.example.com. has both pools and static A records (the records are at "),
        ("www AAAA ::1", "www.example.com. has both pools and static AAAA records"),
        ("www NS b.net.", "www.example.com. lies at or below the zone cut www.example.com."),
    ],
)
def test_what_is_wrong(zone_messages: Check, text: str, fault: str) -> None:
    found = zone_messages(text)
    assert len(found) == 1
    assert found[0].startswith(fault)


def test_a_set_that_no_message_holds(zone_messages: Check) -> None:
    text = "x" * 240
    [found] = zone_messages("".join(f"big 60 TXT {text}{n:03d}\n" for n in range(260)))
    assert found == "big.example.com. TXT needs a message of 66604 octets, at most 65535 fit"


def test_a_zone_needs_soa_and_ns(folder: Folder) -> None:
    soa, ns = folder.problems(zone="names: {www: {pool: web}}\n")
    assert soa == "zones/a.yaml:13:3: zones.example.com: has no SOA (give `soa`, or an SOA record in the zonefile)"
    assert ns.startswith("zones/a.yaml:13:3: zones.example.com: has no name servers (give `ns`, or NS records")


def test_soa_and_ns_may_come_from_the_master_file(folder: Folder) -> None:
    folder.write("zones/db", "@ SOA a b 7 2 3 4 5\n@ NS b.net.\n")
    records = folder.load(zone="zonefile: db\nnames: {www: {pool: web}}\n").zones[b"\7example\3com\0"].records
    assert [record.rtype for record in records] == [6, 2]


def test_soa_in_both_names_both_places(folder: Folder) -> None:
    folder.write("zones/db", "@ SOA a b 7 2 3 4 5\n")
    [found] = folder.problems(zone=ZONE.replace("names:", "zonefile: db\nnames:"))
    assert found.startswith("zones/db:1:1: zones.example.com: has more than one SOA (the first is at ")
    assert "zones/a.yaml:15:5" in found


def test_static_https_beside_https_of_a_dynamic_name(tmp_path: Path) -> None:
    pool = "  web: {members: {a: {site: x, addresses: [192.0.2.1]}}}\n"
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, pool, "www: {pool: web, https: {alpn: [h2]}}", ", www: {HTTPS: [1 .]}"))
    (problem,) = caught.value.problems
    assert "both pools and static HTTPS records" in problem.message
    assert "zone.yaml:9:" in problem.hint
