"""One database record, in any of the common layouts, to a place.

Nested: GeoLite2, GeoIP2, DB-IP lite. Flat: ipinfo, ip-location-db. What is missing or malformed is unknown.
"""

import re

from gslb.geo.atlas import UNKNOWN, Place

EXPECTED = (
    "expected records with a country (country.iso_code, country_code or country), a continent (continent.code or "
    "continent_code), an AS number (autonomous_system_number or asn) or coordinates (location.latitude or latitude)"
)

_Path = tuple[str | int, ...]
_COUNTRY: tuple[_Path, ...] = (("country", "iso_code"), ("country_code",), ("country",))
_SUBDIVISION: tuple[_Path, ...] = (("subdivisions", 0, "iso_code"), ("region_code",), ("region",))
_CONTINENT: tuple[_Path, ...] = (("continent", "code"), ("continent_code",), ("continent",))
_ASN: tuple[_Path, ...] = (("autonomous_system_number",), ("traits", "autonomous_system_number"), ("asn",))
_LATITUDE: tuple[_Path, ...] = (("location", "latitude"), ("latitude",), ("lat",))
_LONGITUDE: tuple[_Path, ...] = (("location", "longitude"), ("longitude",), ("lng",), ("lon",))

_COUNTRY_CODE = re.compile(r"(?!ZZ|XX)[A-Z]{2}")  # both stand for "unknown"
_SUBDIVISION_CODE = re.compile(r"(?:[A-Z]{2}-)?([A-Z0-9]{1,3})")
_CONTINENT_CODE = re.compile(r"AF|AN|AS|EU|NA|OC|SA")
_AS_NUMBER = re.compile(r"(?:AS)?([0-9]{1,10})", re.ASCII)


def place_of(record: object) -> Place:
    """What a record says of where its network is; `UNKNOWN` where it says nothing that we use."""
    country = _code(record, _COUNTRY, _COUNTRY_CODE)
    subdivision = _code(record, _SUBDIVISION, _SUBDIVISION_CODE) if country else ""
    latitude, longitude = _degrees(record, _LATITUDE, 90), _degrees(record, _LONGITUDE, 180)
    place = Place(
        country,
        f"{country}-{subdivision}" if subdivision else "",
        _code(record, _CONTINENT, _CONTINENT_CODE),
        _as_number(record),
        None if latitude is None or longitude is None else (latitude, longitude),
    )
    return place if any(place) else UNKNOWN


def _code(record: object, paths: tuple[_Path, ...], pattern: re.Pattern[str]) -> str:
    """The first text that is a code; a name such as "Japan" or "California" in its place is passed over."""
    for path in paths:
        value = _value(record, path)
        found = pattern.fullmatch(value) if isinstance(value, str) else None
        if found:
            return found[found.re.groups]
    return ""


def _as_number(record: object) -> int:
    for path in _ASN:
        found = _AS_NUMBER.fullmatch(str(_value(record, path)).upper())
        number = int(found[1]) if found else 0
        if 0 < number < 1 << 32:
            return number
    return 0


def _degrees(record: object, paths: tuple[_Path, ...], limit: int) -> float | None:
    for path in paths:
        value = _value(record, path)
        try:
            degrees = float(value) if isinstance(value, float | int | str) else None
        except ValueError:
            continue
        if degrees is not None and abs(degrees) <= limit:
            return degrees
    return None


def _value(record: object, path: _Path) -> object:
    for step in path:
        if isinstance(step, str) and isinstance(record, dict):
            record = record.get(step)
        elif isinstance(step, int) and isinstance(record, list) and len(record) > step:
            record = record[step]
        else:
            return None
    return record
