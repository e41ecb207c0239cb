"""How likely each address is to be in the next answer of a decision tree, for one client."""

from collections.abc import Iterator, Mapping, Sequence

from gslb.policy.nodes import Answer, ByHash, Choice, Nearest, Node, Sample
from gslb.policy.split import Split
from gslb.table.client import Client

_STEPS = 200  # of the integral; its error stays below what is shown
_HEAD = 12  # octets of a ready record before its data: owner pointer, type, class, TTL, length


def chances(node: Node, client: Client) -> dict[bytes, float]:
    """Record data -> the chance that the answer holds it."""
    match node:
        case Choice():
            total = sum(node.weights)
            return _mixed(
                (weight / total, chances(child, client))
                for weight, child in zip(node.weights, node.children, strict=True)
            )
        case Sample():
            drawn = inclusion(node.weights, node.count)
            return _mixed((chance, chances(answer, client)) for chance, answer in zip(drawn, node.answers, strict=True))
        case Nearest() if client.nearest[node.map].find(*client.locate())[0] is None:
            return chances(node.unknown, client)
        case Split():
            return chances(node.child(client), client)
        case Answer() | ByHash() | Nearest():
            return dict.fromkeys(data_of(node.select(client).records), 1.0)
    raise TypeError(f"no such kind of leaf: {node!r}")


def data_of(records: bytes) -> Iterator[bytes]:
    """The data of each of several ready records."""
    at = 0
    while at < len(records):
        start = at + _HEAD
        at = start + (records[start - 2] << 8 | records[start - 1])
        yield records[start:at]


def inclusion(weights: Sequence[int], count: int) -> list[float]:
    """The chance of each item to be among `count` draws by weight without replacement.

    Such draws go like a race in which item i arrives at an exponential time with rate w_i: it is among the first k
    when fewer than k others arrive before it. With u = exp(-w_i t) that is an integral over u from 0 to 1.
    """
    if count >= len(weights):
        return [1.0] * len(weights)
    return [_in_time([w / own for at, w in enumerate(weights) if at != i], count) for i, own in enumerate(weights)]


def _in_time(rates: Sequence[float], count: int) -> float:
    """The chance that fewer than `count` of the others are faster; `rates` are theirs relative to ours."""
    return sum(_fewer([1 - u**rate for rate in rates], count) for u in _midpoints()) / _STEPS


def _midpoints() -> Iterator[float]:
    return ((step + 0.5) / _STEPS for step in range(_STEPS))


def _fewer(events: Sequence[float], count: int) -> float:
    """The chance that fewer than `count` of independent events happen."""
    exactly = [1.0] + [0.0] * (count - 1)
    for event in events:
        for happened in range(count - 1, -1, -1):
            before = exactly[happened - 1] if happened else 0.0
            exactly[happened] = exactly[happened] * (1 - event) + before * event
    return sum(exactly)


def _mixed(parts: Iterator[tuple[float, Mapping[bytes, float]]]) -> dict[bytes, float]:
    mixed: dict[bytes, float] = {}
    for share, part in parts:
        for data, chance in part.items():
            mixed[data] = mixed.get(data, 0.0) + share * chance
    return mixed
