"""Who counts as the client: ECS is a hint, not an identity."""

import random
from ipaddress import ip_address

import pytest

from gslb.dns.ecs import parse_ecs
from gslb.table.client import Client
from tests.support import config, table

TABLE = table(config(ecs_trust=("192.0.2.0/24", "2001:db8::/32")))


def located(source: str, subnet: str | None, bits: int = 24) -> tuple[int, str, bool]:
    ecs = None
    if subnet is not None:
        address = ip_address(subnet)
        family = 1 if address.version == 4 else 2
        ecs = parse_ecs(bytes((0, family, bits, 0)) + address.packed[: (bits + 7) // 8])
        assert ecs is not None
    client = Client(TABLE, random.Random(1))
    client.ask(TABLE, ip_address(source).packed, ecs=ecs)
    version, value = client.locate()
    packed = value.to_bytes(4 if version == 4 else 16, "big")
    return version, str(ip_address(packed)), client.uses_ecs


@pytest.mark.parametrize(
    ("source", "subnet", "bits", "expected"),
    [
        ("8.8.8.8", None, 0, (4, "8.8.8.8", False)),
        ("2a00::1", None, 0, (6, "2a00::1", False)),
        ("8.8.8.8", "1.2.3.0", 24, (4, "1.2.3.0", True)),
        ("8.8.8.8", "2a00::", 56, (6, "2a00::", True)),
        ("8.8.8.8", "0.0.0.0", 0, (4, "8.8.8.8", False)),
        ("8.8.8.8", "10.0.0.0", 24, (4, "8.8.8.8", False)),
        ("8.8.8.8", "203.0.113.0", 24, (4, "8.8.8.8", False)),
        ("192.0.2.9", "10.0.0.0", 24, (4, "10.0.0.0", True)),
        ("2001:db8::9", "10.0.0.0", 24, (4, "10.0.0.0", True)),
    ],
)
def test_whose_address_counts(source: str, subnet: str | None, bits: int, expected: tuple[int, str, bool]) -> None:
    assert located(source, subnet, bits) == expected


def test_distance_maps_come_from_the_table() -> None:
    client = Client(TABLE, random.Random(1))
    assert client.nearest is TABLE.base.nearest
