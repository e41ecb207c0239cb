"""Location databases from disk: layouts, families, precedence, damage."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path

import maxminddb
import pytest

from gslb.errors import GeoError
from gslb.geo import database
from gslb.geo.atlas import UNKNOWN, Atlas, Place
from gslb.geo.centroids import CENTROIDS
from gslb.geo.database import open_atlas

WriteDatabase = Callable[..., str]
JAPAN = {"country": {"iso_code": "JP"}, "continent": {"code": "AS"}}
KOREA = {"country": {"iso_code": "KR"}, "continent": {"code": "AS"}}


def locate(atlas: Atlas, text: str) -> Place:
    address = ip_address(text)
    return atlas.locate(address.version, int(address))


def test_no_database_is_the_empty_atlas() -> None:
    assert locate(open_atlas([]), "192.0.2.1") == UNKNOWN


@pytest.mark.parametrize(
    ("record", "country", "asn"),
    [
        (JAPAN, "JP", 0),
        ({"autonomous_system_number": 64500}, "", 64500),
        ({"country": "JP", "continent": "AS", "asn": "AS64500"}, "JP", 64500),
        ({"country_code": "JP"}, "JP", 0),
    ],
)
def test_every_layout_in_both_families(write_database: WriteDatabase, record: object, country: str, asn: int) -> None:
    atlas = open_atlas([write_database({"192.0.2.0/24": record, "2001:db8::/32": record})])
    for text in ("192.0.2.0", "192.0.2.255", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"):
        assert (locate(atlas, text).country, locate(atlas, text).asn) == (country, asn)
    for text in ("192.0.1.255", "192.0.3.0", "2001:db7:ffff::", "2001:db9::", "0.0.0.0", "::", "255.255.255.255"):
        assert locate(atlas, text) == UNKNOWN


def test_ipv4_is_read_as_ipv4_only(write_database: WriteDatabase) -> None:
    atlas = open_atlas([write_database({"192.0.2.0/24": JAPAN})])
    assert locate(atlas, "192.0.2.9").country == "JP"
    assert locate(atlas, "::192.0.2.9") == UNKNOWN
    assert len(list(atlas.labels.ranges.v6.rows())) == 1


def test_a_database_of_ipv4_alone(write_database: WriteDatabase) -> None:
    atlas = open_atlas([write_database({"192.0.2.0/25": JAPAN, "192.0.2.128/25": KOREA}, ip_version=4)])
    assert locate(atlas, "192.0.2.127").country == "JP"
    assert locate(atlas, "192.0.2.128").country == "KR"
    assert locate(atlas, "2001:db8::1") == UNKNOWN


def test_aliases_of_ipv4_are_not_read_again(write_database: WriteDatabase) -> None:
    """MaxMind's own files point 2002::/16 and ::ffff:0:0/96 at the IPv4 tree; here the first is made to."""
    path = Path(write_database({"192.0.2.0/24": JAPAN, "2002::/16": KOREA}))
    whole = path.read_bytes()
    with database.maxminddb.open_database(str(path)) as reader:
        nodes = reader.metadata().node_count
    branches = database.unpack(whole[: nodes * 6], 24)
    root, node = database.ipv4_root(branches), 0
    for bit in f"{0x2002:016b}"[:15]:
        node = branches[2 * node + int(bit)]
    assert branches[2 * node] > nodes
    path.write_bytes(whole[: node * 6] + root.to_bytes(3, "big") + whole[node * 6 + 3 :])
    atlas = open_atlas([str(path)])
    assert locate(atlas, "192.0.2.1").country == "JP"
    assert locate(atlas, "2002:c000:201::") == UNKNOWN
    assert len(list(atlas.labels.ranges.v6.rows())) == 1


def test_a_record_above_the_ipv4_tree_holds_for_ipv4(write_database: WriteDatabase) -> None:
    atlas = open_atlas([write_database({"::/16": JAPAN, "2001:db8::/32": KOREA})])
    assert locate(atlas, "198.51.100.1").country == "JP"
    assert locate(atlas, "2001:db8::1").country == "KR"


def test_a_wide_tree(write_database: WriteDatabase) -> None:
    """Past 16 MiB of data the tree's records are 28 bits wide."""
    notes = {f"198.51.{number}.0/24": {**KOREA, "note": str(number) + "x" * 1_000_000} for number in range(17)}
    atlas = open_atlas([write_database({"192.0.2.0/24": JAPAN, **notes})])
    assert locate(atlas, "192.0.2.1").country == "JP"
    assert locate(atlas, "198.51.16.1").country == "KR"
    assert locate(atlas, "198.51.17.0") == UNKNOWN


def test_the_first_database_that_has_an_attribute_wins(write_database: WriteDatabase) -> None:
    countries = write_database({"192.0.2.0/25": JAPAN}, "country.mmdb")
    numbers = write_database({"192.0.2.0/24": {"asn": "AS64500"}, "2001:db8::/32": {"asn": "AS64501"}}, "asn.mmdb")
    cities = write_database(
        {"192.0.2.0/24": {**KOREA, "location": {"latitude": 37.5, "longitude": 127.0}}}, "city.mmdb"
    )
    atlas = open_atlas([countries, numbers, cities])
    assert locate(atlas, "192.0.2.1") == Place("JP", "", "AS", 64500, (37.5, 127.0))
    assert locate(atlas, "192.0.2.200") == Place("KR", "", "AS", 64500, (37.5, 127.0))
    assert locate(atlas, "2001:db8::1") == Place(asn=64501)
    assert locate(open_atlas([countries]), "192.0.2.1").point == CENTROIDS["JP"]


