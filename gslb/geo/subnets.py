"""Sets of subnets compiled to ranges; and which subnets are private: only the transport source is looked for there."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import TypeVar

from gslb.geo.atlas import Interned, Layer
from gslb.geo.ranges import RangeMap, Row

Network = IPv4Network | IPv6Network
Family = TypeVar("Family", IPv4Network, IPv6Network)

# RFC 1918, RFC 6598 (carrier-grade NAT), RFC 3927 and loopback; RFC 4193, RFC 4291. Not documentation space.
_PRIVATE4 = tuple(
    IPv4Network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8")
)
_PRIVATE6 = tuple(IPv6Network(text) for text in ("fc00::/7", "fe80::/10", "::1/128"))
_MAPPED = IPv6Network("::ffff:0:0/96")


def parse(text: str) -> Network:
    """A subnet. A v4-mapped one is the IPv4 subnet that it means, as a mapped client's address is."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def is_private(network: Network) -> bool:
    """True where the whole subnet lies in address space that means something else in every network."""
    if isinstance(network, IPv4Network):
        return any(network.subnet_of(block) for block in _PRIVATE4)
    return any(network.subnet_of(block) for block in _PRIVATE6)


def mask_layer(sets: Mapping[int, Iterable[Network]], always: int) -> Layer[int]:
    """A bit mask for every address: `always`, and each bit (a key of `sets`) one of whose subnets has the address."""
    masks: Interned[int] = Interned()
    rows4 = [(start, masks.number(mask)) for start, mask in _masks(_flips(sets, IPv4Network), always, 32)]
    rows6 = [(start, masks.number(mask)) for start, mask in _masks(_flips(sets, IPv6Network), always, 128)]
    return Layer(masks.entries, RangeMap.build(rows4, rows6))


def _flips(sets: Mapping[int, Iterable[Network]], kind: type[Family]) -> dict[int, int]:
    """The bits that change at each boundary. Collapsed, the subnets of one bit are disjoint: each boundary flips it."""
    flips: defaultdict[int, int] = defaultdict(int)
    for bit, subnets in sets.items():
        for network in collapse_addresses([subnet for subnet in subnets if isinstance(subnet, kind)]):
            flips[int(network.network_address)] ^= bit
            flips[int(network.broadcast_address) + 1] ^= bit
    return flips


def _masks(flips: dict[int, int], always: int, width: int) -> Iterator[Row]:
    """Rows from 0 on; the boundary after the last address is none."""
    mask = always
    for start in sorted(flips.keys() | {0}):
        if start < 1 << width:
            mask ^= flips.get(start, 0)
            yield start, mask
