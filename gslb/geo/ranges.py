"""Sorted ranges: every address of a family belongs to exactly one range, and every range carries one small number.

The arrays are all that a lookup needs; they travel to other processes as little-endian bytes and are read in place.
"""

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import compress, islice
from operator import ne
from typing import NamedTuple, Self

if sys.byteorder != "little":
    raise ImportError("gslb.geo shares its arrays as little-endian bytes; this machine is big-endian")

LOW_HALF = (1 << 64) - 1
ADDRESS_BITS = {4: 32, 6: 128}

Parts4 = tuple[bytes, bytes]
Parts6 = tuple[bytes, bytes, bytes]
Row = tuple[int, int]
PAST_EVERY_ADDRESS = (1 << 128, 0)


class Ranges4:
    """IPv4: `starts[i]` is the first address of range i, which ends where the next one starts; `starts[0]` is 0."""

    __slots__ = ("starts", "values")

    def __init__(self, starts: Sequence[int], values: Sequence[int]) -> None:
        _check(len(values), starts)
        self.starts = starts
        self.values = values

    @classmethod
    def build(cls, rows: Iterable[Row]) -> Self:
        """Ranges from (first address, value) in ascending order, the first at 0; equal neighbours become one range."""
        starts, values = array("I"), array("I")
        for start, value in _merge(rows):
            starts.append(start)
            values.append(value)
        return cls(starts, values)

    def rows(self) -> Iterator[Row]:
        """(first address, value) of each range, ascending."""
        return zip(self.starts, self.values, strict=True)

    def relabel(self, table: Sequence[int]) -> "Ranges4":
        """The same ranges with value v replaced by `table[v]`, merged where neighbours became equal."""
        values = array("I", map(table.__getitem__, self.values))
        kept = _first_of_runs(values)
        return Ranges4(array("I", compress(self.starts, kept)), array("I", compress(values, kept)))

    def find(self, address: int) -> tuple[int, int]:
        """The value at an address, and the length of the largest prefix around it that lies inside its range."""
        starts = self.starts
        after = bisect_right(starts, address)
        scope = 33 - (address ^ starts[after - 1] - 1).bit_length() if after > 1 else 0
        if after < len(starts):
            # The prefix must be longer than what the address has in common with the nearest address outside.
            upper = 33 - (address ^ starts[after]).bit_length()
            if upper > scope:
                scope = upper
        return self.values[after - 1], scope

    def to_parts(self) -> Parts4:
        """Raw bytes for a snapshot."""
        return bytes(self.starts), bytes(self.values)

    @classmethod
    def from_parts(cls, parts: Parts4) -> Self:
        """Inverse of `to_parts`, using the bytes in place. ValueError or TypeError where they do not fit together."""
        starts, values = parts
        return cls(memoryview(starts).cast("I"), memoryview(values).cast("I"))


class Ranges6:
    """IPv6: as `Ranges4`, the first addresses being split into their high and low 64 bits."""

    __slots__ = ("highs", "lows", "values")

    def __init__(self, highs: Sequence[int], lows: Sequence[int], values: Sequence[int]) -> None:
        _check(len(values), highs, lows)
        self.highs = highs
        self.lows = lows
        self.values = values

    @classmethod
    def build(cls, rows: Iterable[Row]) -> Self:
        """As `Ranges4.build`."""
        highs, lows, values = array("Q"), array("Q"), array("I")
        for start, value in _merge(rows):
            highs.append(start >> 64)
            lows.append(start & LOW_HALF)
            values.append(value)
        return cls(highs, lows, values)

    def rows(self) -> Iterator[Row]:
        """(first address, value) of each range, ascending."""
        for high, low, value in zip(self.highs, self.lows, self.values, strict=True):
            yield high << 64 | low, value

    def relabel(self, table: Sequence[int]) -> "Ranges6":
        """As `Ranges4.relabel`."""
        values = array("I", map(table.__getitem__, self.values))
        kept = _first_of_runs(values)
        highs, lows = (array("Q", compress(half, kept)) for half in (self.highs, self.lows))
        return Ranges6(highs, lows, array("I", compress(values, kept)))

    def find(self, address: int) -> tuple[int, int]:
        """As `Ranges4.find`."""
        highs, lows = self.highs, self.lows
        high = address >> 64
        after = bisect_right(highs, high)
        if highs[after - 1] == high:
            after = bisect_right(lows, address & LOW_HALF, bisect_left(highs, high, 0, after), after)
        scope = 0
        if after > 1:
            outside = (highs[after - 1] << 64 | lows[after - 1]) - 1
            scope = 129 - (address ^ outside).bit_length()
        if after < len(highs):
            upper = 129 - (address ^ (highs[after] << 64 | lows[after])).bit_length()
            if upper > scope:
                scope = upper
        return self.values[after - 1], scope

    def to_parts(self) -> Parts6:
        """Raw bytes for a snapshot."""
        return bytes(self.highs), bytes(self.lows), bytes(self.values)

    @classmethod
    def from_parts(cls, parts: Parts6) -> Self:
        """As `Ranges4.from_parts`."""
        highs, lows, values = parts
        return cls(memoryview(highs).cast("Q"), memoryview(lows).cast("Q"), memoryview(values).cast("I"))


