"""What the location databases say, as pure data: ranges of addresses and the place of each.

Labels (what rules ask for) and points (what `nearest` asks for) are kept apart, so that each merges to far fewer ranges
than the databases have networks, and compiling a rule never pays for coordinates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Generic, NamedTuple, TypeVar

from gslb.geo.centroids import CENTROIDS, CONTINENTS
from gslb.geo.ranges import RangeMap, combine

Point = tuple[float, float]
T = TypeVar("T")


class Place(NamedTuple):
    """Where a network is. Subdivisions are written "US-CA"; a point is (latitude, longitude) in degrees."""

    country: str = ""
    subdivision: str = ""
    continent: str = ""
    asn: int = 0
    point: Point | None = None


class Label(NamedTuple):
    """The part of a place that rules can name."""

    country: str = ""
    subdivision: str = ""
    continent: str = ""
    asn: int = 0


UNKNOWN = Place()


class Layer(NamedTuple, Generic[T]):
    """Ranges whose values index `entries`."""

    entries: Sequence[T]
    ranges: RangeMap


@dataclass(frozen=True, slots=True)
class Atlas:
    """Labels and points of every address."""

    labels: Layer[Label]
    points: Layer[Point | None]

    @classmethod
    def empty(cls) -> "Atlas":
        """No database: nobody's place is known."""
        return cls.of([])

    @classmethod
    def of(cls, databases: Sequence[Layer[Place]]) -> "Atlas":
        """The sum of several databases: each attribute of an address is that of the first one that has it."""
        if not databases:
            return cls(Layer((Label(),), RangeMap.uniform(0)), Layer((None,), RangeMap.uniform(0)))
        places, ranges = reduce(_stack, databases)
        labels: Interned[Label] = Interned()
        points: Interned[Point | None] = Interned()
        label_of = [labels.number(_label(place)) for place in places]
        point_of = [points.number(place.point or CENTROIDS.get(place.country)) for place in places]
        return cls(
            Layer(tuple(labels.entries), ranges.relabel(label_of)),
            Layer(tuple(points.entries), ranges.relabel(point_of)),
        )

    def locate(self, family: int, address: int) -> Place:
        """What is known of one address (family 4 or 6)."""
        label = self.labels.entries[self.labels.ranges.find(family, address)[0]]
        return Place(*label, self.points.entries[self.points.ranges.find(family, address)[0]])


class Interned(Generic[T]):
    """Numbers equal things equally, from 0, in order of first sight."""

    __slots__ = ("_numbers", "entries")

    def __init__(self) -> None:
        self.entries: list[T] = []
        self._numbers: dict[T, int] = {}

    def number(self, entry: T) -> int:
        """The index of an equal entry in `entries`, which gains this one if it has none."""
        number = self._numbers.setdefault(entry, len(self.entries))
        if number == len(self.entries):
            self.entries.append(entry)
        return number


def _label(place: Place) -> Label:
    return Label(place.country, place.subdivision, place.continent or CONTINENTS.get(place.country, ""), place.asn)


def _stack(upper: Layer[Place], lower: Layer[Place]) -> Layer[Place]:
    places: Interned[Place] = Interned()

    def place_of(above: int, below: int) -> int:
        return places.number(_fill(upper.entries[above], lower.entries[below]))

    return Layer(places.entries, combine(upper.ranges, lower.ranges, place_of))


def _fill(above: Place, below: Place) -> Place:
    """`above`, what it lacks taken from `below`; a subdivision only where both mean the same country."""
    country = above.country or below.country
    same = below.country == country
    return Place(
        country,
        above.subdivision or (below.subdivision if same else ""),
        above.continent or below.continent,
        above.asn or below.asn,
        above.point or below.point,
    )
