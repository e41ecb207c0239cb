"""The table of countries."""

from gslb.geo.centroids import CENTROIDS, CONTINENTS


def test_every_country_has_a_point_and_a_continent() -> None:
    assert len(CENTROIDS) == 250  # ISO 3166-1 has 249; XK
    assert CENTROIDS.keys() == CONTINENTS.keys()
    assert set(CONTINENTS.values()) == {"AF", "AN", "AS", "EU", "NA", "OC", "SA"}
    for country, (latitude, longitude) in CENTROIDS.items():
        assert len(country) == 2
        assert country.isalpha()
        assert country.isupper()
        assert -90 <= latitude <= 90
        assert -180 <= longitude <= 180


def test_some_countries_are_where_they_should_be() -> None:
    assert CENTROIDS["JP"] == (37, 138)
    assert CENTROIDS["CL"][0] < 0
    assert CENTROIDS["CL"][1] < 0
    assert CENTROIDS["AU"][0] < 0 < CENTROIDS["AU"][1]
    assert {code: CONTINENTS[code] for code in ("JP", "DE", "US", "BR", "ZA", "NZ", "AQ")} == {
        "JP": "AS",
        "DE": "EU",
        "US": "NA",
        "BR": "SA",
        "ZA": "AF",
        "NZ": "OC",
        "AQ": "AN",
    }