class RangeMap(NamedTuple):
    """Both families. Their values index the same table, which belongs to whoever holds the map."""

    v4: Ranges4
    v6: Ranges6

    @classmethod
    def build(cls, rows4: Iterable[Row], rows6: Iterable[Row]) -> Self:
        """See `Ranges4.build`."""
        return cls(Ranges4.build(rows4), Ranges6.build(rows6))

    @classmethod
    def uniform(cls, value: int) -> Self:
        """One range per family: every address has this value."""
        return cls.build([(0, value)], [(0, value)])

    def relabel(self, table: Sequence[int]) -> "RangeMap":
        """See `Ranges4.relabel`."""
        return RangeMap(self.v4.relabel(table), self.v6.relabel(table))

    def find(self, family: int, address: int) -> tuple[int, int]:
        """(value, scope prefix length) of an address; see `Ranges4.find`."""
        return self.v4.find(address) if family == 4 else self.v6.find(address)

    def to_parts(self) -> tuple[Parts4, Parts6]:
        """Raw bytes for a snapshot."""
        return self.v4.to_parts(), self.v6.to_parts()

    @classmethod
    def from_parts(cls, parts: tuple[Parts4, Parts6]) -> Self:
        """Inverse of `to_parts`; ValueError or TypeError where the parts do not fit together."""
        v4, v6 = parts
        return cls(Ranges4.from_parts(v4), Ranges6.from_parts(v6))


def overlay(first: Iterable[Row], second: Iterable[Row]) -> Iterator[tuple[int, int, int]]:
    """Each stretch on which neither side changes: (first address, value of `first`, value of `second`)."""
    lefts, rights = iter(first), iter(second)
    next_left, next_right = next(lefts), next(rights)
    left = right = start = 0
    while start < PAST_EVERY_ADDRESS[0]:
        if next_left[0] == start:
            left = next_left[1]
            next_left = next(lefts, PAST_EVERY_ADDRESS)
        if next_right[0] == start:
            right = next_right[1]
            next_right = next(rights, PAST_EVERY_ADDRESS)
        yield start, left, right
        start = min(next_left[0], next_right[0])


def combine(first: RangeMap, second: RangeMap, value_of: Callable[[int, int], int]) -> RangeMap:
    """One map for two: an address has `value_of(its value in first, its value in second)`, asked once for each pair."""
    known = cache(value_of)
    return RangeMap.build(
        ((start, known(left, right)) for start, left, right in overlay(first.v4.rows(), second.v4.rows())),
        ((start, known(left, right)) for start, left, right in overlay(first.v6.rows(), second.v6.rows())),
    )


def _merge(rows: Iterable[Row]) -> Iterator[Row]:
    previous = -1
    for row in rows:
        if row[1] != previous:
            previous = row[1]
            yield row


def _first_of_runs(values: Sequence[int]) -> bytes:
    """One byte per value: 1 where it differs from the one before it."""
    return b"\1" + bytes(map(ne, islice(values, 1, None), values))


def _check(ranges: int, *starts: Sequence[int]) -> None:
    """Lookups index without looking: a damaged snapshot must fail when it is loaded, not when it is asked."""
    if not ranges or any(len(half) != ranges or half[0] for half in starts):
        raise ValueError("ranges: one value per start and a first start of 0 expected")
