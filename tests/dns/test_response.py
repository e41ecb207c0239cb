"""Assembly: compression against the question, headers, sizes."""

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.dns.message import parse
from gslb.dns.name import from_text
from gslb.dns.response import (
    POINTERS,
    bare,
    compress,
    fill,
    header_only,
    heads,
    opt_for,
    record,
    reowned,
    size_limit,
    template,
)
from tests.support import query

ANCHOR = from_text("gslb.example.com.")


@pytest.mark.parametrize(
    ("name", "labels", "distance"),
    [
        ("gslb.example.com.", b"", 0),
        ("ns1.gslb.example.com.", b"\3ns1", 0),
        ("hostmaster.example.com.", b"\x0ahostmaster", 5),
        ("com.", b"", 13),
        ("ns.example.net.", from_text("ns.example.net."), -1),
        ("lb.example.com.", b"\2lb", 5),  # ends like the anchor, but not at a label
        (".", b"\0", -1),
    ],
)
def test_compression_shares_whole_labels_with_the_anchor(name: str, labels: bytes, distance: int) -> None:
    assert compress(from_text(name), ANCHOR) == (labels, distance)


def test_compression_is_not_fooled_by_text_that_ends_alike() -> None:
    anchor = b"\x04\x03com\x00"[:5] + b"\0"  # one label of four octets: 0x03 c o m
    assert compress(b"\3com\0", anchor) == (b"\3com\0", -1)


def test_templates_join_literals_and_fill_pointers() -> None:
    parts = template([b"a", b"b", (b"\3ns1", 0), (b"\2ns", -1), b"c"])
    assert parts == ((b"ab\3ns1", 0), (b"\2nsc", -1))
    assert fill(parts, 20) == b"ab\3ns1\xc0\x14\2nsc"


def test_a_template_may_end_with_a_pointer() -> None:
    assert template([(b"", 5)]) == ((b"", 5),)


def test_reowning_changes_owners_alone() -> None:
    first, second = record(1, 30, b"\1\2\3\4"), record(28, 60, bytes(16))
    assert reowned(first + second, b"\xc0\x30") == b"\xc0\x30" + first[2:] + b"\xc0\x30" + second[2:]
    assert reowned(b"", b"\xc0\x30") == b""


def test_heads_cover_recursion_desired_and_opt() -> None:
    assert [head.hex() for head in heads(0x0400, 2, 1, 0)] == [
        "84000001000200010000",
        "85000001000200010000",
        "84000001000200010001",
        "85000001000200010001",
    ]


def test_pointers_reach_as_far_as_the_longest_chain() -> None:
    assert POINTERS[12] == b"\xc0\x0c"
    assert len(POINTERS) > 12 + 255 + 4 + 16 * (12 + 255)


@pytest.mark.parametrize(("payload", "limit"), [(None, 512), (512, 512), (600, 600), (1232, 1232), (4096, 1232)])
def test_size_limit(payload: int | None, limit: int) -> None:
    parsed = parse(query("www", payload=payload))
    assert parsed is not None
    assert size_limit(parsed, datagram=True) == limit
    assert size_limit(parsed, datagram=False) == 65535


def test_opt_is_there_only_for_a_query_that_had_one() -> None:
    without, with_opt = parse(query("www")), parse(query("www", payload=1232))
    assert without is not None
    assert with_opt is not None
    assert opt_for(without, b"") == b""
    assert opt_for(with_opt, b"")[:3] == b"\0\0\x29"
    assert opt_for(with_opt, b"\0\3\0\0").endswith(b"\0\4\0\3\0\0")
    with_opt.dnssec_ok = True
    assert opt_for(with_opt, b"")[7] == 0x80


@given(st.booleans(), st.sampled_from([None, 1232]))
def test_bare_replies_echo_the_question(recursion: bool, payload: int | None) -> None:
    wire = bytearray(query("wWw", payload=payload))
    wire[2] = int(recursion)
    parsed = parse(bytes(wire))
    assert parsed is not None
    message = dns.message.from_wire(bare(parsed, 5, opt_for(parsed, b"")))
    assert message.id == int.from_bytes(wire[:2], "big")
    assert message.rcode() == 5
    assert message.question[0].name.labels[0] == b"wWw"
    assert bool(message.flags & 0x0100) is recursion
    assert (message.edns == 0) is (payload is not None)


def test_header_only_keeps_id_and_opcode() -> None:
    parsed = parse(b"\x12\x34\x2d\xff" + bytes(8))
    assert parsed is not None
    assert header_only(parsed, 4) == b"\x12\x34\xa8\x04" + bytes(8)
