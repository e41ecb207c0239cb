import pytest

from gslb.config.check import recovery_seconds, table, warnings
from gslb.dns.name import from_text
from tests.config.conftest import ZONE, Folder

POOLS = """
quick: {monitors: [fast], members: {tokyo: {site: tokyo, addresses: [192.0.2.1]}}}
slow: {monitors: {any: [fast, web]}, policy: failover, members: {tokyo: {site: tokyo, addresses: [192.0.2.2]}}}
blind: {policy: all, members: {tokyo: {site: tokyo, addresses: [192.0.2.3]}}}
"""
MONITORS = """
fast: {type: tcp, port: 22, interval: 1s, timeout: 500ms, fall: 2}
web: {type: http}
"""
NAMES = """
  quick: {pool: quick, ttl: 5}
  both: {ttl: 30, rules: [{match: {country: [JP, KR], asn: 64500}, pools: [quick, slow]}, {pools: {slow: 9, quick: 1}}]}
  blind: {pool: blind}
  too: {pool: blind, ttl: 1}
"""
ALL = {"monitors": MONITORS, "pools": POOLS, "zone": ZONE.replace("\n  www: {pool: web}\n", NAMES)}
APEX = from_text("example.com.")


def test_table_tells_policy_and_times_of_each_name(folder: Folder) -> None:
    quick, both, blind, too = table(folder.load(**ALL))
    assert quick[:6] == ("example.com.", "quick.example.com.", "quick (weighted)", 5, 2.6, 8.1)
    assert quick[6:] == ("fast", 0.0, 0.5, None, None)
    assert quick.parts == "detection 2.6 s by fast, publishing 0.5 s, TTL 5 s"
    assert both.policy == (
        "country JP,KR and asn 64500: quick (weighted) > slow (failover); 9 slow (failover) | 1 quick (weighted)"
    )
    assert (both.ttl, both.detection, both.recovery) == (30, 17.5, 48.0)
    assert (blind.ttl, blind.detection, blind.recovery, blind.parts) == (60, None, None, "")
    assert (too.name, too.ttl, too.policy) == ("too.example.com.", 1, "blind (all)")


def test_table_tells_both_ttls_and_what_is_declared(folder: Folder) -> None:
    zone = ALL["zone"].replace("{pool: quick, ttl: 5}", "{pool: quick, ttl: {max: 20, min: 5}, rto: 30s}")
    quick = table(folder.load(**{**ALL, "zone": zone}))[0]
    assert (quick.ttl, quick.ttl_min, quick.rto, quick.recovery) == (20, 5, 30.0, 23.1)


def test_recovery_is_detection_and_publishing_and_ttl(folder: Folder) -> None:
    config = folder.load(**ALL)
    assert recovery_seconds(config, APEX, from_text("quick", APEX)) == 2.6 + 0.5 + 5
    assert recovery_seconds(config, APEX, from_text("blind", APEX)) is None
    with pytest.raises(KeyError):
        recovery_seconds(config, APEX, from_text("none", APEX))


def test_warnings_are_those_of_the_configuration(folder: Folder) -> None:
    config = folder.load(**ALL)
    assert warnings(config) == config.warnings
    assert "no location database" in warnings(config)[0].message
