"""Config to base: what is shared, what is hidden, what is added."""

from dataclasses import replace

from gslb.config.model import Match, Pool, Rule
from gslb.geo.atlas import Atlas
from gslb.table.build import compile_base
from gslb.table.entries import ByRules, Chain
from tests.support import OSAKA, TOKYO, config, name, wire

A, AAAA = 1, 28


def test_equal_configs_give_equal_bases() -> None:
    assert compile_base(config(), Atlas.empty()).digest == compile_base(config(), Atlas.empty()).digest
    other = compile_base(config(["x 60 A 192.0.2.1"]), Atlas.empty())
    assert other.digest != compile_base(config(), Atlas.empty()).digest


def test_names_with_equal_rules_and_ttl_share_everything() -> None:
    rules = (Rule(("web",), match=Match(subnet=("192.0.2.0/24",))), Rule(("web",)))
    base = compile_base(config(names=[name("a", *rules), name("b", *rules), name("c", *rules, ttl=5)]), Atlas.empty())
    trees = [base.names[wire(owner)].types[A] for owner in "abc"]
    assert trees[0] is trees[1]
    assert trees[0] is not trees[2]
    assert isinstance(trees[0], ByRules)
    assert len(base.rule_maps) == 1
    assert [(spec.rtype, spec.ttl) for spec in base.chains] == [(A, 30), (AAAA, 30), (A, 5), (AAAA, 5)]


def test_one_rule_needs_no_map() -> None:
    base = compile_base(config(), Atlas.empty())
    assert isinstance(base.names[wire("www")].types[A], Chain)
    assert base.rule_maps == ()


def test_a_dynamic_name_keeps_its_static_types() -> None:
    base = compile_base(config(["www 60 TXT hello", "@ 60 TXT apex"]), Atlas.empty())
    assert set(base.names[wire("www")].types) == {A, AAAA, 16}


def test_empty_non_terminals_exist_up_to_the_apex() -> None:
    base = compile_base(config(["a.b.c 60 TXT x"], names=[name("d.e", Rule(("web",)))]), Atlas.empty())
    assert {wire("b.c"), wire("c"), wire("e")} <= set(base.names)
    assert not base.names[wire("b.c")].types


def test_pools_by_distance_share_a_map_when_their_sites_are_the_same() -> None:
    pools = [
        Pool("one", (TOKYO, OSAKA), policy="nearest"),
        Pool("two", (TOKYO, OSAKA), policy="nearest"),
        Pool("web", (TOKYO,)),
    ]
    base = compile_base(config(pools=pools), Atlas.empty())
    assert base.pool_maps == {"one": 0, "two": 0}
    assert len(base.nearest) == 1


def test_trusted_senders_are_kept_as_numbers() -> None:
    base = compile_base(config(ecs_trust=("127.0.0.0/8", "2001:db8::/32")), Atlas.empty())
    assert base.settings.ecs_trust == ((4, 0x7F000000, 8), (6, 0x20010DB8 << 96, 32))


def test_a_chain_carries_the_range_of_its_ttl() -> None:
    plain = name("plain", Rule(("web",)))
    names = [plain, replace(name("low", Rule(("web",))), ttl_min=5), replace(name("also", Rule(("web",))), ttl_min=5)]
    base = compile_base(config(names=names), Atlas.empty())
    chains = [(spec.rtype, spec.ttl, spec.ttl_min) for spec in base.chains]
    assert chains == [(A, 30, None), (AAAA, 30, None), (A, 30, 5), (AAAA, 30, 5)]
    assert base.names[wire("low")].types[A] is base.names[wire("also")].types[A]
