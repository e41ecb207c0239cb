"""The query parser: what it reads, what it refuses, and that nothing makes it raise."""

import struct

import dns.edns
import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.dns.message import FORMERR, NOERROR, NOTIMP, Query, parse, read, read_opt
from tests.support import header, query

QUESTION = b"\3www\7example\3com\0\0\1\0\1"
ROOT_OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"


def rcode(wire: bytes) -> int:
    parsed = parse(wire)
    assert parsed is not None
    return parsed.rcode


def test_a_plain_query() -> None:
    wire = query("wWw.eXample.com.", "AAAA")
    parsed = parse(wire)
    assert parsed is not None
    assert parsed.rcode == NOERROR
    assert parsed.qname == b"\3www\7example\3com\0"
    assert (parsed.qtype, parsed.qclass, parsed.end, parsed.usual) == (28, 1, len(wire), True)
    assert not parsed.edns


def test_a_query_with_edns() -> None:
    parsed = parse(query("www", payload=4096))
    assert parsed is not None
    assert parsed.edns
    assert (parsed.payload, parsed.version, parsed.dnssec_ok) == (4096, 0, False)


def test_options_are_read() -> None:
    parsed = parse(query("www", options=[dns.edns.NSIDOption(b"")]))
    assert parsed is not None
    assert parsed.edns
    assert parsed.nsid


def test_do_and_version_are_read_from_the_ttl() -> None:
    wire = header(counts=(1, 0, 0, 1)) + QUESTION + b"\0\0\x29\x02\x00" + bytes((0, 7, 0x80, 0)) + b"\0\0"
    parsed = parse(wire)
    assert parsed is not None
    assert parsed.edns
    assert (parsed.version, parsed.dnssec_ok) == (7, True)


@pytest.mark.parametrize("wire", [b"", bytes(11), header(flags=0x8000) + QUESTION])
def test_no_reply_may_be_sent(wire: bytes) -> None:
    assert parse(wire) is None


@pytest.mark.parametrize("opcode", [1, 2, 3, 4, 5, 6, 15])
def test_other_opcodes_are_not_implemented(opcode: int) -> None:
    assert rcode(header(flags=opcode << 11) + QUESTION) == NOTIMP


def test_more_than_one_question_is_refused() -> None:
    assert rcode(header(counts=(2, 0, 0, 0)) + QUESTION * 2) == FORMERR


def test_no_question_leaves_the_name_empty() -> None:
    parsed = parse(header(counts=(0, 0, 0, 1)) + ROOT_OPT)
    assert parsed is not None
    assert (parsed.rcode, parsed.qname) == (NOERROR, b"")
    assert parsed.edns


@pytest.mark.parametrize("length", range(len(QUESTION)))
def test_a_question_cut_anywhere(length: int) -> None:
    assert rcode(header() + QUESTION[:length]) == FORMERR


@pytest.mark.parametrize("first", [0x40, 0x80, 0xC0, 0xFF])
def test_label_types_that_a_question_may_not_have(first: int) -> None:
    assert rcode(header() + bytes((first, 12)) + QUESTION) == FORMERR


def test_a_name_of_255_octets_is_fine_and_of_256_is_not() -> None:
    labels = b"\x3f" + b"a" * 63
    fits = labels * 3 + b"\x3d" + b"a" * 61 + b"\0"
    assert len(fits) == 255
    assert rcode(header() + fits + b"\0\1\0\1") == NOERROR
    assert rcode(header() + labels * 3 + b"\x3e" + b"a" * 62 + b"\0\0\1\0\1") == FORMERR
    assert rcode(header() + b"\1a" * 2000 + b"\0\0\1\0\1") == FORMERR


def test_nul_and_8_bit_octets_are_ordinary() -> None:
    parsed = parse(header() + b"\3\0\xffA\0\0\1\0\1")
    assert parsed is not None
    assert parsed.qname == b"\3\0\xffa\0"


def test_trailing_bytes_are_ignored() -> None:
    assert rcode(header() + QUESTION + b"junk") == NOERROR


def record(rtype: int, owner: bytes = b"\xc0\x0c", data: bytes = b"") -> bytes:
    return owner + struct.pack("!HHIH", rtype, 1, 0, len(data)) + data


