"""EDNS Client Subnet (RFC 7871): reading the option and telling whether its address may be believed."""

from typing import Final

IPV4: Final = 4
IPV6: Final = 6

_FAMILIES: Final = {1: (IPV4, 32), 2: (IPV6, 128)}

# Addresses that say nothing about where on the Internet a client is: private, loopback, link-local, documentation.
_PLACELESS_V4: Final = (
    (0x00000000, 8),
    (0x0A000000, 8),
    (0x64400000, 10),
    (0x7F000000, 8),
    (0xA9FE0000, 16),
    (0xAC100000, 12),
    (0xC0000200, 24),
    (0xC0A80000, 16),
    (0xC6336400, 24),
    (0xCB007100, 24),
)
_PLACELESS_V6: Final = (
    (0, 96),  # unspecified, loopback, and IPv4-compatible
    (0xFFFF << 32, 96),  # IPv4-mapped
    (0xFC00 << 112, 7),
    (0xFE80 << 112, 10),
    (0x20010DB8 << 96, 32),
    (0x3FFF << 112, 20),
)


class Ecs:
    """One client subnet as sent. `raw` is FAMILY, SOURCE, SCOPE and ADDRESS; `address` is an int, zero-padded."""

    __slots__ = ("address", "family", "raw", "source")

    def __init__(self, family: int, source: int, address: int, raw: bytes) -> None:
        self.family = family
        self.source = source
        self.address = address
        self.raw = raw

    def echo(self, scope: int) -> bytes:
        """The option's data for the reply: all as sent but SCOPE PREFIX-LENGTH (RFC 7871 section 7.2.1)."""
        return self.raw[:3] + bytes((scope,)) + self.raw[4:]

    def placeless(self) -> bool:
        """Whether the subnet lies in private, loopback, link-local or documentation space."""
        if self.family == IPV4:
            return any(self.address >> (32 - bits) == net >> (32 - bits) for net, bits in _PLACELESS_V4)
        return any(self.address >> (128 - bits) == net >> (128 - bits) for net, bits in _PLACELESS_V6)


def parse_ecs(data: bytes) -> Ecs | None:
    """Read the option's data; None where RFC 7871 section 6 is broken: the query is then answered with FORMERR.

    FAMILY 0 with SOURCE 0 is legal ("do not tailor"); its family is returned as 0.
    """
    if len(data) < 4 or data[3]:
        return None
    family, source = data[0] << 8 | data[1], data[2]
    octets = data[4:]
    if len(octets) != (source + 7) // 8:
        return None
    if family not in _FAMILIES:
        return None if family or source else Ecs(0, 0, 0, data)
    version, bits = _FAMILIES[family]
    if source > bits:
        return None
    value = int.from_bytes(octets, "big")
    spare = len(octets) * 8 - source
    if value & ((1 << spare) - 1):
        return None
    return Ecs(version, source, value << (bits - len(octets) * 8), data)
