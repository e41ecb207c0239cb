"""C52-C54: client subnets. C55, the property, is in test_rows_scope.py."""

import struct
from ipaddress import ip_network

from tests.wire.content import ELSEWHERE, FOR_ASKER, FOR_PLACE
from tests.wire.exchange import Channel
from tests.wire.message import ECS, Reply, option, require, texts, with_options


def subnet(text: str, *, scope: int = 0) -> bytes:
    """The option's data for a network, as RFC 7871 section 6 wants it."""
    net = ip_network(text)
    octets = net.network_address.packed[: (net.prefixlen + 7) // 8]
    return struct.pack("!HBB", 1 if net.version == 4 else 2, net.prefixlen, scope) + octets


def ask(channel: Channel, data: bytes, label: str, qname: str = "geo") -> tuple[Reply, int]:
    """The reply to a query with this subnet, after its echo was checked, and its SCOPE."""
    reply = channel.ask(with_options(qname, (ECS, data)), label).expect("NOERROR", "qr aa", "1/1/0/1", ((ECS, ...),))
    back = reply.option(ECS)
    require(back[:3] + back[4:] == data[:3] + data[4:], f"{label}: {back.hex()} came back")
    return reply, back[3]


def test_c52_subnet_is_echoed_with_the_scope(channel: Channel) -> None:
    """RFC 7871 §7.2.1: valid ECS → FAMILY, SOURCE, ADDRESS echoed exactly; SCOPE = bits used, 0 if not tailored"""
    for text, found, scope in (
        ("1.2.3.0/24", FOR_PLACE, 16),
        ("1.2.3.4/32", FOR_PLACE, 16),
        ("8.8.8.0/24", ELSEWHERE, 5),
        ("1.3.0.0/17", ELSEWHERE, 16),
        ("2a00:1450:4001::/48", FOR_PLACE, 32),
        ("2606:4700::/56", ELSEWHERE, 5),
    ):
        reply, got = ask(channel, subnet(text), text)
        require(texts(reply) == [f"A {found}"], f"{text}: {texts(reply)} scope {got}")
        require(got > 0 and (got == scope or not reply.ours), f"{text}: scope {got}")
    for text in ("1.2.3.0/24", "2a00:1450:4001::/48"):
        _, got = ask(channel, subnet(text), f"{text}, not tailored", "v4only")
        require(got == 0, f"{text}, not tailored: scope {got}")


def test_c53_source_0(channel: Channel) -> None:
    """RFC 7871: SOURCE 0 → SCOPE 0, answer by the resolver's own address"""
    for text in ("0.0.0.0/0", "::/0"):
        reply, scope = ask(channel, subnet(text), text, "own")
        require(scope == 0, f"{text}: scope {scope}")
        require(texts(reply) == [f"A {FOR_ASKER}"], f"{text}: {texts(reply)}")


def test_c54_malformed_subnets(channel: Channel) -> None:
    """RFC 7871 §6: SCOPE≠0; SOURCE too long; wrong octets; pad bits; FAMILY; length <4 → FORMERR + OPT without ECS"""
    bad = {
        "SCOPE 24": subnet("1.2.3.0/24", scope=24),
        "SOURCE 33": b"\0\1\x21\0" + bytes(5),
        "SOURCE 129": b"\0\2\x81\0" + bytes(17),
        "too few octets": subnet("1.2.3.0/24")[:-1],
        "too many octets": subnet("1.2.3.0/24") + b"\0",
        "pad bits": b"\0\1\x17\0\1\2\3",
        "FAMILY 3": b"\0\3\x08\0\1",
        "FAMILY 0 with SOURCE 8": b"\0\0\x08\0\1",
        "3 octets": b"\0\1\0",
        "0 octets": b"",
    }
    for label, data in bad.items():
        channel.ask(with_options("geo", (ECS, data)), label).expect("FORMERR", "qr", "1/0/0/1", (), free="counts flags")
    wire = channel.exchange(with_options("geo", (ECS, bytes(4))), "FAMILY 0 with SOURCE 0")
    require(wire[3] & 15 == 0 and wire[6:8] == b"\0\1", f"FAMILY 0 with SOURCE 0: RCODE {wire[3] & 15}")
    require(wire.endswith(option(ECS, bytes(4))), "FAMILY 0 with SOURCE 0: not echoed with scope 0")
