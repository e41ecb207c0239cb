"""Records of every common layout, and of none."""

import pytest

from gslb.geo.atlas import UNKNOWN, Place
from gslb.geo.records import place_of

LAYOUTS = {
    "GeoLite2-Country": (
        {"continent": {"code": "AS"}, "country": {"iso_code": "JP", "names": {"en": "Japan"}}},
        Place("JP", "", "AS"),
    ),
    "GeoLite2-City": (
        {
            "continent": {"code": "NA"},
            "country": {"iso_code": "US"},
            "location": {"latitude": 37.75, "longitude": -122.5},
            "subdivisions": [{"iso_code": "CA", "names": {"en": "California"}}, {"iso_code": "SF"}],
        },
        Place("US", "US-CA", "NA", 0, (37.75, -122.5)),
    ),
    "GeoLite2-ASN": (
        {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"},
        Place(asn=64500),
    ),
    "GeoIP2-Enterprise": (
        {"country": {"iso_code": "DE"}, "traits": {"autonomous_system_number": 64501}},
        Place("DE", asn=64501),
    ),
    "DB-IP without codes": (
        {"city": {"names": {"en": "Paris"}}, "country": {"iso_code": "FR"}, "subdivisions": [{"names": {"en": "IDF"}}]},
        Place("FR"),
    ),
    "ipinfo country_asn": (
        {"country": "JP", "country_name": "Japan", "continent": "AS", "asn": "AS64502", "as_name": "Example"},
        Place("JP", "", "AS", 64502),
    ),
    "ipinfo lite": (
        {"country": "Japan", "country_code": "JP", "continent": "Asia", "continent_code": "AS", "asn": "AS64502"},
        Place("JP", "", "AS", 64502),
    ),
    "ipinfo location": (
        {"country": "US", "region": "California", "region_code": "CA", "lat": "37.4", "lng": "-122.1"},
        Place("US", "US-CA", "", 0, (37.4, -122.1)),
    ),
    "ip-location-db country": ({"country_code": "KR"}, Place("KR")),
    "ip-location-db asn": ({"autonomous_system_number": 64503, "autonomous_system_organization": ""}, Place(asn=64503)),
    "ip-location-db city": (
        {"city": "Osaka", "country_code": "JP", "latitude": 34.69, "longitude": 135.5, "state1": "Osaka"},
        Place("JP", "", "", 0, (34.69, 135.5)),
    ),
    "integer asn": ({"asn": 64504}, Place(asn=64504)),
    "full subdivision": ({"country": "US", "region": "US-NY"}, Place("US", "US-NY")),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout(layout: str) -> None:
    record, place = LAYOUTS[layout]
    assert place_of(record) == place


@pytest.mark.parametrize(
    "record",
    [
        None,
        "JP",
        ["JP"],
        {},
        {"city": "Tokyo"},
        {"country": "Japan"},
        {"country": {"iso_code": 7}},
        {"country_code": "ZZ"},
        {"country_code": "XX"},
        {"country_code": "jp"},
        {"continent": {"code": "ASIA"}},
        {"subdivisions": [{"iso_code": "CA"}]},
        {"subdivisions": []},
        {"asn": "AS"},
        {"asn": 0},
        {"asn": -1},
        {"asn": 1 << 32},
        {"asn": None},
        {"latitude": 35.0},
        {"latitude": 91, "longitude": 0},
        {"latitude": 0, "longitude": -181},
        {"latitude": "north", "longitude": "east"},
        {"latitude": "nan", "longitude": "nan"},
        {"location": {"latitude": None, "longitude": None}},
    ],
)
def test_what_is_no_place_is_unknown(record: object) -> None:
    assert place_of(record) is UNKNOWN


def test_the_point_where_equator_and_prime_meridian_meet_is_a_point() -> None:
    assert place_of({"latitude": 0, "longitude": 0.0}).point == (0.0, 0.0)
