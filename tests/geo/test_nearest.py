"""Nearest sites."""

import math
from itertools import pairwise

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from gslb.geo.atlas import UNKNOWN, Atlas, Layer, Place, Point
from gslb.geo.nearest import NearestMap, compile_nearest
from gslb.geo.ranges import RangeMap

TOKYO, OSAKA, FRANKFURT, NEW_YORK = (35.68, 139.69), (34.69, 135.50), (50.11, 8.68), (40.71, -74.01)
SITES = (TOKYO, OSAKA, FRANKFURT, NEW_YORK)


def atlas_of(*places: Place) -> Atlas:
    """Place i is at the IPv4 /24 number i, and at the IPv6 /48 number i."""
    entries = (UNKNOWN, *places)
    numbers = [*range(1, len(entries)), 0]
    v4 = [(index << 8, number) for index, number in enumerate(numbers)]
    v6 = [(index << 80, number) for index, number in enumerate(numbers)]
    return Atlas.of([Layer(entries, RangeMap.build(v4, v6))])


def haversine(first: Point, second: Point) -> float:
    """Kilometres, by the textbook formula."""
    lat1, lon1, lat2, lon2 = map(math.radians, (*first, *second))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 12742 * math.asin(math.sqrt(half))


def test_clients_get_the_sites_from_near_to_far() -> None:
    kyoto, sendai, paris = (Place(point=point) for point in ((35.01, 135.77), (38.27, 140.87), (48.86, 2.35)))
    nearest = compile_nearest(atlas_of(kyoto, sendai, paris, Place("US")), SITES)
    assert nearest.find(4, 1) == ((1, 0, 2, 3), 24)
    assert nearest.find(4, 0x100 + 9) == ((0, 1, 2, 3), 24)
    assert nearest.find(6, 2 << 80) == ((2, 3, 1, 0), 48)
    assert nearest.find(4, 0x300)[0] == (3, 2, 0, 1)
    assert nearest.find(4, 0xC0000201) == (None, 1)


def test_across_the_date_line_is_near() -> None:
    fiji, samoa = (-18.0, 178.0), (-14.0, -172.0)
    nearest = compile_nearest(atlas_of(Place(point=(-16.0, 179.9))), [TOKYO, samoa, fiji])
    assert nearest.find(4, 0)[0] == (2, 1, 0)


def test_equally_distant_points_keep_their_order() -> None:
    nearest = compile_nearest(atlas_of(Place(point=(0.0, 0.0))), [(0, 10), (0, -10), (10, 0), TOKYO, TOKYO])
    assert nearest.find(4, 0)[0] == (0, 1, 2, 3, 4)


def test_neighbours_with_the_same_order_share_one_range() -> None:
    nearest = compile_nearest(atlas_of(*(Place(point=(48 + index / 100, 2)) for index in range(64))), SITES)
    assert nearest.find(4, 0) == ((2, 3, 1, 0), 18)


def test_without_a_database_nobody_has_an_order_and_the_scope_is_zero() -> None:
    assert compile_nearest(Atlas.empty(), SITES).find(6, 1 << 90) == (None, 0)


def test_its_ranges_are_told() -> None:
    nearest = compile_nearest(atlas_of(Place("JP"), Place("DE"), Place("US")), SITES)
    assert {start for start, _ in nearest.ranges.v4.rows()} >= {0, 1 << 8, 2 << 8}


def test_parts_survive_msgpack() -> None:
    nearest = compile_nearest(atlas_of(Place("JP"), Place("DE"), Place("US")), SITES)
    packed = msgpack.packb(nearest.to_parts())
    again = NearestMap.from_parts(msgpack.unpackb(packed, use_list=False))
    for family, step in ((4, 8), (6, 80)):
        for index in range(6):
            assert again.find(family, index << step) == nearest.find(family, index << step)
    assert msgpack.packb(again.to_parts()) == packed


points = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(points, st.lists(points, min_size=1, max_size=6))
def test_the_order_is_that_of_great_circle_distances(client: Point, sites: list[Point]) -> None:
    order = compile_nearest(atlas_of(Place(point=client)), sites).find(4, 0)[0]
    assert order is not None
    assert sorted(order) == list(range(len(sites)))
    distances = [haversine(client, sites[index]) for index in order]
    # Opposite the client a metre of chord is kilometres of arc; everywhere else the rounding is metres.
    slack = 0.02 if max(distances) < 19_000 else 60
    assert all(near <= far + slack for near, far in pairwise(distances))
