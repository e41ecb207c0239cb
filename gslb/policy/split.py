"""Partial drains: the same clients are kept away from a target for as long as its drain lasts, and never by chance.

The documented function, stable for ever (a change would move clients in the midst of a drain):

    bucket = floor(blake2b(network || target, 8 bytes, person "gslb drain", big-endian) * 100 / 2^64)     in 0..99

`network` is the client's address, 4 or 16 octets, with the bits behind /24 or /56 cleared; `target` is the text of the
drain's target, as in `site/tokyo`. A drain of p percent keeps the buckets below p away: who is kept away at 10 percent
is at 20, too. The person keeps it apart from the policy `hash`, the target from drains of others.
"""

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from gslb.dns.ecs import IPV4
from gslb.policy.nodes import Answer, Client, Node

_PERSON: Final = b"gslb drain"


class Split:
    """Goes on by the client's bucket. `percents` rise; there is one child more than there are percents: for who is
    below the first, between the first and the second, ..., and for who is kept away from nothing.
    """

    __slots__ = ("children", "percents", "salt")

    def __init__(self, salt: bytes, percents: Sequence[int], children: Sequence[Node]) -> None:
        self.salt = salt
        self.percents = tuple(percents)
        self.children = tuple(children)

    def child(self, client: Client) -> Node:
        """Where this client goes on. Its scope is /24 or /56, whatever prefix the resolver sent."""
        family, address = client.locate()
        bits, prefix = (32, 24) if family == IPV4 else (128, 56)
        client.scope = max(client.scope, prefix)
        network = (address >> (bits - prefix) << (bits - prefix)).to_bytes(bits // 8, "big")
        return self.children[bisect_right(self.percents, bucket(network, self.salt))]

    def select(self, client: Client) -> Answer:
        """Go on there."""
        return self.child(client).select(client)


def bucket(network: bytes, salt: bytes) -> int:
    """0..99, each for one client network in a hundred."""
    return int.from_bytes(blake2b(network + salt, digest_size=8, person=_PERSON).digest(), "big") * 100 >> 64