def test_records_of_all_sections_are_walked_to_find_opt() -> None:
    owners = [b"\xc0\x0c", b"\3www\xc0\x0c", b"\3www\3com\0", b"\0"]
    wire = header(counts=(1, 2, 2, 1)) + QUESTION + b"".join(record(1, owner, b"abcd") for owner in owners) + ROOT_OPT
    parsed = parse(wire)
    assert parsed is not None
    assert parsed.rcode == NOERROR
    assert parsed.edns


def test_opt_outside_the_additional_section_does_not_count() -> None:
    parsed = parse(header(counts=(1, 1, 0, 0)) + QUESTION + ROOT_OPT)
    assert parsed is not None
    assert not parsed.edns


def test_at_most_16_records() -> None:
    def wire(count: int) -> bytes:
        return header(counts=(1, 0, 0, count)) + QUESTION + record(1) * count

    assert rcode(wire(16)) == NOERROR
    assert rcode(wire(17)) == FORMERR


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"\xc0",
        b"\x40",
        b"\0\0\x29\0\0\0\0\0\0\0",
        b"\0\0\x29\0\0\0\0\0\0\0\5abcd",
        b"\1a" * 200 + b"\0",
        b"\x3f" + b"a" * 63 + b"\x3f" + b"a" * 63 + b"\x3f" + b"a" * 63 + b"\x3f" + b"a" * 63 + b"\0",
    ],
)
def test_a_record_that_is_cut_or_whose_owner_is_no_name(tail: bytes) -> None:
    assert rcode(header(counts=(1, 0, 0, 1)) + QUESTION + tail) == FORMERR


@pytest.mark.parametrize(
    ("counts", "tail"),
    [((1, 0, 0, 2), ROOT_OPT * 2), ((1, 0, 0, 1), b"\1a" + ROOT_OPT), ((1, 0, 0, 1), b"\xc0\x0c" + ROOT_OPT[1:])],
)
def test_two_opt_records_or_one_that_is_not_the_roots_are_malformed(
    counts: tuple[int, int, int, int], tail: bytes
) -> None:
    parsed = parse(header(counts=counts) + QUESTION + tail)
    assert parsed is not None
    assert parsed.edns
    assert parsed.malformed


@given(st.binary(max_size=600))
def test_any_bytes_are_parsed_or_refused(wire: bytes) -> None:
    parse(wire)


@given(st.binary(max_size=80), st.integers(0, 3), st.integers(0, 3))
def test_any_tail_behind_a_good_question(tail: bytes, before: int, behind: int) -> None:
    parsed = parse(header(counts=(1, before, 0, behind)) + QUESTION + tail)
    assert parsed is not None
    assert parsed.rcode in (NOERROR, FORMERR)
    assert parsed.qname == (b"" if parsed.rcode else b"\3www\7example\3com\0")


@given(st.lists(st.binary(min_size=1, max_size=63), max_size=4), st.integers(0, 65535))
def test_what_an_independent_writer_writes_is_read(labels: list[bytes], rtype: int) -> None:
    message = dns.message.make_query(dns.name.Name([*labels, b""]), rtype)
    message.flags = dns.flags.RD
    parsed = parse(message.to_wire())
    assert parsed is not None
    assert parsed.rcode == NOERROR
    assert parsed.qtype == rtype
    assert parsed.qname == b"".join(bytes((len(label),)) + label for label in labels).lower() + b"\0"


@given(st.lists(st.binary(max_size=120) | st.sampled_from([QUESTION, QUESTION + ROOT_OPT]), max_size=6))
def test_an_object_filled_again_is_as_good_as_a_fresh_one(tails: list[bytes]) -> None:
    used = Query()
    for number, tail in enumerate(tails):
        wire = header(counts=(1, 0, 0, number % 3)) + tail
        fresh = parse(wire)
        assert fresh is not None
        assert read(wire, used) is used
        if used.opt:
            read_opt(used)
        assert seen(used) == seen(fresh)


def seen(query: Query) -> list[object]:
    """Everything that may be read from a query."""
    always = ["end", "qclass", "qname", "qtype", "rcode", "usual", "wire", "edns", "cookie"]
    with_opt = ["payload", "version", "dnssec_ok", "malformed", "asks", "nsid", "keepalive"] if query.edns else []
    return [getattr(query, field) for field in always + with_opt] + [query.ecs and query.ecs.raw]
