"""Nodes as bytes and back: msgpack of nested tuples, so reading them can build values but never run code."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from io import BytesIO
from typing import Any, Final, TypeVar, cast

import msgpack

from gslb.errors import SnapshotError
from gslb.policy.nodes import Answer, ByHash, Choice, Nearest, Node, Sample
from gslb.policy.split import Split
from gslb.table.entries import ByRules, Chain, TableClient, TreeNode, WhoAmI

T = TypeVar("T")
Packed = tuple[Any, ...]

ANSWER: Final = 0
CHOICE: Final = 1
SAMPLE: Final = 2
HASH: Final = 3
NEAREST: Final = 4
CHAIN: Final = 5
RULES: Final = 6
WHOAMI: Final = 7
SPLIT: Final = 8

_ANSWER_END: Final = 6  # parts of an answer, its kind included; an earlier version wrote fewer
_SHORT: Final = 32  # octets: an answer without records, of which a table has few kinds


class Folded:
    """A leaf that no query has asked for yet: its bytes, and its position among the leaves.

    Most of a large table is never asked for between two changes of health; what is, unfolds once.
    """

    __slots__ = ("index", "packed")

    def __init__(self, index: int, packed: bytes) -> None:
        self.index = index
        self.packed = packed

    def select(self, client: TableClient) -> Answer:
        """Take the place of the bytes, and go on there."""
        node = client.table.nodes[self.index] = load_node(unpack(self.packed))
        return node.select(client)


def leaf(index: int, packed: bytes) -> Node:
    """The node at a position of the leaves, folded where that is worth it."""
    # Leaves are asked by the clients of a table alone, so one that needs a TableClient is a Node as good as any.
    return _short(packed) if len(packed) < _SHORT else cast(Node, Folded(index, packed))


@lru_cache(maxsize=256)
def _short(packed: bytes) -> Node:
    return load_node(unpack(packed))


def pack_nodes(nodes: Sequence[TreeNode]) -> list[bytes]:
    """Nodes of leaves as bytes, each for itself."""
    packer = msgpack.Packer(use_bin_type=True).pack  # one for all costs half as much as one for each
    known: dict[int, bytes] = {}  # many pools may share a node
    found = []
    for node in nodes:
        if (packed := known.get(id(node))) is None:
            packed = known[id(node)] = node.packed if type(node) is Folded else packer(dump_node(node))
        found.append(packed)
    return found


def dump_node(node: TreeNode | None) -> Packed | None:
    """A node as nested tuples, its kind first."""
    match node:
        case Answer():
            return (ANSWER, node.count, node.records, node.ede, node.rcode, node.column)
        case Choice():
            return (CHOICE, _weights(node.cumulative), _dump_all(node.children))
        case Sample():
            return (SAMPLE, node.weights, _dump_all(node.answers), node.count)
        case ByHash():
            return (HASH, node.keys, node.weights, _dump_all(node.answers), node.count)
        case Nearest():
            return (NEAREST, node.map, _dump_all(node.answers), node.count, dump_node(node.unknown))
        case Split():
            return (SPLIT, node.salt, node.percents, _dump_all(node.children))
        case Chain():
            return (CHAIN, node.index)
        case ByRules():
            return (RULES, node.position, tuple(chain.index for chain in node.children))
        case WhoAmI():
            return (WHOAMI,)
    return None


@lru_cache(maxsize=1024)
def _weights(cumulative: tuple[int, ...]) -> tuple[int, ...]:
    """The weights that these are the sums of: many tables have few different ones."""
    return tuple(end - start for start, end in zip((0, *cumulative), cumulative, strict=False))


def _dump_all(nodes: Sequence[TreeNode | None]) -> list[Packed | None]:
    return [dump_node(node) for node in nodes]


def load_node(packed: Packed) -> Node:
    """The inverse of `dump_node`, for the kinds that leaves are made of; what is behind the known is passed over."""
    match packed:
        case (0, *_):
            return Answer.joined(*packed[1:_ANSWER_END])
        case (1, weights, children, *_):
            choice = Choice(weights, [load_node(child) for child in children])
            choice.cumulative = _same(choice.cumulative)
            return choice
        case (2, weights, answers, count, *_):
            return Sample(weights, _answers(answers), count)
        case (3, keys, weights, answers, count, *_):
            return ByHash(keys, weights, _answers(answers), count)
        case (4, nearest, answers, count, unknown, *_):
            slots = [None if answer is None else Answer.joined(*answer[1:_ANSWER_END]) for answer in answers]
            return Nearest(nearest, slots, count, load_node(unknown))
        case (8, salt, percents, children, *_):
            return Split(salt, percents, [load_node(child) for child in children])
    raise ValueError(f"no such kind of node: {packed[:1]}")


@lru_cache(maxsize=1024)
def _same(cumulative: tuple[int, ...]) -> tuple[int, ...]:
    """Equal weights are one object: many tables have few different ones."""
    return cumulative


def _answers(packed: Sequence[Packed]) -> list[Answer]:
    return [Answer.joined(*answer[1:_ANSWER_END]) for answer in packed]


def digest(payload: bytes) -> bytes:
    """16 octets that stand for a payload."""
    return blake2b(payload, digest_size=16).digest()


def pack(values: object) -> bytes:
    """Nested tuples of numbers, text, bytes and None as bytes."""
    return bytes(msgpack.packb(values, use_bin_type=True))


def unpack(payload: bytes) -> Packed:
    """The inverse of `pack`."""
    values = msgpack.unpackb(payload, use_list=False, raw=False, strict_map_key=False)
    if not isinstance(values, tuple):
        raise TypeError("a snapshot is a sequence")
    return values


class Reader:
    """A long payload part by part: unpacked as one, what falls away would leave holes all over the memory."""

    def __init__(self, payload: bytes) -> None:
        self._size = len(payload)
        self._unpacker = msgpack.Unpacker(
            BytesIO(payload), use_list=False, raw=False, strict_map_key=False, read_size=1 << 16, max_buffer_size=0
        )
        self.array = self._unpacker.read_array_header  # the length of an array, whose parts come next
        self.next = self._unpacker.unpack  # the next part

    def end(self) -> None:
        """Raises ValueError where something follows."""
        if self._unpacker.tell() != self._size:
            raise ValueError("something follows the end")


def guarded(load: Callable[[], T]) -> T:
    """What `load` returns; SnapshotError for all that it raises over bytes that are not ours."""
    try:
        return load()
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, msgpack.UnpackException) as error:
        raise SnapshotError(f"this is not a table that this version wrote: {type(error).__name__}: {error}") from error
