"""The search tree of a MaxMind DB file (format 2.0): bytes in, networks out, each with the number of its record.

The reader library decodes a record anew for every network and builds an object for each; a city database has millions
of networks but few distinct records. Walking the tree here lets each record be decoded once.
"""

from collections.abc import Iterator, MutableSequence, Sequence

NODE_BYTES = {24: 6, 28: 7, 32: 8}
# Where in a node the bytes of its two numbers are, least significant first; None = no such byte.
_BYTE_ORDER: dict[int, tuple[int | None, ...]] = {
    24: (2, 1, 0, None, 5, 4, 3, None),
    28: (2, 1, 0, 3, 6, 5, 4, 3),
    32: (3, 2, 1, 0, 7, 6, 5, 4),
}
_HIGH_NIBBLE = bytes(byte >> 4 for byte in range(256))
_LOW_NIBBLE = bytes(byte & 15 for byte in range(256))


def unpack(tree: bytes, record_size: int) -> MutableSequence[int]:
    """The tree as one flat sequence: node n has its left branch at 2n and its right branch at 2n + 1.

    `record_size` is 24, 28 or 32 bits; with 28 the two numbers of a node share its middle byte.
    """
    stride = NODE_BYTES[record_size]
    flat = bytearray(len(tree) // stride * 8)
    for position, offset in enumerate(_BYTE_ORDER[record_size]):
        if offset is not None:
            flat[position::8] = tree[offset::stride]
    if record_size == 28:
        flat[3::8] = flat[3::8].translate(_HIGH_NIBBLE)
        flat[7::8] = flat[7::8].translate(_LOW_NIBBLE)
    return memoryview(flat).cast("I")  # type: ignore[return-value]


def ipv4_root(branches: Sequence[int]) -> int:
    """Where IPv4 hangs in an IPv6 tree: at ::/96."""
    nodes = len(branches) // 2
    node = 0
    for _ in range(96):
        if node >= nodes:
            break
        node = branches[2 * node]
    return node


def cut(branches: MutableSequence[int], node: int) -> None:
    """Empty a node, so that no path leads below it any more.

    IPv4 is reached from several places (2002::/16, ::ffff:0:0/96, ...); once read, it must not be read again as IPv6.
    """
    nodes = len(branches) // 2
    if node < nodes:
        branches[2 * node] = branches[2 * node + 1] = nodes


def networks(branches: Sequence[int], root: int, bits: int) -> Iterator[tuple[int, int, int]]:
    """Every network below `root`, ascending: (first address, number of free bits, record number > number of nodes).

    Raises ValueError where the tree is deeper than an address has bits or has more paths than a tree can have.
    """
    nodes = len(branches) // 2
    steps_left = 4 * nodes + 256  # twice over every node is already more than any real file has
    pending = [(root, 0, bits)]
    while pending:
        node, address, free = pending.pop()
        while node < nodes:
            free -= 1
            steps_left -= 1
            if free < 0 or steps_left < 0:
                raise ValueError("the search tree has a loop")
            pending.append((branches[2 * node + 1], address | 1 << free, free))
            node = branches[2 * node]
        if node > nodes:
            yield address, free, node
