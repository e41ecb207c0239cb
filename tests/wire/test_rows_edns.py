"""C40-C47, C56 and C58: EDNS."""

import struct
from collections.abc import Callable

import pytest

from tests.wire.content import NODE, our_table
from tests.wire.exchange import Channel, Server, read_frame, running
from tests.wire.message import (
    COOKIE,
    DO,
    KEEPALIVE,
    NS,
    NSID,
    OPT,
    TXT,
    A,
    Options,
    ede,
    header,
    opt,
    option,
    query,
    question,
    require,
    texts,
    with_options,
)

CLIENT_COOKIE = b"wiretest"
NODE_NAME = (NSID, NODE.encode())


def test_c40_one_opt_for_one(channel: Channel) -> None:
    """RFC 6891 §6.1.1: OPT in query → one OPT in the reply, payload 1232; none if none"""
    for qname, rtype, rcode, flags, counts in (
        ("www", A, "NOERROR", "qr aa", "1/1/0/"),
        ("txt", A, "NOERROR", "qr aa", "1/0/1/"),
        ("missing", A, "NXDOMAIN", "qr aa", "1/0/1/"),
        ("sub", TXT, "NOERROR", "qr", "1/0/2/"),
        ("www.example.org.", A, "REFUSED", "qr", "1/0/0/"),
    ):
        glue = 2 if qname == "sub" else 0
        channel.ask(query(qname, rtype), qname).expect(rcode, flags, f"{counts}{glue}")
        free = "options" if rcode == "REFUSED" else ""  # EDE is another row's
        options: Options = (ede(20),) if rcode == "REFUSED" else ()
        channel.ask(query(qname, rtype, edns=opt()), f"{qname} with OPT").expect(
            rcode, flags, f"{counts}{glue + 1}", options, free=free
        )


def test_c41_other_versions(channel: Channel) -> None:
    """RFC 6891 §6.1.3: EDNS version 1..255 → BADVERS, OPT version 0, AA=0, 1/0/0/1; NSID and cookie still served"""
    for version in (1, 2, 100, 255):
        wire = query("www", edns=opt(version=version))
        channel.ask(wire, f"version {version}").expect("BADVERS", "qr", "1/0/0/1", ())
    both = with_options("www", (NSID, b""), (COOKIE, CLIENT_COOKIE), version=1)
    reply = channel.ask(both, "version 1 with NSID and COOKIE")
    reply.expect("BADVERS", "qr", "1/0/0/1", (NODE_NAME, (COOKIE, ...)), free="options")
    require(sorted(code for code, _ in reply.options) == [NSID, COOKIE], f"{reply.label}: {reply}")


def test_c42_unknown_options_and_flags(channel: Channel) -> None:
    """RFC 6891: unknown option; flags 0x7fff → ignored, not echoed; flags 0 except DO"""
    for code in (100, 65001, 65535, 0):
        wire = with_options("www", (code, b"data"))
        channel.ask(wire, f"option {code}").expect("NOERROR", "qr aa", "1/1/0/1", ())
    for flags in (0x7FFF, 0xFFFF, DO):
        wire = query("www", edns=opt(flags=flags))
        channel.ask(wire, f"flags {flags:#x}").expect("NOERROR", "qr aa", "1/1/0/1", (), do=bool(flags & DO))


def test_c43_malformed_opt(channel: Channel) -> None:
    """RFC 6891 §6.1.1: two OPT; owner not root; option overruns RDLEN; 1-3 stray bytes → FORMERR"""
    bad = {
        "two OPT": header(1, 0, 0, 2) + question("www") + opt() + opt(),
        "owner not root": query("www", edns=opt(owner=b"\x01x\0")),
        "owner a pointer": query("www", edns=opt(owner=b"\xc0\x0c")),
        "option overruns": query("www", edns=opt(struct.pack("!HH", 65001, 5) + b"four")),
        "1 stray octet": query("www", edns=opt(bytes(1))),
        "2 stray octets": query("www", edns=opt(bytes(2))),
        "3 stray octets": query("www", edns=opt(option(65001, b"") + bytes(3))),
    }
    for label, wire in bad.items():
        channel.ask(wire, label).expect("FORMERR", "qr", "1/0/0/1", (), free="counts flags options")


