"""What turns the leaves of one generation into those of a later one: a change costs by what changed, not by what is.

Leaves that were compiled from others keep every node that did not change as the same object, so that finding what
changed is one look per node.
"""

from functools import partial
from typing import NamedTuple

from gslb.table.entries import Leaves
from gslb.table.pack import guarded, leaf, pack, pack_nodes, unpack
from gslb.table.snapshot import join_leaves


class Change(NamedTuple):
    """The nodes that are others, by position, and what pools served last, where that is another.

    `since` is the generation of the leaves that it starts from.
    """

    base_digest: bytes
    since: int
    nodes: tuple[tuple[int, bytes], ...]
    last_good: tuple[tuple[str, tuple[str, ...]], ...]


class PackedLeaves:
    """Leaves beside the bytes of their nodes, from which a whole or a change is joined."""

    def __init__(self, leaves: Leaves, nodes: list[bytes] | None = None) -> None:
        self.leaves = leaves
        self._nodes = pack_nodes(leaves.nodes) if nodes is None else nodes

    def whole(self) -> bytes:
        """What gslb.table.snapshot.dump_leaves makes of the leaves."""
        return join_leaves(self.leaves.base_digest, self._nodes, self.leaves.last_good)

    def change(self, leaves: Leaves, since: int) -> Change:
        """What leads from these leaves, of generation `since`, to others of the same base."""
        before, good = self.leaves, self.leaves.last_good
        pairs = enumerate(zip(before.nodes, leaves.nodes, strict=True))
        moved = [index for index, (old, new) in pairs if old is not new]
        packed = pack_nodes([leaves.nodes[index] for index in moved])
        last_good = tuple((pool, tuple(sorted(a))) for pool, a in leaves.last_good.items() if good.get(pool) != a)
        return Change(leaves.base_digest, since, tuple(zip(moved, packed, strict=True)), last_good)

    def moved(self, leaves: Leaves, change: Change) -> "PackedLeaves":
        """Those leaves, to which this change leads."""
        nodes = list(self._nodes)
        for index, packed in change.nodes:
            nodes[index] = packed
        return PackedLeaves(leaves, nodes)


def dump_change(change: Change) -> bytes:
    """A change as bytes."""
    return pack(change)


def load_change(payload: bytes) -> Change:
    """The inverse of `dump_change`, of a longer one too. Raises SnapshotError for anything else."""
    return guarded(lambda: Change(*unpack(payload)[: len(Change._fields)]))


def changed(leaves: Leaves, change: Change, *, lean: bool = False) -> Leaves:
    """The leaves to which a change leads; `lean`: without what was last good. Raises SnapshotError: not for these."""
    return guarded(partial(_changed, leaves, change, lean))


def _changed(leaves: Leaves, change: Change, lean: bool) -> Leaves:
    if change.base_digest != leaves.base_digest:
        raise ValueError("a change of another base's leaves")
    nodes = list(leaves.nodes)
    for index, packed in change.nodes:
        nodes[index] = leaf(index, packed)
    good = {} if lean else {pool: frozenset(addresses) for pool, addresses in change.last_good}
    return Leaves(leaves.base_digest, nodes, {**leaves.last_good, **good})
