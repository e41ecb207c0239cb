"""What a compiled leaf answers with, as shares of its addresses."""

import struct
from collections.abc import Mapping
from ipaddress import ip_address

from gslb.dns.ecs import IPV4
from gslb.policy.nodes import Answer, ByHash, Choice, Draw, Node
from gslb.policy.split import Split
from gslb.table.poolview import NO_LIVE_SITE

_HEAD = 12  # octets before the data: a pointer to the name, type, class, TTL, length


def shares_of(node: Node) -> Mapping[str, float]:
    """The chance of each address to be in the answer: of one client for draws, of all members alike for a hash."""
    if isinstance(node, Answer):
        return dict.fromkeys(addresses_of(node), 1.0)
    found: dict[str, float] = {}
    if isinstance(node, Split):
        bounds = (0, *node.percents, 100)
        for low, high, child in zip(bounds, bounds[1:], node.children, strict=False):
            for address, share in shares_of(child).items():
                found[address] = found.get(address, 0.0) + share * (high - low) / 100
        return found
    if isinstance(node, Choice):
        for weight, child in zip(node.weights, node.children, strict=True):
            for address, share in shares_of(child).items():
                found[address] = found.get(address, 0.0) + share * weight / node.total
        return found
    assert isinstance(node, ByHash), f"no such leaf in these scenes: {node!r}"
    for answer in node.answers:
        found |= shares_of(answer)
    return found


def addresses_of(answer: Answer) -> list[str]:
    """The addresses of one answer."""
    found, at = [], 0
    while at < len(answer.records):
        (length,) = struct.unpack_from("!H", answer.records, at + _HEAD - 2)
        assert length in (4, 16), "a record of neither type"
        found.append(str(ip_address(answer.records[at + _HEAD : at + _HEAD + length])))
        at += _HEAD + length
    return found


def fails_open(node: Node) -> bool:
    """Whether this is what is served when nothing lives."""
    while isinstance(node, Choice | Split):
        node = node.children[0]
    return isinstance(node, Answer) and node.ede == NO_LIVE_SITE


class Asker:
    """A client at an address."""

    def __init__(self, address: int, rng: Draw | None = None) -> None:
        self.scope = 0
        self.rng = rng
        self._address = address

    def locate(self) -> tuple[int, int]:
        """See gslb.policy.nodes.Client."""
        return IPV4, self._address
