import time
from collections.abc import Mapping

import dns.zone
import pytest

from gslb.dns import zonefile
from gslb.dns.name import from_text
from gslb.dns.record import Record
from gslb.dns.zonefile import read
from gslb.errors import Problem

ORIGIN = from_text("example.com.")


def run(text: str, files: Mapping[str, str] | None = None) -> tuple[list[Record], list[Problem]]:
    def include(name: str, file: str) -> tuple[str, str]:
        try:
            return f"{file}>{name}", (files or {})[name]
        except KeyError:
            raise ValueError(f"{name} cannot be read") from None

    return read("db", text, ORIGIN, 60, include)


def good(text: str, files: Mapping[str, str] | None = None) -> list[Record]:
    records, problems = run(text, files)
    assert problems == []
    return records


def brief(text: str, files: Mapping[str, str] | None = None) -> list[tuple[str, int, str]]:
    """Owner up to the zone, TTL, place of each record."""
    return [(record.owner.removesuffix(ORIGIN)[1:].decode(), record.ttl, record.where) for record in good(text, files)]


def test_records_are_wire_with_lower_cased_owners() -> None:
    assert good("WWW 30 IN A 192.0.2.1\n") == [Record(b"\3www" + ORIGIN, 1, 30, b"\xc0\0\2\1", "db:1:1")]


def test_data_keeps_its_case_and_is_completed() -> None:
    assert good("a CNAME WWW")[0].rdata == b"\3WWW" + ORIGIN


def test_places_are_the_lines_where_entries_begin() -> None:
    text = '; nothing\n\na 5 (\n  A ; the type (\n  192.0.2.1 )\n  \n  TXT "(" \\(\nb A 192.0.2.2'
    assert brief(text) == [("a", 5, "db:3:1"), ("a", 5, "db:7:1"), ("b", 5, "db:8:1")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_system(end: str) -> None:
    assert brief(f"a A 192.0.2.1{end}{end}b A 192.0.2.2{end}") == [("a", 60, "db:1:1"), ("b", 60, "db:3:1")]


def test_ttl_is_the_given_one_then_the_last_one_then_the_directive() -> None:
    text = "a A 192.0.2.1\nb 5 A 192.0.2.1\nc A 192.0.2.1\n$TTL 1h\nd A 192.0.2.1\ne 7 A 192.0.2.1\nf A 192.0.2.1"
    assert [ttl for _, ttl, _ in brief(text)] == [60, 5, 5, 3600, 7, 3600]


def test_origin_and_generate() -> None:
    text = "$ORIGIN sub\na A 192.0.2.1\n$GENERATE 8-10/2 h${0,2,d} A 192.0.2.$\n$ORIGIN example.net.\nb A 192.0.2.1"
    owners = [record.owner for record in good(text)]
    sub = b"\3sub" + ORIGIN
    assert owners == [b"\1a" + sub, b"\3h08" + sub, b"\3h10" + sub, b"\1b\7example\3net\0"]


def test_an_included_file_changes_nothing_for_the_one_that_includes_it() -> None:
    text = "a 5 A 192.0.2.1\n$INCLUDE inner sub ; comment\n  TXT still-a\n$include inner\n"
    inner = "b 7 A 192.0.2.2\n$ORIGIN deeper\n$TTL 9\nc A 192.0.2.3\n"
    assert brief(text, {"inner": inner}) == [
        ("a", 5, "db:1:1"),
        ("b\3sub", 7, "db>inner:1:1"),
        ("c\6deeper\3sub", 9, "db>inner:4:1"),
        ("a", 5, "db:3:1"),
        ("b", 7, "db>inner:1:1"),
        ("c\6deeper", 9, "db>inner:4:1"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a A 192.0.2.256", "Text input is malformed"),
        ("a FOO x", "unknown rdatatype 'FOO'"),
        ("a CH A 192.0.2.1", "RR class is not zone's class"),
        ("a..b A 192.0.2.1", "A DNS label is empty"),
        ("a A (192.0.2.1", "unbalanced parentheses"),
        ("a A 192.0.2.1)", "Text input is malformed"),
        ('a TXT "open', "Text input ended unexpectedly"),
        ("$UNICODE 2008", "zone file directive '$UNICODE' is not allowed"),
        ("$INCLUDE", "$INCLUDE needs a file name"),
        ("$INCLUDE gone", "gone cannot be read"),
        ("$INCLUDE self", "$INCLUDE is nested more than 8 deep"),
        ("$GENERATE 5-1 a$ A 192.0.2.1", "Text input is malformed"),
        ("a 4294967296 A 192.0.2.1", ""),
    ],
)
def test_what_is_wrong_has_its_line_and_hides_nothing_else(text: str, message: str) -> None:
    records, problems = run(f"x A 192.0.2.1\n{text}\n", {"self": "$INCLUDE self"})
    assert len(records) == 1
    assert problems[0].message.startswith(message)
    assert problems[0].where == ("db:2:1" if "self" not in text else "db" + ">self" * 8 + ":1:1")


def test_every_fault_is_told() -> None:
    records, problems = run("a A x\nb A 192.0.2.1\nc A y\n")
    assert [record.owner[1:2] for record in records] == [b"b"]
    assert [problem.where for problem in problems] == ["db:1:1", "db:3:1"]


def test_the_number_of_records_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zonefile, "MAX_RECORDS", 10)
    records, problems = run("$GENERATE 1-100000000 a$ A 192.0.2.1\n")
    assert len(records) == 10
    assert problems[0].message == "more than 10 records"


def test_dnspython_reads_the_same_from_the_whole_file() -> None:
    text = """
$TTL 300
@ SOA ns1 host ( 1 2 3
  4 5 ) ; times
  NS ns1
ns1 A 192.0.2.1
    AAAA 2001:db8::1
*.w MX 10 ns1
t 60 TXT "a;b" "c(d"
h HTTPS 1 . alpn=h2
"""
    expected = {
        (name.derelativize(dns.name.from_text("example.com.")).to_wire(), int(data.rdtype), ttl, data.to_wire())
        for name, ttl, data in dns.zone.from_text(text, "example.com.", relativize=False).iterate_rdatas()
    }
    assert {(record.owner, record.rtype, record.ttl, record.rdata) for record in good(text)} == expected


def test_time_grows_with_the_number_of_records() -> None:
    def seconds(count: int) -> float:
        text = "".join(f"h{n} 300 IN A 192.0.2.{n % 256}\n" for n in range(count))
        start = time.process_time()
        assert len(good(text)) == count
        return time.process_time() - start

    small = min(seconds(2000) for _ in range(2))
    assert seconds(20_000) < 10 * small * 2.5, "linear, with room for a noisy machine"