def test_c44_sizes_below_512(channel: Channel) -> None:
    """RFC 6891: OPT size 0..511 → taken as 512"""
    whole = len(query("www")) + 16 + 11
    for payload in (0, 1, 100, 511):
        assert payload < 512 < len(channel.ask(query("mid", TXT, edns=opt()), "whole").wire)
        reply = channel.ask(query("www", edns=opt(payload=payload)), f"size {payload}")
        reply.expect("NOERROR", "qr aa", "1/1/0/1", ())
        require(len(reply.wire) <= (whole if reply.ours else 512), f"{reply.label}: {len(reply.wire)} octets")
        large = channel.ask(query("mid", TXT, edns=opt(payload=payload)), f"size {payload}, 761 octets")
        if channel.udp:
            large.expect("NOERROR", "qr aa tc", "1/0/0/1", (), free="counts flags")
        else:
            large.expect("NOERROR", "qr aa", "1/1/0/1", ())


def test_c45_size_of_replies(udp: Channel) -> None:
    """RFC 9715: UDP reply → ≤ min(client's size, 1232), never fragmented"""
    for payload, fits in ((512, False), (700, False), (800, True), (1232, True), (65535, True)):
        reply = udp.ask(query("mid", TXT, edns=opt(payload=payload)), f"760 octets, size {payload}")
        require(len(reply.wire) <= payload, f"{reply.label}: {len(reply.wire)} octets")
        require(bool(reply.answer) == fits, f"{reply.label}: {reply}")
    for payload in (1233, 4096, 65535):
        reply = udp.ask(query("big", TXT, edns=opt(payload=payload)), f"1,562 octets, size {payload}")
        require(len(reply.wire) <= 1232, f"{reply.label}: {len(reply.wire)} octets")


def test_c46_truncation(channel: Channel) -> None:
    """RFC 2181 §9: answer or required glue does not fit → TC=1, question + OPT only; other additional data left out"""
    cases = (
        ("big", TXT, "qr aa tc", opt(), "1/0/0/1"),
        ("mid", TXT, "qr aa tc", b"", "1/0/0/0"),
        ("x.wide", A, "qr tc", opt(payload=512), "1/0/0/1"),
        ("x.wide", A, "qr tc", b"", "1/0/0/0"),
    )
    for qname, rtype, flags, edns, counts in cases:
        reply = channel.ask(query(qname, rtype, edns=edns), f"{qname}{' with OPT' if edns else ''}")
        if channel.udp:
            reply.expect("NOERROR", flags, counts, () if edns else None)
        else:
            require(not reply.flags & 0x200, f"{reply.label}: TC over TCP")


def test_c47_nsid(channel: Channel) -> None:
    """RFC 5001: NSID → only if asked; on errors too"""
    channel.ask(query("www", edns=opt()), "not asked").expect("NOERROR", "qr aa", "1/1/0/1", ())
    for qname, rcode, flags, counts in (
        ("www", "NOERROR", "qr aa", "1/1/0/1"),
        ("txt", "NOERROR", "qr aa", "1/0/1/1"),
        ("missing", "NXDOMAIN", "qr aa", "1/0/1/1"),
        ("sub", "NOERROR", "qr", "1/0/2/3"),
    ):
        channel.ask(with_options(qname, (NSID, b"")), qname).expect(rcode, flags, counts, (NODE_NAME,))
    for label, rcode, wire in (
        ("REFUSED", "REFUSED", with_options("www.example.org.", (NSID, b""))),
        ("BADVERS", "BADVERS", with_options("www", (NSID, b""), version=1)),
    ):
        reply = channel.ask(wire, label)
        require(reply.rcode == rcode and reply.option(NSID) == NODE.encode(), f"{label}: {reply}")


