from collections.abc import Callable

import pytest

from tests.config.conftest import Folder

Check = Callable[[str], list[str]]


@pytest.mark.parametrize(
    "text",
    [
        "sub NS ns.sub\nns.sub A 192.0.2.1",
        "sub NS sub\nsub AAAA 2001:db8::1",
        "sub NS ns1\nsub NS b.net.\nsub DS 1 13 2 " + "00" * 32,
        "sub NS www",
        "sub NS x.w\n*.w A 192.0.2.1",
        "@ NS ns.sub\nsub NS b.net.\nns.sub A 192.0.2.1",
        "@ MX 0 .",
        "@ MX 10 www",
        "sub NS b.net.\n@ MX 10 mail.sub",
    ],
)
def test_what_is_fine(zone_messages: Check, text: str) -> None:
    assert zone_messages(text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("sub NS ns.sub", "the name server ns.sub.example.com. has no address (add an A or AAAA record for "),
        ("sub NS ns9", "the name server ns9.example.com. has no address"),
        ("@ NS a.b\nx.a.b A 192.0.2.1", "the name server a.b.example.com. has no address"),
        ("sub NS alias\nalias CNAME www", "the name server alias.example.com. is a CNAME (it needs addresses"),
        ("sub NS b.net.\nx.sub A 192.0.2.1", "x.sub.example.com. lies below the zone cut sub.example.com."),
        ("sub NS ns.sub\nns.sub A 192.0.2.1\nns.sub TXT x", "ns.sub.example.com. lies below the zone cut"),
        ("sub NS b.net.\nsub TXT x", "sub.example.com. is a zone cut: its TXT is not here"),
        ("sub NS b.net.\nsub A 192.0.2.1", "sub.example.com. is a zone cut: its A is not here"),
        ("sub NS b.net.\nx.sub NS c.net.", "x.sub.example.com. lies below the zone cut sub.example.com."),
        ("*.sub NS b.net.", "*.sub.example.com.: a wildcard cannot be delegated (RFC 4592 section 4.2)"),
    ],
)
def test_what_is_wrong(zone_messages: Check, text: str, fault: str) -> None:
    found = zone_messages(text)
    assert len(found) == 1, found
    assert found[0].startswith(fault)


def test_glue_that_is_missing_is_called_so(zone_messages: Check) -> None:
    assert zone_messages("sub NS ns.sub")[0].endswith("as glue)")


def test_a_mail_server_without_address_is_a_warning(folder: Folder) -> None:
    zone = "soa: {mname: a, rname: b, serial: 1}\nns: b.net.\nrecords: {'@': {MX: 10 mail}}\nnames: {www: {pool: web}}"
    [found] = folder.warnings(zone=zone)
    assert found == "zones.example.com: the mail server mail.example.com. has no address (mail will not arrive)"


HEAD = "soa: {mname: a, rname: b, serial: 1}"
NESTED = """
example.com: {%s, ns: [ns.child], names: {www: {pool: web}}, records: {child: {NS: ns.child}%s}}
child.example.com: {%s, ns: [ns], %s}
"""


@pytest.mark.parametrize("child", ["records: {ns: {A: 192.0.2.1}}", "names: {ns: {pool: web}}"])
def test_a_nested_zone_knows_its_own_addresses(folder: Folder, child: str) -> None:
    assert folder.load(zones=NESTED % (HEAD, "", HEAD, child)).zones


def test_a_nested_zone_hides_what_its_parent_says(folder: Folder) -> None:
    text = NESTED % (HEAD, ", x.child: {A: 192.0.2.1}", HEAD, "records: {ns: {A: 192.0.2.1}}")
    [found] = folder.messages(zones=text)
    assert "x.child.example.com. lies below the zone cut child.example.com." in found


def test_an_address_that_no_zone_has(folder: Folder) -> None:
    found = folder.messages(zones=NESTED % (HEAD, "", HEAD, "records: {ns: {TXT: x}}"))
    assert len(found) == 3, "asked for by both zones, twice by the parent"
