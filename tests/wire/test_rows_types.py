"""C09-C19: classes, types that are no data, and names as they are written."""

from collections.abc import Callable

import pytest

from tests.wire.content import NODE, STRANGER
from tests.wire.exchange import Channel, Server
from tests.wire.message import (
    AAAA,
    ANY,
    ANY_CLASS,
    AXFR,
    CH,
    HTTPS,
    IXFR,
    NS,
    OPT,
    RRSIG,
    SOA,
    TXT,
    A,
    ede,
    header,
    name,
    opt,
    query,
    question,
    require,
    texts,
)


def test_c09_class_any(channel: Channel) -> None:
    """RFC 1035 §3.2.5: QCLASS ANY → NOERROR with data, AA=0"""
    channel.ask(query("www", A, ANY_CLASS), "A").expect("NOERROR", "qr", "1/1/0/0")
    channel.ask(query("www", A, ANY_CLASS, opt()), "A with OPT").expect("NOERROR", "qr", "1/1/0/1", ())
    channel.ask(query("missing", A, ANY_CLASS), "missing name").expect("NXDOMAIN", "qr", "1/0/1/0", free="counts")


def test_c10_other_classes(channel: Channel) -> None:
    """QCLASS HS, 0, 65280 → REFUSED, AA=0"""
    for rclass in (4, 0, 65280):
        channel.ask(query("www", A, rclass), f"class {rclass}").expect("REFUSED", "qr", "1/0/0/0", free="counts")


def test_c11_chaos(channel: Channel) -> None:
    """RFC 4892: CH TXT id.server, hostname.bind → node; version.bind, version.server and others REFUSED"""
    for qname in ("id.server.", "hostname.bind.", "ID.Server."):
        reply = channel.ask(query(qname, TXT, CH), qname).expect("NOERROR", "qr aa", "1/1/0/0", free="flags")
        require(texts(reply) == [f'TXT "{NODE}"'], f"{qname}: {texts(reply)}")
        require(reply.answer[0].rdclass == CH, f"{qname}: not of class CH")
    for qname in ("version.bind.", "version.server.", "authors.bind.", "www"):
        channel.ask(query(qname, TXT, CH), qname).expect("REFUSED", "qr", "1/0/0/0")
    channel.ask(query("id.server.", A, CH), "id.server. A").expect("REFUSED", "qr", "1/0/0/0", free="counts")


@pytest.mark.ours
@pytest.mark.parametrize("way", ["udp4", "tcp6"])
def test_c11_the_version_if_configured(our: Callable[..., Server], way: str) -> None:
    """configured text"""
    client = Channel(our(version="gslb 1"), way)
    for qname in ("version.bind.", "version.server."):
        reply = client.ask(query(qname, TXT, CH, opt()), qname).expect("NOERROR", "qr aa", "1/1/0/1", ())
        assert texts(reply) == ['TXT "gslb 1"']
    client.close()


def test_c12_any(channel: Channel) -> None:
    """RFC 8482: QTYPE ANY → NOERROR AA, one RRset (or HINFO "RFC8482"), no TC; over TCP a peer may send all"""
    for qname in ("www", "mid", "multi"):
        reply = channel.ask(query(qname, ANY, edns=opt()), qname)
        reply.expect("NOERROR", "qr aa", "1/1/0/1", (), free="counts")
        one = len({rrset.rdtype for rrset in reply.answer}) == 1
        require(one or (reply.answer and not (reply.ours or channel.udp)), f"{qname}: {texts(reply)}")


def test_c13_transfer_over_udp(udp: Channel) -> None:
    """RFC 5936: AXFR over UDP → NOTIMP"""
    udp.ask(query("@", AXFR), "AXFR").expect("NOTIMP", "qr", "1/0/0/0", free="counts")
    udp.ask(query("@", AXFR, edns=opt()), "AXFR with OPT").expect("NOTIMP", "qr", "1/0/0/1", (), free="counts")


