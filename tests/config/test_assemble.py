"""Sections of several files, references between them, and warnings about what is not used."""

from gslb.config.settings import NodeSettings
from tests.config.conftest import NODE, POOLS, ZONE, Folder

EXTRA = "extra: {members: {osaka: {site: osaka, addresses: [192.0.2.9]}}}\n"


def test_files_are_merged(folder: Folder) -> None:
    folder.write_all()
    folder.write(
        "zones/b.yml", "sites: {nagoya: {}}\nzones: {example.org: {soa: {mname: a, rname: b, serial: 1}, ns: c.net.}}"
    )
    config = folder.load()
    assert list(config.sites) == ["tokyo", "osaka", "nagoya"]
    assert list(config.zones) == [b"\7example\3com\0", b"\7example\3org\0"]


def test_an_entry_in_two_files_names_both_places(folder: Folder) -> None:
    folder.write_all()
    folder.write("zones/b.yaml", "sites:\n  osaka: {}\nmonitors:\n  web: {type: http}\n")
    first = f"{folder.path}/zones/a.yaml"
    expected = [
        f"zones/b.yaml:2:3: sites.osaka: is defined twice (the first is at {first}:3:3)",
        f"zones/b.yaml:4:3: monitors.web: is defined twice (the first is at {first}:5:3)",
    ]
    found = folder.problems()
    assert found == [line.replace(f"{folder.path}/", "") for line in expected]


CODE = "must be a country code of two capital letters such as JP"


def test_every_file_has_its_problems_told_at_once(folder: Folder) -> None:
    folder.write_all(node=NODE.replace("tokyo", "tokio"), sites="tokyo: {country: nowhere}\nosaka: {}")
    folder.write("zones/b.yaml", "zone: {}\npools: []\n")
    folder.write("zones/c.yaml", "- 1\n")
    assert folder.problems() == [
        "gslb.yaml:2:24: node.site: there is no site 'tokio' (did you mean tokyo?)",
        f"zones/a.yaml:2:20: sites.tokyo.country: {CODE} (got 'nowhere')",
        "zones/b.yaml:1:1: zone: is not a known key (did you mean zones?)",
        "zones/b.yaml:2:1: pools: must be a mapping (got a list)",
        "zones/c.yaml:1:1: must be a mapping (got a list)",
    ]


def test_a_file_that_cannot_be_read_causes_no_missing_names(folder: Folder) -> None:
    folder.write_all(pools="web: {answers: 0, members: {x: {site: nagoya, addresses: [192.0.2.1]}}}")
    folder.write("zones/b.yaml", "sites: {nagoya: {}")
    found = folder.problems()
    assert len(found) == 2
    assert found[0].startswith("zones/a.yaml:8:18: pools.web.answers")
    assert found[1].startswith("zones/b.yaml:")


def test_problems_of_the_zones_are_told_beside_those_of_the_node_file(folder: Folder) -> None:
    found = folder.problems(node=f"{NODE}workers: many\n", sites="tokyo: {country: x}\nosaka: {}")
    assert [line.split(":")[0] for line in found] == ["gslb.yaml", "zones/a.yaml"]


def test_a_pool_that_nobody_uses(folder: Folder) -> None:
    assert folder.messages(pools=f"{POOLS}{EXTRA}") == [
        "pools.extra: is not used by any name (use it in a rule, or leave it out)"
    ]


def test_a_monitor_that_nobody_uses_is_a_warning(folder: Folder) -> None:
    found = folder.warnings(monitors="web: {type: http}\nssh: {type: tcp, port: 22}\nold: {type: tcp, port: 1}")
    assert found == ["monitors.old: is not used by any pool"]


LOCATED = """
soa: {mname: ns1, rname: hostmaster, serial: 1}
ns: ns.example.net.
names:
  www: {rules: [{match: {country: JP}, pools: [web]}, {pools: [web]}]}
"""
NEAREST = POOLS.replace("members", "policy: nearest\n  members")


def test_rules_by_location_without_a_database(folder: Folder) -> None:
    found = folder.warnings(zone=LOCATED, pools=NEAREST)
    assert [line.split(" (")[0] for line in found] == [
        "zones.example.com.names.www.rules.0: asks for a location, and this node has no location database",
        "pools.web.policy: needs a location, and this node has no location database: it is weighted",
    ]
    assert folder.warnings(zone=LOCATED, pools=NEAREST, node=f"{NODE}geo: {{databases: [x.mmdb]}}\n") == []


def test_the_good_example_has_no_warning(folder: Folder) -> None:
    config = folder.load()
    assert config.warnings == ()
    assert isinstance(config.node, NodeSettings)


def test_a_zone_that_is_wrong_uses_its_pools_all_the_same(folder: Folder) -> None:
    found = folder.messages(zone=ZONE.replace("serial: 1", "serial: x"))
    assert [line.split(":")[0] for line in found] == ["zones.example.com.soa.serial"]


def test_an_exclusive_pool_that_answers_with_all_its_members(folder: Folder) -> None:
    exclusive = POOLS.replace("members", "exclusive: true\n  members")
    [told] = folder.warnings(pools=exclusive)
    assert told.startswith("pools.web: is exclusive, and `all_down: all` answers with several members (last_good")
    assert folder.warnings(pools=exclusive.replace("members", "all_down: last_good\n  members", 1)) == []
