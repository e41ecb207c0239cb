"""C01-C08 and C20, C21: headers, counts, opcodes, and messages that are not well made."""

import socket

import pytest

from gslb.server.stats import named
from tests.wire.content import our_table
from tests.wire.exchange import Channel, running
from tests.wire.message import (
    AA,
    AD,
    CD,
    QR,
    RA,
    RD,
    SOA,
    TC,
    TXT,
    A,
    Z,
    header,
    name,
    opt,
    option,
    query,
    question,
    record,
    require,
)

CLIENT_COOKIE = b"wiretest"
UNASSIGNED = (1, 2, 3, *range(7, 16))
NOISE = AA | TC | RD | RA | Z | AD | CD


def test_c01_replies_are_not_replied_to(channel: Channel) -> None:
    """RFC 1035, 8906: QR=1 → none"""
    for flags in (QR, QR | AA, QR | NOISE):
        channel.silent(query("www", flags=flags), f"flags {flags:#x}")


def test_c02_too_short_for_a_header(udp: Channel) -> None:
    """RFC 1035: fewer than 12 bytes over UDP → none"""
    for size in (0, 1, 2, 11):
        udp.silent(query("www")[:size], f"{size} octets")


@pytest.mark.ours
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_c02_source_port_0(host: str) -> None:
    """source port 0 → none (seen in the counters, since nobody can receive there)"""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_UDP)
    except PermissionError:
        pytest.xfail("raw sockets need root; tests/server/test_batch.py has the same without sockets")
    wire = query("www")
    with raw, running(our_table(), (host,)) as run:
        port = run.worker.addresses[0][1]
        if family == socket.AF_INET6:
            raw.setsockopt(socket.IPPROTO_IPV6, 7, 6)  # IPV6_CHECKSUM: the kernel fills it in at octet 6
        datagram = b"\0\0" + port.to_bytes(2, "big") + (8 + len(wire)).to_bytes(2, "big") + b"\0\0" + wire
        raw.sendto(datagram, (host, 0))
        Channel(run.server, "udp6" if ":" in host else "udp4").ask(wire, "a good query behind it")
        counted = named(run.worker.counters())
    assert (counted["udp_port_zero"], counted["udp_queries"]) == (1, 1)


def test_c03_no_question(channel: Channel) -> None:
    """RFC 9619, 7873 §5.4: QDCOUNT=0 → FORMERR 0/0/0/0; with a COOKIE option NOERROR 0/0/0/1 and a full cookie"""
    channel.ask(header(), "QDCOUNT=0").expect("FORMERR", "qr", "0/0/0/0")
    channel.ask(header(0, 0, 0, 1) + opt(), "QDCOUNT=0 with OPT").expect(
        "FORMERR", "qr", "0/0/0/1", (), free="options counts"
    )
    probe = header(0, 0, 0, 1) + opt(option(10, CLIENT_COOKIE))
    reply = channel.ask(probe, "cookie alone").expect("NOERROR", "qr", "0/0/0/1", ((10, ...),), free="flags")
    cookie = reply.option(10)
    require(len(cookie) == 24 and cookie[:8] == CLIENT_COOKIE, f"cookie of {len(cookie)} octets")


def test_c04_several_questions(channel: Channel) -> None:
    """RFC 9619: QDCOUNT ≥ 2 → FORMERR 0/0/0/0"""
    for count in (2, 3, 65535):
        wire = header(count) + question("www") * min(count, 3)
        channel.ask(wire, f"QDCOUNT={count}").expect("FORMERR", "qr", "0/0/0/0", free="counts")


def test_c05_flags_of_a_query_are_ignored(channel: Channel) -> None:
    """RFC 8906: query with AA, TC, RA, Z, AD set → ignored: reply AA=1 TC=0 RA=0 Z=0 AD=0; RD copied"""
    for flags in (0, AA, TC, RA, Z, AD, AA | TC | RA | Z | AD):
        for rd in (0, RD):
            reply = channel.ask(query("www", flags=flags | rd), f"flags {flags | rd:#06x}")
            reply.expect("NOERROR", "qr aa rd" if rd else "qr aa", "1/1/0/0")


def test_c06_checking_disabled_is_cleared(channel: Channel) -> None:
    """RFC 4035 §3.1.6: CD=1 → CD=0 (an authoritative server clears it)"""
    channel.ask(query("www", flags=CD), "CD=1").expect("NOERROR", "qr aa", "1/1/0/0")
    channel.ask(query("www", flags=CD | RD, edns=opt(flags=0x8000)), "CD=1 DO=1").expect(
        "NOERROR", "qr aa rd", "1/1/0/1", (), do=True
    )


