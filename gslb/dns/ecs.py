"""EDNS Client Subnet (RFC 7871): reading the option and telling whether its address may be believed."""

from typing import Final

OPTION: Final = 8  # the option's code

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


# The first octets of placeless IPv4: most clients are told apart by one look.
_PLACELESS_OCTETS: Final = frozenset(net >> 24 for net, _ in _PLACELESS_V4)


class Ecs:
    """One client subnet as sent. `raw` is FAMILY, SOURCE, SCOPE and ADDRESS; `address` is an int, zero-padded."""

    __slots__ = ("address", "family", "raw", "source")

    def __init__(self, family: int, source: int, address: int, raw: bytes) -> None:
        self.family = family
        self.source = source
        self.address = address
        self.raw = raw

    def echo(self, scope: int) -> bytes:
        """The option of the reply: all as sent but SCOPE PREFIX-LENGTH (RFC 7871 section 7.2.1)."""
        raw = self.raw
        if scope:
            return _HEADS[len(raw)] + raw[:3] + _OCTETS[scope] + raw[4:]
        return _HEADS[len(raw)] + raw

    def placeless(self) -> bool:
        """Whether the subnet lies in private, loopback, link-local or documentation space."""
        if self.family == IPV4:
            if self.address >> 24 not in _PLACELESS_OCTETS:
                return False
            return any(self.address >> (32 - bits) == net >> (32 - bits) for net, bits in _PLACELESS_V4)
        return any(self.address >> (128 - bits) == net >> (128 - bits) for net, bits in _PLACELESS_V6)


_OCTETS: Final = tuple(bytes((octet,)) for octet in range(256))
_HEADS: Final = tuple(bytes((0, OPTION, 0, length)) for length in range(4 + 16 + 1))


def _shapes() -> dict[bytes, tuple[int, int, int, int, int]]:
    """What a legal option begins with -> family, length, masks of the spare bits and of the address, its shift."""
    shapes = {bytes(4): (0, 4, 0, 0, 0)}  # FAMILY 0 with SOURCE 0 is legal: "do not tailor"
    for number, (family, bits) in _FAMILIES.items():
        for source in range(bits + 1):
            octets = (source + 7) // 8
            spare = (1 << octets * 8 - source) - 1
            address = (1 << octets * 8) - 1
            shapes[bytes((0, number, source, 0))] = family, 4 + octets, spare, address, bits - octets * 8
    return shapes


_SHAPES: Final = _shapes()


def parse_ecs(data: bytes) -> Ecs | None:
    """Read the option's data; None where RFC 7871 section 6 is broken: the query is then answered with FORMERR.

    FAMILY 0 with SOURCE 0 is returned with family 0.
    """
    shape = _SHAPES.get(data[:4])
    if shape is None:
        return None
    family, length, spare, mask, shift = shape
    value = int.from_bytes(data, "big")
    if value & spare or len(data) != length:
        return None
    return Ecs(family, data[2], (value & mask) << shift, data)