@pytest.mark.ours
def test_c47_nsid_on_formerr_and_notimp(channel: Channel) -> None:
    """on errors too, whatever they are"""
    for rtype, rcode, more in ((0, "FORMERR", (ede(30),)), (129, "NOTIMP", ())):
        channel.ask(with_options("www", (NSID, b""), rtype=rtype), rcode).expect(
            rcode, "qr", "1/0/0/1", (NODE_NAME, *more)
        )


def test_c56_keepalive_over_tcp(tcp: Channel) -> None:
    """RFC 7828: keepalive → TCP only: the idle time of 10 s"""
    reply = tcp.ask(with_options("www", (KEEPALIVE, b"")), "asked")
    reply.expect("NOERROR", "qr aa", "1/1/0/1", ((KEEPALIVE, ...),))
    require(len(reply.option(KEEPALIVE)) == 2, f"{len(reply.option(KEEPALIVE))} octets")
    assert not reply.ours or reply.option(KEEPALIVE) == (100).to_bytes(2, "big")
    tcp.ask(query("www", edns=opt()), "not asked").expect("NOERROR", "qr aa", "1/1/0/1", ())


def test_c56_keepalive_over_udp(udp: Channel) -> None:
    """ignored on UDP"""
    for data in (b"", b"\0\x64"):
        udp.ask(with_options("www", (KEEPALIVE, data)), f"{len(data)} octets").expect("NOERROR", "qr aa", "1/1/0/1", ())


@pytest.mark.ours
@pytest.mark.parametrize("way", ["tcp4", "tcp6"])
def test_c56_keepalive_0_while_shutting_down(way: str) -> None:
    """0 while shutting down"""
    wire = with_options("www", (KEEPALIVE, b""))
    with running(our_table(), ("::1" if way == "tcp6" else "127.0.0.1",)) as run:
        client = Channel(run.server, way)
        assert client.ask(wire, "before").option(KEEPALIVE) == b"\0\x64"
        with client.open() as sock:
            sock.sendall(struct.pack("!H", len(wire)) + wire)
            read_frame(sock)
            ending = run.begin_close()
            run.call(lambda: None)  # returns when closing has begun
            sock.sendall(struct.pack("!H", len(wire)) + wire)
            assert read_frame(sock)[-2:] == b"\0\0"
        client.close()
        ending.result(10)  # type: ignore[call-arg]


def test_c58_extended_errors(channel: Channel) -> None:
    """RFC 8914: EDE → 14 not ready, 18 prohibited, 20 not authoritative, 30 bad type; 0 on failing open"""
    for label, wire, rcode, code in (
        ("name of others", query("www.example.org.", NS, edns=opt()), "REFUSED", 20),
        ("IXFR", query("@", 251, edns=opt()), "REFUSED", 18),
        ("type 41", query("www", OPT, edns=opt()), "FORMERR", 30),
    ):
        channel.ask(wire, label).expect(rcode, "qr", "1/0/0/1", (ede(code),), free="counts")


@pytest.mark.ours
def test_c58_extended_errors_of_pools(channel: Channel) -> None:
    """14 not ready; 0 with text "no live site" on an answer that fails open; no site names in texts"""
    channel.ask(query("cold", edns=opt()), "not ready").expect("SERVFAIL", "qr", "1/0/0/1", (ede(14),))
    reply = channel.ask(query("dead", edns=opt()), "fails open")
    reply.expect("NOERROR", "qr aa", "1/1/0/1", (ede(0, "no live site"),))
    assert texts(reply) == ["A 192.0.2.40"]
    channel.ask(query("dead"), "fails open, no OPT").expect("NOERROR", "qr aa", "1/1/0/0")


@pytest.mark.ours
@pytest.mark.parametrize("way", ["udp4", "tcp6"])
def test_c58_prohibited_by_acl(our: Callable[..., Server], way: str) -> None:
    """18 prohibited"""
    client = Channel(our(acl_query=("192.0.2.0/24",)), way)
    client.ask(query("www", edns=opt()), "acl").expect("REFUSED", "qr", "1/0/0/1", (ede(18),))
    client.close()