def test_each_distinct_record_is_decoded_once(write_database: WriteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_database({f"192.0.2.{index}/32": (JAPAN, KOREA)[index % 2] for index in range(100)})
    decoded = []
    monkeypatch.setattr(database, "place_of", lambda record: decoded.append(record) or UNKNOWN._replace(country="JP"))
    open_atlas([path])
    assert len(decoded) == 2


def refuse(path: str | Path, *words: str) -> None:
    with pytest.raises(GeoError) as caught:
        open_atlas([str(path)])
    assert str(caught.value).startswith(f"{path}: ")
    for word in words:
        assert word in str(caught.value)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    refuse(tmp_path / "missing.mmdb", "No such file", "expected a MaxMind DB")
    refuse(tmp_path, "Is a directory")


@pytest.mark.parametrize("contents", [b"", b"\0", b"192.0.2.0/24,JP\n" * 50, b"\0" * 100_000])
def test_files_that_are_no_databases(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "notes.mmdb"
    path.write_bytes(contents)
    refuse(path, "not a MaxMind DB")


def test_a_file_cut_off_anywhere(write_database: WriteDatabase, tmp_path: Path) -> None:
    whole = Path(write_database({"192.0.2.0/24": JAPAN, "2001:db8::/32": KOREA})).read_bytes()
    for share in (0.1, 0.5, 0.9):
        path = tmp_path / "cut.mmdb"
        path.write_bytes(whole[: int(len(whole) * share)])
        refuse(path, "damaged")


@pytest.mark.parametrize(
    ("key", "value"),
    [(b"\x4aip_version\xa1", b"\x05"), (b"\x4brecord_size\xa1", b"\x19"), (b"\x4anode_count\xc1", b"\xff")],
)
def test_metadata_that_cannot_be_true(write_database: WriteDatabase, key: bytes, value: bytes) -> None:
    path = Path(write_database({"192.0.2.0/24": JAPAN}, ip_version=4))
    whole = path.read_bytes()
    place = whole.rindex(key) + len(key)
    path.write_bytes(whole[:place] + value + whole[place + 1 :])
    refuse(path, "damaged")


def test_a_search_tree_shorter_than_its_metadata_says(write_database: WriteDatabase) -> None:
    path = write_database({"192.0.2.0/24": JAPAN}, ip_version=4)
    with database.maxminddb.open_database(path) as reader:
        tree = Path(path).read_bytes()[: reader.metadata().node_count * 6]
        with pytest.raises(ValueError, match="cut off"):
            database._survey(reader, BytesIO(tree[:-6]))


def test_a_search_tree_with_a_loop(write_database: WriteDatabase) -> None:
    path = Path(write_database({"192.0.2.0/24": JAPAN}, ip_version=4))
    whole = path.read_bytes()
    path.write_bytes(bytes(6) + whole[6:])
    refuse(path, "loop")


@pytest.mark.parametrize("mode", [maxminddb.MODE_AUTO, maxminddb.MODE_MEMORY])
def test_damage_in_the_middle_is_an_error_or_harmless(
    write_database: WriteDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """Zeros, ones and noise at every place, by the library's compiled and plain readers: GeoError or a database."""
    monkeypatch.setattr(database.maxminddb, "open_database", partial(maxminddb.open_database, mode=mode))
    records = {f"192.0.2.{index * 16}/28": (JAPAN, KOREA)[index % 2] for index in range(16)}
    whole = Path(write_database(records, ip_version=4)).read_bytes()
    refused = 0
    for place in range(0, len(whole) - 9, 7):
        for noise in (b"\0" * 9, b"\xff" * 9, b"\x5a\xa5\xe3" * 3):
            path = tmp_path / "damaged.mmdb"
            path.write_bytes(whole[:place] + noise + whole[place + 9 :])
            with suppress(GeoError):
                open_atlas([str(path)])
                continue
            refuse(path)
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("record", [{"city": "Tokyo"}, {"country": "Japan"}, "JP", {"country_code": "ZZ"}])
def test_a_database_without_a_field_that_we_use(write_database: WriteDatabase, record: object) -> None:
    refuse(write_database({"192.0.2.0/24": record}), "country.iso_code", "asn", "latitude")


def test_a_database_without_a_network(write_database: WriteDatabase) -> None:
    refuse(write_database({}), "expected records with a country")


def test_one_bad_file_among_good_ones_is_the_one_named(write_database: WriteDatabase, tmp_path: Path) -> None:
    good = write_database({"192.0.2.0/24": JAPAN})
    with pytest.raises(GeoError, match=r"bad\.mmdb: "):
        open_atlas([good, str(tmp_path / "bad.mmdb")])


def test_a_file_replaced_while_it_is_read(write_database: WriteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_database({"192.0.2.0/24": JAPAN})
    shutil.copy(path, f"{path}.new")
    read_record = database.place_of

    def replace_file(record: object) -> Place:
        Path(f"{path}.new").replace(path)
        return read_record(record)

    monkeypatch.setattr(database, "place_of", replace_file)
    refuse(path, "changed while it was being read")
