"""The checks of RFC 8906 section 8, and of the EDNS compliance list that grew from it, by the names they go by.

Section 8.1 asks for basic DNS, 8.2 for EDNS. The zone is asked for its SOA at the apex, as the RFC does.
`bind11` and `dig11` are the queries that those versions of BIND and dig send by themselves.
"""

import pytest

from tests.wire.content import NODE
from tests.wire.exchange import Channel
from tests.wire.message import (
    AA,
    AD,
    CD,
    COOKIE,
    DO,
    ECS,
    KEEPALIVE,
    NSID,
    RA,
    RD,
    SOA,
    TC,
    TXT,
    Options,
    Reply,
    Z,
    header,
    opt,
    option,
    query,
    require,
)

EXPIRE, UNKNOWN = 9, 100
CLIENT = b"\x0a\x0b\x0c\x0d\x01\x02\x03\x04"
SUBNET = b"\0\1\x18\0\xcb\x00\x71"  # 203.0.113.0/24
CALM = "NOERROR", "qr aa", "1/1/0/1"
BAD = "BADVERS", "qr", "1/0/0/1"
NAMED = (NSID, NODE.encode())
DIG = (COOKIE, CLIENT)


def soa(
    *options: tuple[int, bytes], version: int = 0, edns_flags: int = 0, payload: int = 1232, flags: int = 0
) -> bytes:
    """The apex's SOA with EDNS."""
    rdata = b"".join(option(*pair) for pair in options)
    return query("@", SOA, edns=opt(rdata, payload=payload, version=version, flags=edns_flags), flags=flags)


def plain(channel: Channel, flags: int, label: str) -> Reply:
    """The apex's SOA without EDNS: answered with AA whatever flags the query has (section 8.1.3)."""
    reply = channel.ask(query("@", SOA, flags=flags), label)
    return reply.expect("NOERROR", "qr aa rd" if flags & RD else "qr aa", "1/1/0/0")


FLAGS = {"dns": 0, "aa": AA, "ad": AD, "cd": CD, "ra": RA, "rd": RD, "tc": TC, "zflag": Z}


@pytest.mark.parametrize("check", FLAGS)
def test_rfc8906_flags(channel: Channel, check: str) -> None:
    """Sections 8.1.1, 8.1.3: an ordinary query, and one with each flag set; no flag but RD comes back."""
    plain(channel, FLAGS[check], check)


def test_rfc8906_opcode(channel: Channel) -> None:
    """Section 8.1.4: an opcode that nobody assigned gets NOTIMP."""
    channel.ask(header(opcode=15), "opcode").expect("NOTIMP", "qr", "0/0/0/0")


def test_rfc8906_opcodeflg(channel: Channel) -> None:
    """Section 8.1.4: the same with all flags set; none but QR comes back."""
    flags = AA | TC | RD | RA | Z | AD | CD
    channel.ask(header(opcode=15, flags=flags), "opcodeflg").expect("NOTIMP", "qr", "0/0/0/0")


def test_rfc8906_type666(channel: Channel) -> None:
    """Section 8.1.2: a type that nobody assigned is no data, not an error."""
    channel.ask(query("@", 666), "type666").expect("NOERROR", "qr aa", "1/0/1/0")


def test_rfc8906_tcp(tcp: Channel) -> None:
    """Section 8.1.5: TCP is not optional."""
    plain(tcp, 0, "tcp")


EDNS: dict[str, tuple[bytes, Options]] = {
    "edns": (soa(), ()),
    "ednsopt": (soa((UNKNOWN, b"")), ()),
    "do": (soa(edns_flags=DO), ()),
    "docd": (soa(edns_flags=DO, flags=CD), ()),
    "ednsflags": (soa(edns_flags=0x0080), ()),
    "ednsnsid": (soa((NSID, b"")), (NAMED,)),
    "ednscookie": (soa(DIG), ((COOKIE, ...),)),
    "ednsexpire": (soa((EXPIRE, b"")), ()),
    "ednssubnet": (soa((ECS, SUBNET)), ((ECS, SUBNET),)),
    "bind11": (soa(DIG, edns_flags=DO), ((COOKIE, ...),)),
    "dig11": (soa(DIG, flags=RD | AD), ((COOKIE, ...),)),
}


