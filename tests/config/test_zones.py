import pytest

from gslb.config.model import DynamicName
from gslb.dns.name import from_text
from tests.config.conftest import ZONE, Folder

APEX = from_text("example.com.")


def test_dynamic_names(folder: Folder) -> None:
    zone = ZONE.replace(
        "names:", 'ttl: 120\nnames:\n  "@": {pool: web, ttl: 0}\n  "*.a": {pool: web}\n  B.Example.com.: {pool: web}'
    )
    names = folder.load(zone=zone).zones[APEX].names
    assert [(name.owner, name.ttl) for name in names] == [
        (APEX, 0),
        (b"\1*\1a" + APEX, 120),
        (b"\1b" + APEX, 120),
        (b"\3www" + APEX, 120),
    ]
    assert isinstance(names[0], DynamicName)
    assert names[0].where == f"{folder.path}/zones/a.yaml:21:7"


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        ("{www: {pool: web}, WWW: {pool: web}}", "names.WWW: www.example.com. is defined twice (the first is at "),
        ("{www: {pool: web}, b.net.: {pool: web}}", "names.b.net.: b.net. lies outside its zone"),
        ("{www: {pool: web}, a..b: {pool: web}}", "names.a..b: name 'a..b' has an empty label"),
        ("{www: web}", "names.www: must be a mapping (got 'web')"),
        ("{www: {pol: web}}", "names.www.pol: is not a known key (did you mean pool?)"),
        ("[www]", "names: must be a mapping (got a list)"),
    ],
)
def test_names_that_are_wrong(folder: Folder, names: str, fault: str) -> None:
    zone = ZONE[: ZONE.index("names:")] + f"names: {names}\n"
    assert any(line.startswith(f"zones.example.com.{fault}") for line in folder.messages(zone=zone))


def zones(text: str) -> dict[str, str]:
    return {"zones": text}


SMALL = "{soa: {mname: a, rname: b, serial: 1}, ns: [b.net.], names: {www: {pool: web}}}"


def test_a_zone_twice_under_two_spellings(folder: Folder) -> None:
    found = folder.problems(**zones(f"example.com: {SMALL}\nEXAMPLE.com.: {SMALL}\n"))
    twice = "zones.EXAMPLE.com.: the zone example.com. is defined twice"
    assert found == [f"zones/a.yaml:14:3: {twice} (the first is at zones/a.yaml:13:3)"]


def test_a_zone_that_is_no_name(folder: Folder) -> None:
    found = folder.problems(**zones(f"a..b: {SMALL}\nexample.com: {SMALL}\n"))
    assert found == ["zones/a.yaml:13:3: zones.a..b: name 'a..b' has an empty label"]


def test_zones_may_be_nested(folder: Folder) -> None:
    found = folder.load(**zones(f"example.com: {SMALL}\na.b.example.com: {SMALL}\n"))
    assert list(found.zones) == [APEX, b"\1a\1b" + APEX]


def test_what_was_not_read_is_not_missed(folder: Folder) -> None:
    found = folder.messages(zone=ZONE.replace("192.0.2.53", "192.0.2.530"))
    assert len(found) == 1, "the address of ns1 is wrong, so it is not also missing"


def test_a_wrong_pool_does_not_hide_what_else_is_wrong_with_the_zone(folder: Folder) -> None:
    found = folder.messages(zone=ZONE.replace("pool: web", "pool: wbe").replace("ns: [ns1]", "ns: [ns9]"))
    assert len(found) == 2
    assert "the name server ns9.example.com. has no address" in found[0]
    assert "there is no pool 'wbe'" in found[1]


def test_ttl_of_a_name(folder: Folder) -> None:
    text = "{pool: web, ttl: {max: 60, min: 10}, rto: 2m}"
    monitors = "web: {type: http}\nssh: {type: tcp, port: 22}"
    [name] = folder.load(zone=ZONE.replace("{pool: web}", text), monitors=monitors).zones[b"\7example\3com\0"].names
    assert (name.ttl, name.ttl_min, name.rto) == (60, 10, 120.0)


def test_the_longest_ttl_may_be_the_zones(folder: Folder) -> None:
    zone = ZONE.replace("{pool: web}", "{pool: web, ttl: {min: 10}}")
    [name] = folder.load(zone=zone).zones[b"\7example\3com\0"].names
    assert (name.ttl, name.ttl_min, name.rto) == (60, 10, None)


def test_the_shortest_ttl_is_not_the_longest(folder: Folder) -> None:
    zone = ZONE.replace("{pool: web}", "{pool: web, ttl: {min: 61}}")
    assert folder.messages(zone=zone) == [
        "zones.example.com.names.www.ttl.min: must be at most the longest TTL, 60 (got 61)"
    ]
