"""RFC 6891: options read and written."""

import dns.edns
import dns.message
import pytest

from gslb.dns import edns as module
from gslb.dns.edns import COOKIE, ECS, KEEPALIVE, NSID, Edns, extended_error, opt_record, option, parse_options

SUBNET = bytes((0, 1, 24, 0, 203, 0, 113))


def parsed(data: bytes) -> Edns:
    edns = Edns()
    edns.meet(1232, 0, False)
    edns.cookie = edns.ecs = None
    parse_options(edns, b"before" + data + b"behind", 6, 6 + len(data))
    return edns


def test_every_option_that_we_serve_is_read() -> None:
    edns = parsed(option(NSID, b"") + option(ECS, SUBNET) + option(COOKIE, bytes(8)) + option(KEEPALIVE, b""))
    assert edns.nsid
    assert edns.keepalive
    assert edns.cookie == bytes(8)
    assert edns.ecs is not None
    assert edns.ecs.source == 24
    assert not edns.malformed


def test_unknown_options_are_ignored() -> None:
    edns = parsed(option(65001, b"whatever") + option(NSID, b""))
    assert edns.nsid
    assert not edns.malformed


def test_an_object_that_is_used_again_forgets_the_options_before() -> None:
    edns = parsed(option(NSID, b"") + option(KEEPALIVE, b"") + b"\0")
    assert edns.asks
    edns.meet(4096, 1, True)
    assert (edns.payload, edns.version, edns.dnssec_ok) == (4096, 1, True)
    assert not any((edns.malformed, edns.asks, edns.nsid, edns.keepalive))


def test_only_options_that_we_know_ask_for_something() -> None:
    assert not parsed(option(65001, b"whatever")).asks
    for known in (option(NSID, b""), option(ECS, SUBNET), option(COOKIE, bytes(8)), option(KEEPALIVE, b"")):
        assert parsed(known).asks


@pytest.mark.parametrize("stray", [b"\0", b"\0\3", b"\0\3\0"])
def test_stray_bytes_are_malformed(stray: bytes) -> None:
    assert parsed(option(NSID, b"") + stray).malformed


def test_an_option_that_overruns_is_malformed() -> None:
    assert parsed(b"\0\3\0\5abcd").malformed


@pytest.mark.parametrize("length", [*range(8), *range(9, 16), 41])
def test_cookie_lengths_that_rfc_7873_forbids(length: int) -> None:
    assert parsed(option(COOKIE, bytes(length))).malformed


@pytest.mark.parametrize("length", [8, 16, 24, 40])
def test_cookie_lengths_that_it_allows(length: int) -> None:
    edns = parsed(option(COOKIE, bytes(length)))
    assert not edns.malformed
    assert edns.cookie == bytes(length)


def test_of_two_cookies_and_subnets_the_first_counts() -> None:
    edns = parsed(option(COOKIE, b"12345678") + option(COOKIE, b"") + option(ECS, SUBNET) + option(ECS, b"junk"))
    assert edns.cookie == b"12345678"
    assert edns.ecs is not None
    assert not edns.malformed


def test_a_broken_subnet_is_malformed() -> None:
    assert parsed(option(ECS, b"\0\1\x21\0")).malformed


def test_an_independent_reader_understands_our_opt_record() -> None:
    reply = dns.message.make_response(dns.message.make_query("x.", "A", use_edns=0)).to_wire()[:12]
    wire = reply[:4] + b"\0\0\0\0\0\0\0\1" + opt_record(True, extended_error(0, "no live site"), extended_rcode=1)
    message = dns.message.from_wire(wire)
    assert message.edns == 0
    assert message.payload == module.OUR_PAYLOAD
    assert message.ednsflags & 0xFFFF == 0x8000
    assert message.rcode() == 16
    assert [o.to_text() for o in message.options] == ["EDE 0 (Other): no live site"]
