"""The search tree: the three record sizes, order, IPv4's place, damage."""

import struct

import pytest

from gslb.geo.tree import cut, ipv4_root, networks, unpack

PAIRS = [(0x0A1B2C, 0x3D4E5F), (1, 0xFFFFFF), (0, 2)]


def pack(left: int, right: int, size: int) -> bytes:
    if size == 24:
        return left.to_bytes(3, "big") + right.to_bytes(3, "big")
    if size == 32:
        return struct.pack(">II", left, right)
    middle = left >> 24 << 4 | right >> 24
    return (left & 0xFFFFFF).to_bytes(3, "big") + bytes([middle]) + (right & 0xFFFFFF).to_bytes(3, "big")


@pytest.mark.parametrize("size", [24, 28, 32])
def test_every_record_size_unpacks_to_the_same_branches(size: int) -> None:
    tree = b"".join(pack(left, right, size) for left, right in PAIRS)
    assert list(unpack(tree, size)) == [branch for pair in PAIRS for branch in pair]


@pytest.mark.parametrize(("size", "big"), [(28, 0xABCDEF1), (32, 0xABCDEF12)])
def test_the_top_bits_of_wide_records_stay_on_their_side(size: int, big: int) -> None:
    assert list(unpack(pack(big, 5, size) + pack(5, big, size), size)) == [big, 5, 5, big]


def test_networks_come_in_order_with_their_free_bits() -> None:
    # 0/2 -> record 13, 64/2 -> empty, 128/1 -> record 14, in a family of 8 bits
    branches = [1, 3 + 11, 2, 2, 3 + 10, 3]
    branches = [1, 14, 2, 3, 13, 3]
    assert list(networks(branches, 0, 8)) == [(0, 5, 13), (128, 7, 14)]


def test_a_root_that_is_a_record_covers_the_family() -> None:
    assert list(networks([1, 1], 7, 32)) == [(0, 32, 7)]
    assert list(networks([], 0, 32)) == []


def test_ipv4_hangs_below_96_zero_bits() -> None:
    branches = [branch for node in range(97) for branch in (node + 1, 97)]
    assert ipv4_root(branches) == 96
    assert ipv4_root([9, 1]) == 9
    assert ipv4_root([]) == 0


def test_a_cut_node_leads_nowhere() -> None:
    branches = [1, 1, 12, 13]
    assert len(list(networks(branches, 0, 8))) == 4
    cut(branches, 1)
    assert list(networks(branches, 0, 8)) == []
    cut(branches, 2)
    assert branches == [1, 1, 2, 2]


def test_a_loop_is_found() -> None:
    with pytest.raises(ValueError, match="loop"):
        list(networks([1, 2, 0, 2], 0, 32))


def test_a_tree_with_more_paths_than_nodes_allow_is_refused() -> None:
    branches = [node + 1 for node in range(30) for _ in (0, 1)]
    with pytest.raises(ValueError, match="loop"):
        sum(1 for _ in networks(branches, 0, 32))
