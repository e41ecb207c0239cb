"""What is configured, and what has become of it."""

from gslb.api.inventory import name_view, pools_of
from gslb.config.model import DynamicName, Match, Rule, Zone
from tests.support import wire


def test_a_name_and_its_rules() -> None:
    rules = (Rule(("a", "b"), (), Match(country=("JP",), asn=(64496,))), Rule(("b", "c"), (1, 2)))
    name = DynamicName(wire("www"), 60, rules, "x.yaml:1:1", ttl_min=10, rto=30.0)
    view = name_view("www.gslb.example.com.", Zone(wire("@"), (), (name,)), name)
    assert (view["zone"], view["ttl"], view["ttl_min"], view["rto"]) == ("gslb.example.com.", 60, 10, 30.0)
    first, second = view["rules"]
    assert first["match"] == {"subnet": [], "country": ["JP"], "continent": [], "asn": [64496]}
    assert first["pools"] == [{"pool": "a", "weight": None}, {"pool": "b", "weight": None}]
    assert second == {"match": None, "pools": [{"pool": "b", "weight": 1}, {"pool": "c", "weight": 2}]}
    assert pools_of(name) == {"a", "b", "c"}