def test_c14_transfer_without_the_right(channel: Channel) -> None:
    """RFC 5936, 8914: AXFR/IXFR without the right → REFUSED + EDE 18"""
    kinds = {"IXFR": IXFR} if channel.udp else {"AXFR": AXFR, "IXFR": IXFR}
    soa = name("@") + SOA.to_bytes(2, "big") + b"\0\1" + bytes(4) + b"\0\x16\0\0" + (1).to_bytes(4, "big") + bytes(16)
    for label, rtype in kinds.items():
        with_soa = rtype == IXFR  # RFC 1995 section 3: the client's version is in the authority section
        plain = header(1, 0, with_soa) + question("@", rtype) + soa * with_soa
        channel.ask(plain, label).expect("REFUSED", "qr", "1/0/0/0")
        edns = header(1, 0, with_soa, 1) + question("@", rtype) + soa * with_soa + opt()
        channel.ask(edns, f"{label} with OPT").expect("REFUSED", "qr", "1/0/0/1", (ede(18),))


def test_c15_types_that_are_no_data(channel: Channel) -> None:
    """RFC 6895: meta types 129-248, 249, 250, 253, 254 → NOTIMP; 0, 41, 128 → FORMERR, EDE 30 where OPT was sent"""
    for rtype in (129, 200, 248, 249, 250, 253, 254):
        channel.ask(query("www", rtype), f"type {rtype}").expect("NOTIMP", "qr", "1/0/0/0", free="counts")
        edns = channel.ask(query("www", rtype, edns=opt()), f"type {rtype} with OPT")
        edns.expect("NOTIMP", "qr", "1/0/0/1", (), free="counts options")
    for rtype in (0, OPT, 128):
        channel.ask(query("www", rtype), f"type {rtype}").expect("FORMERR", "qr", "1/0/0/0", free="counts")
        edns = channel.ask(query("www", rtype, edns=opt()), f"type {rtype} with OPT")
        edns.expect("FORMERR", "qr", "1/0/0/1", (ede(30),), free="counts")


def test_c16_types_without_data(channel: Channel) -> None:
    """RFC 3597: type 666, 65535, HTTPS without data → NODATA + SOA"""
    for rtype in (666, 65535, HTTPS):
        for qname in ("www", "txt"):
            reply = channel.ask(query(qname, rtype), f"{qname} type {rtype}")
            reply.expect("NOERROR", "qr aa", "1/0/1/0")
            require(reply.message.authority[0].rdtype == SOA, f"type {rtype}: no SOA")


def test_c17_rrsig(channel: Channel) -> None:
    """QTYPE RRSIG → NODATA or one RRSIG; not REFUSED"""
    channel.ask(query("www", RRSIG), "www").expect("NOERROR", "qr aa", "1/0/1/0")


def test_c18_mixed_case_is_echoed(channel: Channel) -> None:
    """wWw.ExAmPle.cOm (0x20) → question echoed byte for byte, owner = pointer to it"""
    for qname in ("wWw.gSlB.ExAmPle.cOm.", "WWW.GSLB.EXAMPLE.COM.", "tXt"):
        wire = query(qname, TXT if qname == "tXt" else A)
        reply = channel.ask(wire, qname).expect("NOERROR", "qr aa", "1/1/0/0")
        require(reply.wire[12 : len(wire)] == wire[12:], f"{qname}: another question")
        require(reply.wire[len(wire) : len(wire) + 2] == b"\xc0\x0c", f"{qname}: owner is no pointer to the question")


def test_c19_labels_of_any_octets(channel: Channel) -> None:
    """RFC 4343, 2181 §11: NUL or 8-bit octets in a label → normal lookup"""
    missing = ("\\000", "\\255\\254", "a\\000b.txt", "\\196\\214")
    for qname in missing:
        channel.ask(query(qname), qname).expect("NXDOMAIN", "qr aa", "1/0/1/0")
    reply = channel.ask(query(STRANGER.upper(), TXT), "NUL and 255 in a name that exists")
    reply.expect("NOERROR", "qr aa", "1/1/0/0")
    require(texts(reply) == ['TXT "octets"'], f"{texts(reply)}")
    channel.ask(query(STRANGER, AAAA), "its AAAA").expect("NOERROR", "qr aa", "1/0/1/0")
    channel.ask(query("\\000\\223bin", NS), "255 is not a letter's capital").expect("NXDOMAIN", "qr aa", "1/0/1/0")