def test_c07_notimp_for_opcodes_that_nobody_serves(channel: Channel) -> None:
    """RFC 8906 §8.1.4: opcode 1, 2, 3, 7-15, all flags on → NOTIMP, only QR and opcode set, 0/0/0/0; TCP stays up"""
    for opcode in UNASSIGNED:
        wire = header(1, opcode=opcode, flags=NOISE) + question("www")
        channel.ask(wire, f"opcode {opcode}").expect("NOTIMP", "qr", "0/0/0/0")
        if not channel.udp:
            channel.alive(f"opcode {opcode}")


def test_c08_notimp_for_notify_update_and_dso(channel: Channel) -> None:
    """RFC 1996, 2136, 8490: NOTIFY, UPDATE, DSO when not configured → NOTIMP, AA=0"""
    for opcode, label in ((4, "NOTIFY"), (5, "UPDATE")):
        wire = header(1, opcode=opcode) + question("@", SOA)
        channel.ask(wire, label).expect("NOTIMP", "qr", "0/0/0/0", free="counts")
    keepalive = b"\0\x01\0\x08" + bytes(8)  # the TLV of RFC 8490 section 7.1
    channel.ask(header(opcode=6) + keepalive, "DSO").expect("NOTIMP", "qr", "0/0/0/0", free="counts")


def long_name(octets: int) -> bytes:
    """A wire name of so many octets in the test zone."""
    rest = octets - len(name("@"))
    labels = b""
    while rest > 64:
        labels += b"\x3b" + b"y" * 59
        rest -= 60
    return labels + bytes((rest - 1,)) + b"x" * (rest - 1) + name("@")


def test_c20_names_that_are_none(channel: Channel) -> None:
    """RFC 1035 §3.1: name of 255 octets fine; 256; label type 0x40 or 0x80; pointer in QNAME; cut → FORMERR 0/0/0/0"""
    channel.ask(query(long_name(255)), "255 octets").expect("NXDOMAIN", "qr aa", "1/0/1/0")
    bad = {
        "256 octets": query(long_name(256)),
        "label type 0x40": query(b"\x41" + b"x" * 65 + name("@")),
        "label type 0x80": query(b"\x81" + b"x" * 65 + name("@")),
        "pointer to itself": query(b"\xc0\x0c"),
        "pointer to the header": query(b"\xc0\x00"),
        "pointer behind a label": query(b"\x03www\xc0\x1c") + name("@"),
        "pointer beyond the end": query(b"\xff\xff"),
    }
    for label, wire in bad.items():
        channel.ask(wire, label).expect("FORMERR", "qr", "0/0/0/0", free="counts")


def test_c20_question_cut_anywhere(channel: Channel) -> None:
    """question cut anywhere → FORMERR 0/0/0/0"""
    whole = query("www")
    for size in range(12, len(whole)):
        channel.ask(whole[:size], f"cut at octet {size}").expect("FORMERR", "qr", "0/0/0/0", free="counts")


def test_c21_what_a_query_need_not_hold(channel: Channel) -> None:
    """trailing bytes; extra records in answer or authority → ignored, normal answer; a record cut short: FORMERR"""
    extra = record("www", A, bytes(4))
    fine = {
        "trailing octets": query("www") + b"trailing",
        "a record in the answer section": header(1, 1) + question("www") + extra,
        "a record in the authority section": header(1, 0, 1) + question("www") + extra,
        "an additional record": header(1, 0, 0, 1) + question("www") + extra,
        "16 records": header(1, 5, 5, 6) + question("www") + extra * 16,
    }
    for label, wire in fine.items():
        channel.ask(wire, label).expect("NOERROR", "qr aa", "1/1/0/0")
    behind = header(1, 1, 1, 2) + question("www") + extra * 3 + opt()
    channel.ask(behind, "OPT behind other records").expect("NOERROR", "qr aa", "1/1/0/1", ())
    cut = header(1, 0, 0, 1) + question("www") + record("www", TXT, b"\x05hello")[:-1]
    channel.ask(cut, "a record cut short").expect("FORMERR", "qr", "0/0/0/0", free="counts flags")


@pytest.mark.ours
def test_c21_limits_of_ours(channel: Channel) -> None:
    """at most 16 records in all, else FORMERR; no datagram is larger than the buffer"""
    over = header(1, 5, 6, 6) + question("www") + record("www", A, bytes(4)) * 17
    channel.ask(over, "17 records").expect("FORMERR", "qr", "0/0/0/0")
    channel.ask(query("www") + bytes(60_000), "60,000 trailing octets").expect("NOERROR", "qr aa", "1/1/0/0")