@pytest.mark.parametrize("check", EDNS)
def test_rfc8906_edns(channel: Channel, check: str) -> None:
    """Sections 8.2.1, 8.2.3, 8.2.4, 8.2.8: only options that are known are answered, and of the flags only DO."""
    wire, options = EDNS[check]
    rcode, flags, counts = CALM
    reply = channel.ask(wire, check)
    if not reply.ours and COOKIE in dict(options) and reply.rcode == "BADCOOKIE":  # RFC 7873 section 5.2.3
        return
    optional = () if reply.ours else (KEEPALIVE, EXPIRE)  # told unasked; not for us to know
    sent = {code for code, _ in options}
    require({code for code, _ in reply.options} <= sent | set(optional), f"{check}: {reply}")
    with_rd = f"{flags} rd" if check == "dig11" else flags
    reply.expect(rcode, with_rd, counts, options, do=check in ("do", "docd", "bind11"), free="options")
    require(bool(reply.message.ednsflags & DO) == (check in ("do", "docd", "bind11")), f"{check}: DO not copied")
    require(not reply.message.ednsflags & 0x7FFF, f"{check}: EDNS flags")


EDNS_1: dict[str, tuple[bytes, Options]] = {
    "edns1": (soa(version=1), ()),
    "edns1opt": (soa((UNKNOWN, b""), version=1), ()),
    "edns1do": (soa(version=1, edns_flags=DO), ()),
    "edns1nsid": (soa((NSID, b""), version=1), (NAMED,)),
    "edns1cookie": (soa(DIG, version=1), ((COOKIE, ...),)),
    "edns1expire": (soa((EXPIRE, b""), version=1), ()),
    "edns1subnet": (soa((ECS, SUBNET), version=1), ()),
}


@pytest.mark.parametrize("check", EDNS_1)
def test_rfc8906_edns1(channel: Channel, check: str) -> None:
    """Sections 8.2.2, 8.2.5, 8.2.6, 8.2.9: version 1 gets BADVERS with version 0, and no answer."""
    wire, options = EDNS_1[check]
    reply = channel.ask(wire, check)
    require(UNKNOWN not in {code for code, _ in reply.options}, f"{check}: {reply}")
    reply.expect(*BAD, options, do=check == "edns1do", free="options")


def test_rfc8906_edns_at_512(udp: Channel) -> None:
    """Section 8.2.7 (edns@512): what does not fit into 512 octets is truncated, and has its OPT."""
    reply = udp.ask(query("mid", TXT, edns=opt(payload=512)), "edns@512")
    require(len(reply.wire) <= 512, f"edns@512: {len(reply.wire)} octets")
    reply.expect("NOERROR", "qr aa tc", "1/0/0/1", ())


def test_rfc8906_optlist(channel: Channel) -> None:
    """Section 8.2.10 (optlist): several options at once, in any order."""
    for options in ((NSID, COOKIE, EXPIRE, ECS, UNKNOWN), (UNKNOWN, ECS, EXPIRE, COOKIE, NSID)):
        data = {NSID: b"", COOKIE: CLIENT, EXPIRE: b"", ECS: SUBNET, UNKNOWN: b""}
        reply = channel.ask(soa(*((code, data[code]) for code in options)), "optlist")
        require(UNKNOWN not in {code for code, _ in reply.options}, f"optlist: {reply}")
        if reply.ours or reply.rcode != "BADCOOKIE":
            reply.expect(*CALM, (NAMED, (ECS, SUBNET), (COOKIE, ...)), free="options")


def test_rfc8906_ednstcp(tcp: Channel) -> None:
    """Section 8.2 over TCP (ednstcp): what is truncated over UDP comes whole."""
    tcp.ask(query("mid", TXT, edns=opt(payload=512)), "ednstcp").expect("NOERROR", "qr aa", "1/1/0/1", ())
    tcp.ask(soa(), "ednstcp").expect(*CALM, ())
