"""The atlas: layers, precedence between databases, what a country alone implies."""

from gslb.geo.atlas import UNKNOWN, Atlas, Interned, Layer, Place
from gslb.geo.centroids import CENTROIDS
from gslb.geo.ranges import RangeMap


def layer(*rows: tuple[int, Place]) -> Layer[Place]:
    """A database of IPv4 rows; IPv6 is unknown."""
    places: Interned[Place] = Interned()
    places.number(UNKNOWN)
    return Layer(places.entries, RangeMap.build([(start, places.number(place)) for start, place in rows], [(0, 0)]))


def test_the_empty_atlas_knows_nobody() -> None:
    atlas = Atlas.empty()
    assert atlas.locate(4, 0xC0000201) == UNKNOWN
    assert atlas.locate(6, 1 << 100) == UNKNOWN


def test_a_country_alone_implies_its_continent_and_its_middle() -> None:
    atlas = Atlas.of([layer((0, UNKNOWN), (100, Place("JP")), (200, Place("QQ")), (300, UNKNOWN))])
    assert atlas.locate(4, 150) == Place("JP", "", "AS", 0, CENTROIDS["JP"])
    assert atlas.locate(4, 250) == Place("QQ")
    assert atlas.locate(4, 99) == atlas.locate(4, 300) == UNKNOWN


def test_each_attribute_is_that_of_the_first_database_that_has_it() -> None:
    countries = layer((0, UNKNOWN), (100, Place("JP", "", "OC")), (300, UNKNOWN))
    cities = layer((0, UNKNOWN), (200, Place("KR", "KR-11", "AS", 0, (37.5, 127.0))), (400, UNKNOWN))
    numbers = layer((0, Place(asn=64500)), (250, Place(asn=64501)))
    atlas = Atlas.of([countries, cities, numbers])
    assert atlas.locate(4, 50) == Place(asn=64500)
    assert atlas.locate(4, 150) == Place("JP", "", "OC", 64500, CENTROIDS["JP"])
    assert atlas.locate(4, 220) == Place("JP", "", "OC", 64500, (37.5, 127.0))
    assert atlas.locate(4, 350) == Place("KR", "KR-11", "AS", 64501, (37.5, 127.0))


def test_a_subdivision_is_filled_in_where_the_country_agrees() -> None:
    atlas = Atlas.of([layer((0, Place("US"))), layer((0, Place("US", "US-CA")))])
    assert atlas.locate(4, 1).subdivision == "US-CA"


def test_labels_and_points_merge_apart() -> None:
    atlas = Atlas.of([layer(*((index, Place("JP", "", "AS", 0, (30 + index / 10, 135))) for index in range(50)))])
    assert len(atlas.labels.ranges.v4.values) == 1
    assert len(atlas.points.ranges.v4.values) == 50


def test_interning_numbers_equal_entries_equally() -> None:
    interned: Interned[tuple[int, ...]] = Interned()
    assert [interned.number(entry) for entry in ((1,), (2,), (1,))] == [0, 1, 0]
    assert interned.entries == [(1,), (2,)]
