"""Which of several points is nearest to a client, by great-circle distance."""

import math
from collections.abc import Sequence
from typing import Self

from gslb.geo.atlas import Atlas, Interned, Point
from gslb.geo.ranges import Parts4, Parts6, RangeMap

Order = tuple[int, ...] | None
NearestParts = tuple[tuple[Parts4, Parts6], tuple[Order, ...]]


class NearestMap:
    """The order of the points, from near to far, for every address."""

    __slots__ = ("_orders", "_ranges")

    def __init__(self, ranges: RangeMap, orders: Sequence[Order]) -> None:
        self._ranges = ranges
        self._orders = tuple(orders)

    @property
    def ranges(self) -> RangeMap:
        """The ranges of client addresses within which every one has the same order."""
        return self._ranges

    def find(self, family: int, client: int) -> tuple[Order, int]:
        """(point indexes from near to far, or None where the client's location is unknown; scope prefix length).

        The scope is 0 where every address of the family has the same order (RFC 7871 section 7.2.1).
        """
        order, scope = self._ranges.find(family, client)
        return self._orders[order], scope

    def to_parts(self) -> NearestParts:
        """Nested tuples of integers, bytes and None, for a snapshot."""
        return self._ranges.to_parts(), self._orders

    @classmethod
    def from_parts(cls, parts: NearestParts) -> Self:
        """Inverse of `to_parts`; ValueError or TypeError where the parts do not fit together."""
        ranges, orders = parts
        return cls(RangeMap.from_parts(ranges), orders)


def compile_nearest(atlas: Atlas, points: Sequence[Point]) -> NearestMap:
    """Order `points` ((latitude, longitude) in degrees) for every client; equally distant ones keep their order."""
    targets = [_unit(point) for point in points]
    orders: Interned[Order] = Interned()
    table = [orders.number(None if point is None else _order(point, targets)) for point in atlas.points.entries]
    return NearestMap(atlas.points.ranges.relabel(table), orders.entries)


def _order(client: Point, targets: Sequence[tuple[float, float, float]]) -> tuple[int, ...]:
    """Indexes by distance. A chord grows with its arc, so squared chords are compared.

    Rounded, so that machines whose sines differ in the last bit agree: less than 10 m near the client.
    """
    here = _unit(client)
    chords = [round(math.dist(here, target), 6) for target in targets]
    return tuple(sorted(range(len(targets)), key=chords.__getitem__))


def _unit(point: Point) -> tuple[float, float, float]:
    """The place on a sphere of radius 1."""
    latitude, longitude = math.radians(point[0]), math.radians(point[1])
    return (
        math.cos(latitude) * math.cos(longitude),
        math.cos(latitude) * math.sin(longitude),
        math.sin(latitude),
    )
