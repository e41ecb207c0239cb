"""RFC 7871: what is a legal client subnet, and which of them say where a client is."""

from ipaddress import ip_address

import pytest

from gslb.dns.ecs import parse_ecs


def data(family: int, source: int, scope: int, octets: bytes) -> bytes:
    return family.to_bytes(2, "big") + bytes((source, scope)) + octets


@pytest.mark.parametrize(
    ("option", "family", "source", "address"),
    [
        (data(1, 24, 0, bytes((203, 0, 113))), 4, 24, "203.0.113.0"),
        (data(1, 32, 0, bytes((203, 0, 113, 9))), 4, 32, "203.0.113.9"),
        (data(1, 0, 0, b""), 4, 0, "0.0.0.0"),
        (data(1, 20, 0, bytes((203, 0, 0x70))), 4, 20, "203.0.112.0"),
        (data(2, 56, 0, bytes((0x20, 1, 0xD, 0xB8, 0, 1, 2))), 6, 56, "2001:db8:1:200::"),
        (data(2, 128, 0, ip_address("2001:db8::1").packed), 6, 128, "2001:db8::1"),
    ],
)
def test_legal_subnets_are_read(option: bytes, family: int, source: int, address: str) -> None:
    ecs = parse_ecs(option)
    assert ecs is not None
    assert (ecs.family, ecs.source, ecs.address) == (family, source, int(ip_address(address)))


def test_family_0_with_source_0_is_legal_and_has_no_address() -> None:
    ecs = parse_ecs(data(0, 0, 0, b""))
    assert ecs is not None
    assert (ecs.family, ecs.source) == (0, 0)


@pytest.mark.parametrize(
    "option",
    [
        b"",
        b"\0\1\x18",  # shorter than its fixed part
        data(1, 24, 24, bytes((203, 0, 113))),  # SCOPE in a query
        data(1, 33, 0, bytes(5)),  # longer than IPv4
        data(2, 129, 0, bytes(17)),  # longer than IPv6
        data(1, 24, 0, bytes((203, 0))),  # too few octets
        data(1, 24, 0, bytes((203, 0, 113, 0))),  # too many
        data(1, 20, 0, bytes((203, 0, 0x71))),  # a bit set behind the prefix
        data(3, 24, 0, bytes(3)),  # no such family
        data(3, 0, 0, b""),
        data(0, 8, 0, b"\1"),
    ],
)
def test_broken_subnets_are_refused(option: bytes) -> None:
    assert parse_ecs(option) is None


def test_echo_changes_the_scope_alone() -> None:
    sent = data(1, 24, 0, bytes((203, 0, 113)))
    ecs = parse_ecs(sent)
    assert ecs is not None
    assert ecs.echo(20) == bytes((0, 8, 0, 7)) + data(1, 24, 20, bytes((203, 0, 113)))


@pytest.mark.parametrize(
    ("address", "placeless"),
    [
        ("10.1.2.3", True),
        ("100.64.0.1", True),
        ("127.0.0.1", True),
        ("169.254.1.1", True),
        ("172.31.255.255", True),
        ("172.32.0.1", False),
        ("192.0.2.1", True),
        ("192.168.1.1", True),
        ("198.51.100.7", True),
        ("203.0.113.7", True),
        ("0.1.2.3", True),
        ("8.8.8.8", False),
        ("::1", True),
        ("::ffff:8.8.8.8", True),
        ("fc00::1", True),
        ("fe80::1", True),
        ("2001:db8::1", True),
        ("3fff::1", True),
        ("2a00:1450::1", False),
    ],
)
def test_placeless_space(address: str, placeless: bool) -> None:
    parsed = ip_address(address)
    family, bits = (1, 32) if parsed.version == 4 else (2, 128)
    ecs = parse_ecs(data(family, bits, 0, parsed.packed))
    assert ecs is not None
    assert ecs.placeless() is placeless
