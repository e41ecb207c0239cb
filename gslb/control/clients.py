"""Clients to try a configuration with: a sample that does not miss what rules and databases tell apart. Seeded."""

import random
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Final

from gslb.geo.ranges import ADDRESS_BITS, RangeMap
from gslb.table.entries import Base

CLIENTS: Final = 10_000
SEED: Final = 1
_IPV6: Final = 0.2  # of the clients
_GLOBAL: Final = 0b001 << 125  # 2000::/3, of which all that is handed out is a part


def sample(bases: Sequence[Base], count: int = CLIENTS, seed: int = SEED) -> list[bytes]:
    """Packed addresses. Half of them are drawn from the ranges that the bases tell apart, each range as likely as any
    other of its map, so that a small network counts as much as the rest of the world; the others from all public
    addresses. Where nothing is told apart, all are.
    """
    draw = random.Random(seed)
    maps = [one.ranges for base in bases for one in base.rule_maps]
    maps += [one.ranges for base in bases for one in base.nearest]
    ranges = {family: [starts for one in maps if len(starts := _starts(one, family)) > 1] for family in ADDRESS_BITS}
    clients = []
    for at in range(count):
        family = 6 if draw.random() < _IPV6 else 4
        told_apart = ranges[family]
        if at % 2 and told_apart:
            clients.append(_within(family, draw.choice(told_apart), draw))
        else:
            clients.append(_anywhere(family, draw))
    return clients


def _starts(ranges: RangeMap, family: int) -> list[int]:
    return [start for start, _ in (ranges.v4 if family == 4 else ranges.v6).rows()]


def _within(family: int, starts: Sequence[int], draw: random.Random) -> bytes:
    """Any address of any of the ranges."""
    bits = ADDRESS_BITS[family]
    at = draw.randrange(len(starts))
    end = starts[at + 1] if at + 1 < len(starts) else 1 << bits
    return draw.randrange(starts[at], end).to_bytes(bits // 8, "big")


def _anywhere(family: int, draw: random.Random) -> bytes:
    """Any public address."""
    if family == 6:
        return (_GLOBAL | draw.getrandbits(125)).to_bytes(16, "big")
    while True:
        address = IPv4Address(draw.getrandbits(32))
        if address.is_global and not address.is_multicast:
            return address.packed
