"""Nodes to bytes and back, and leaves that unfold when a query asks for them."""

import pytest

from gslb.errors import SnapshotError
from gslb.policy.nodes import Answer, Choice
from gslb.responder import respond
from gslb.table.entries import Table
from gslb.table.leaves import NODATA, NOT_READY
from gslb.table.pack import Folded, Reader, digest, dump_node, guarded, leaf, load_node, pack, pack_nodes, unpack
from gslb.table.snapshot import dump_leaves, load_leaves
from tests.support import SOURCE, config, context, query, table


def test_unknown_kinds_of_nodes() -> None:
    assert dump_node(None) is None
    with pytest.raises(ValueError, match="no such kind"):
        load_node((99,))


def test_a_leaf_unfolds_once_when_it_is_asked_for() -> None:
    made = table(config())
    again = Table(made.base, load_leaves(dump_leaves(made.leaves)))
    assert [type(node) for node in again.nodes] == [Folded, Folded]
    before = context(made)
    after = context(again)
    wire = query("www")
    for _ in range(3):
        assert respond(before, wire, SOURCE, 0) == respond(after, wire, SOURCE, 0)
    assert [type(node) for node in again.nodes] == [Choice, Folded]
    assert again.leaves.nodes is again.nodes


def test_a_node_that_leaves_share_is_packed_once() -> None:
    one, other = Answer((b"one",)), Answer((b"other",))
    packed = pack_nodes([one, other, one, Answer((b"one",))])
    assert packed[0] is packed[2]
    assert packed[0] == packed[3] != packed[1]


def test_packing_does_not_care_what_has_unfolded() -> None:
    made = table(config())
    packed = pack_nodes(made.nodes)
    again = Table(made.base, load_leaves(dump_leaves(made.leaves)))
    respond(context(again), query("www"), SOURCE, 0)
    assert pack_nodes(again.nodes) == packed


@pytest.mark.parametrize("node", [NODATA, NOT_READY])
def test_leaves_without_records_are_one_object(node: Answer) -> None:
    (packed,) = pack_nodes([node])
    assert isinstance(leaf(0, packed), Answer)
    assert leaf(0, packed) is leaf(7, packed)


def test_equal_weights_are_one_object() -> None:
    packed = pack(dump_node(Choice([60, 40], [NODATA, NOT_READY])))
    first, second = load_node(unpack(packed)), load_node(unpack(packed))
    assert isinstance(first, Choice)
    assert isinstance(second, Choice)
    assert first.cumulative == (60, 100)
    assert first.cumulative is second.cumulative


def test_a_payload_is_read_part_by_part() -> None:
    reader = Reader(pack((1, (b"two", 3), [4, 5])))
    assert reader.array() == 3
    assert (reader.next(), reader.next()) == (1, (b"two", 3))
    assert [reader.next() for _ in range(reader.array())] == [4, 5]
    reader.end()


def test_what_follows_the_end_is_refused() -> None:
    reader = Reader(pack((1,)) + b"x")
    assert (reader.array(), reader.next()) == (1, 1)
    with pytest.raises(ValueError, match="follows the end"):
        reader.end()


def test_a_snapshot_is_a_sequence() -> None:
    with pytest.raises(SnapshotError, match="not a table"):
        guarded(lambda: unpack(pack(5)))


def test_a_digest_depends_on_every_octet() -> None:
    assert len(digest(b"a")) == 16
    assert digest(b"a") != digest(b"b")
