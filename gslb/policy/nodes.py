"""Decision nodes: what policies compile to and what a query walks. A handful of kinds; every leaf is ready wire bytes.

`select(client)` ends at an `Answer`. A node that looks at the client's address raises `client.scope` to the number
of bits that it depended on (RFC 7871); draws depend on none.
"""

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Protocol

from gslb.dns.ecs import IPV4
from gslb.dns.response import AA, heads
from gslb.geo.nearest import NearestMap
from gslb.policy.columns import shared
from gslb.policy.rendezvous import closeness


class Draw(Protocol):
    """A source of random floats in [0, 1)."""

    def random(self) -> float: ...


class Client(Protocol):
    """Who asks, as far as nodes care. `locate` gives (family, address) to tailor by: of ECS if used, else source."""

    scope: int
    rng: Draw

    @property
    def nearest(self) -> Sequence[NearestMap]: ...

    def locate(self) -> tuple[int, int]: ...


class Node(Protocol):
    """Any decision node."""

    def select(self, client: Client) -> "Answer": ...


class Answer:
    """A leaf: `count` records owned by the question's name. No records means NODATA, or SERVFAIL where `rcode` is 2.

    `ede` is a ready EDNS option that explains the answer. `heads`: see gslb.dns.response.heads. `column` is where it is
    counted: see gslb.policy.columns.
    """

    __slots__ = ("column", "ede", "heads", "rcode", "records")

    def __init__(self, records: Sequence[bytes], ede: bytes = b"", rcode: int = 0, column: int = 0) -> None:
        self.records = b"".join(records)
        self.ede = ede
        self.rcode = rcode
        self.column = column
        self.heads = heads(AA, len(records), 0, 0)

    @classmethod
    def joined(cls, count: int, records: bytes, ede: bytes = b"", rcode: int = 0, column: int = 0) -> "Answer":
        """An answer whose records are already one run of bytes."""
        answer = cls((records,), ede, rcode, column)
        answer.heads = heads(AA, count, 0, 0)
        return answer

    @property
    def count(self) -> int:
        """How many records it has: read from the heads, since a large table has many answers."""
        return int.from_bytes(self.heads[0][4:6], "big")

    def select(self, client: Client) -> "Answer":
        """A leaf chooses itself."""
        return self


class Choice:
    """A draw by weight among nodes."""

    __slots__ = ("children", "cumulative", "total")

    def __init__(self, weights: Sequence[int], children: Sequence[Node]) -> None:
        self.cumulative = tuple(accumulate(weights))
        self.total = self.cumulative[-1]
        self.children = tuple(children)

    def select(self, client: Client) -> Answer:
        """Draw one child."""
        return self.children[bisect_right(self.cumulative, client.rng.random() * self.total)].select(client)

    @property
    def weights(self) -> list[int]:
        """The weights that it was made of."""
        return [end - start for start, end in zip((0, *self.cumulative), self.cumulative, strict=False)]


class Sample:
    """A draw of several answers by weight, without replacement, joined in the order drawn."""

    __slots__ = ("answers", "count", "weights")

    def __init__(self, weights: Sequence[int], answers: Sequence[Answer], count: int) -> None:
        self.weights = tuple(weights)
        self.answers = tuple(answers)
        self.count = count

    def select(self, client: Client) -> Answer:
        """Draw `count` answers; each draw is by the weights of those that are left."""
        weights, answers = list(self.weights), list(self.answers)
        drawn = []
        for _ in range(min(self.count, len(answers))):
            at = bisect_right(list(accumulate(weights)), client.rng.random() * sum(weights))
            weights.pop(at)
            drawn.append(answers.pop(at))
        return join(drawn)


class ByHash:
    """Weighted rendezvous on the client's network: every node gives the same client the same members.

    The network is the address at /24 or /56, so that is the scope whatever prefix the resolver sent.
    """

    __slots__ = ("answers", "count", "keys", "weights")

    def __init__(self, keys: Sequence[bytes], weights: Sequence[int], answers: Sequence[Answer], count: int) -> None:
        self.keys = tuple(keys)
        self.weights = tuple(weights)
        self.answers = tuple(answers)
        self.count = count

    def select(self, client: Client) -> Answer:
        """The members closest to the client's network, the closest first."""
        family, address = client.locate()
        bits, prefix = (32, 24) if family == IPV4 else (128, 56)
        client.scope = max(client.scope, prefix)
        network = (address >> (bits - prefix) << (bits - prefix)).to_bytes(bits // 8, "big")
        ranks = []
        for at, key in enumerate(self.keys):
            digest = int.from_bytes(blake2b(network + key, digest_size=8).digest(), "big")
            ranks.append((closeness(digest, self.weights[at]), at))
        if self.count == 1:
            return self.answers[min(ranks)[1]]
        return join([self.answers[at] for _, at in sorted(ranks)[: self.count]])


class Nearest:
    """The nearest live members by the client's location; `unknown` serves clients that cannot be placed.

    `map` is the position of the pool's NearestMap in the base table; `answers` has one slot per member of the pool,
    None where it is not live.
    """

    __slots__ = ("answers", "count", "map", "unknown")

    def __init__(self, nearest: int, answers: Sequence[Answer | None], count: int, unknown: Node) -> None:
        self.map = nearest
        self.answers = tuple(answers)
        self.count = count
        self.unknown = unknown

    def select(self, client: Client) -> Answer:
        """Walk the members from near to far and take the first live ones."""
        order, scope = client.nearest[self.map].find(*client.locate())
        client.scope = max(client.scope, scope)
        if order is None:
            return self.unknown.select(client)
        live = [answer for at in order if (answer := self.answers[at]) is not None]
        return live[0] if self.count == 1 else join(live[: self.count])


def join(answers: Sequence[Answer]) -> Answer:
    """One answer with the records of several."""
    if len(answers) == 1:
        return answers[0]
    column = shared([answer.column for answer in answers])
    records = b"".join([answer.records for answer in answers])
    return Answer.joined(sum(answer.count for answer in answers), records, column=column)
