"""Packed ranges: lookup, scope, merging, bytes out and in."""

import importlib.util
import random
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.geo import ranges
from gslb.geo.ranges import RangeMap, Ranges4, Ranges6, Row, combine, overlay

Row4s = Sequence[Row]


def rows_of(width: int) -> st.SearchStrategy[list[Row]]:
    """Ascending rows whose starts lie anywhere, often close together, often at 64-bit boundaries."""
    anywhere = st.integers(1, (1 << width) - 1)
    prefix_edges = st.builds(lambda high, free: (high << free) % (1 << width), anywhere, st.integers(0, width - 1))
    starts = st.lists(st.one_of(anywhere, prefix_edges, st.integers(1, 40)), max_size=12)
    return starts.flatmap(
        lambda found: st.lists(st.integers(0, 3), min_size=13, max_size=13).map(
            lambda values: list(zip(sorted({0, *found}), values, strict=False))
        )
    )


def value_at(rows: Row4s, address: int) -> int:
    return [value for start, value in rows if start <= address][-1]


def uniform(rows: Row4s, first: int, last: int) -> bool:
    inside = {value for start, value in rows if first < start <= last}
    return inside <= {value_at(rows, first)}


@pytest.mark.parametrize(("kind", "width"), [(Ranges4, 32), (Ranges6, 128)])
@given(data=st.data())
def test_find_gives_the_value_and_the_largest_uniform_prefix(
    kind: type[Ranges4] | type[Ranges6], width: int, data: st.DataObject
) -> None:
    rows = data.draw(rows_of(width))
    built = kind.build(rows)
    near_edges = st.sampled_from([start for start, _ in rows]).map(lambda start: min(start + 1, (1 << width) - 1))
    address = data.draw(
        st.one_of(st.integers(0, (1 << width) - 1), near_edges, near_edges.map(lambda a: max(a - 2, 0)))
    )
    value, scope = built.find(address)
    assert value == value_at(rows, address)
    assert 0 <= scope <= width
    first = address >> (width - scope) << (width - scope)
    assert uniform(rows, first, first + (1 << (width - scope)) - 1)
    if scope:
        free = width - scope + 1
        parent = address >> free << free
        assert not uniform(rows, parent, parent + (1 << free) - 1)


@pytest.mark.parametrize("kind", [Ranges4, Ranges6])
def test_building_merges_equal_neighbours(kind: type[Ranges4] | type[Ranges6]) -> None:
    built = kind.build([(0, 7), (10, 7), (20, 8), (30, 8), (40, 7)])
    assert list(built.rows()) == [(0, 7), (20, 8), (40, 7)]


@pytest.mark.parametrize("kind", [Ranges4, Ranges6])
def test_relabelling_merges_what_becomes_equal(kind: type[Ranges4] | type[Ranges6]) -> None:
    built = kind.build([(0, 0), (10, 1), (20, 2), (30, 1)])
    assert list(built.relabel([5, 6, 6]).rows()) == [(0, 5), (10, 6)]
    assert list(built.rows())[-1] == (30, 1)


def test_one_range_has_scope_zero() -> None:
    everywhere = RangeMap.uniform(3)
    assert everywhere.find(4, 0xC0000201) == (3, 0)
    assert everywhere.find(6, 0x20010DB8 << 96) == (3, 0)


def test_the_last_address_of_each_family_has_a_range() -> None:
    built = RangeMap.build([(0, 0), (0xFFFFFFFF, 1)], [(0, 0), ((1 << 128) - 1, 1)])
    assert built.find(4, 0xFFFFFFFF) == (1, 32)
    assert built.find(4, 0xFFFFFFFE) == (0, 32)
    assert built.find(6, (1 << 128) - 1) == (1, 128)
    assert built.find(4, 0) == (0, 1)


def test_v6_ranges_that_differ_in_the_low_half_alone_are_told_apart() -> None:
    base = 0x20010DB8 << 96
    built = Ranges6.build([(0, 0), (base + 5, 1), (base + 9, 2), (base + (1 << 64), 3)])
    found = [built.find(address)[0] for address in (base, base + 4, base + 5, base + 8, base + 9, base + (1 << 64))]
    assert found == [0, 0, 1, 1, 2, 3]


def test_parts_are_plain_bytes_read_in_place() -> None:
    built = RangeMap.build([(0, 0), (0xC0000200, 1), (0xC0000300, 0)], [(0, 0), (0x20010DB8 << 96, 2)])
    parts = built.to_parts()
    assert [len(piece) for family in parts for piece in family] == [12, 12, 16, 16, 8]
    again = RangeMap.from_parts(parts)
    assert again.to_parts() == parts
    assert isinstance(again.v4.starts, memoryview)
    assert again.v4.starts.obj is parts[0][0]
    rng = random.Random(1)
    for family, width in ((4, 32), (6, 128)):
        for _ in range(200):
            address = rng.getrandbits(width)
            assert again.find(family, address) == built.find(family, address)


def test_parts_that_do_not_fit_together_are_refused() -> None:
    zero4, zero8 = bytes(4), bytes(8)
    for parts in ((zero4, zero8), (b"", b""), (b"\1\0\0\0", zero4)):
        with pytest.raises(ValueError, match="first start of 0"):
            Ranges4.from_parts(parts)
    with pytest.raises(ValueError, match="first start of 0"):
        Ranges6.from_parts((zero8, bytes(16), zero4))
    with pytest.raises(TypeError):
        Ranges4.from_parts((b"\0\0\0", zero4))


@given(rows_of(32), rows_of(32))
def test_overlay_cuts_at_every_boundary_of_either_side(first: list[Row], second: list[Row]) -> None:
    cut = list(overlay(first, second))
    assert [start for start, _, _ in cut] == sorted({start for start, _ in first} | {start for start, _ in second})
    for start, left, right in cut:
        assert (left, right) == (value_at(first, start), value_at(second, start))


def test_combining_asks_once_for_each_pair() -> None:
    asked = []

    def add(left: int, right: int) -> int:
        asked.append((left, right))
        return left + right

    first = RangeMap.build([(0, 1), (10, 2), (20, 1)], [(0, 1)])
    combined = combine(first, RangeMap.uniform(5), add)
    assert list(combined.v4.rows()) == [(0, 6), (10, 7), (20, 6)]
    assert list(combined.v6.rows()) == [(0, 6)]
    assert asked == [(1, 5), (2, 5)]


def test_a_big_endian_machine_is_refused_when_the_module_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "byteorder", "big")
    spec = importlib.util.spec_from_file_location("gslb_ranges_elsewhere", ranges.__file__)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ImportError, match="big-endian"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
