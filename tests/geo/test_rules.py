"""Rules: first match, private subnets, and the promise of the scope (RFC 7871 section 7.2.1)."""

import random
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import Match
from gslb.geo.atlas import UNKNOWN, Atlas, Layer, Place
from gslb.geo.ranges import RangeMap
from gslb.geo.rules import RuleMap, compile_rules

PLACES = (
    UNKNOWN,
    Place("JP", "JP-13", "AS", 64500),
    Place("JP", "JP-27", "AS", 64501),
    Place("US", "US-CA", "NA", 64500),
    Place("DE", "", "EU"),
    Place(asn=64501),
)
SUBNETS = (
    "192.0.2.0/24",
    "192.0.2.64/26",
    "192.0.0.0/16",
    "203.0.113.7/32",
    "8.0.0.0/6",
    "0.0.0.0/0",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "2001:db8::5/128",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "192.168.7.0/24",
    "127.0.0.1/32",
    "fd00::/8",
)
PRIVATE = tuple(text for text in SUBNETS if text.startswith(("10.", "192.168.", "127.", "fd")))
EDGES4 = sorted({int(ip_network(text)[end]) for text in SUBNETS if ":" not in text for end in (0, -1)})
EDGES6 = sorted({int(ip_network(text)[end]) for text in SUBNETS if ":" in text for end in (0, -1)})


def random_atlas(rng: random.Random) -> Atlas:
    """Places on prefixes of every size, many of them beside or inside the subnets that rules name."""

    def rows(width: int, edges: Sequence[int]) -> list[tuple[int, int]]:
        starts = {0}
        for _ in range(rng.randrange(12)):
            free = rng.randrange(width)
            starts.add((rng.choice(edges) if rng.random() < 0.7 else rng.getrandbits(width)) >> free << free)
        return [(start, rng.randrange(len(PLACES))) for start in sorted(starts)]

    return Atlas.of([Layer(PLACES, RangeMap.build(rows(32, EDGES4), rows(128, EDGES6)))])


def random_matches(rng: random.Random, subnets: Sequence[str] = SUBNETS) -> list[Match | None]:
    def some(values: Sequence[object], chance: float) -> tuple[object, ...]:
        return tuple(rng.sample(values, rng.randint(1, 3))) if rng.random() < chance else ()

    rules: list[Match | None] = [
        Match(
            some(subnets, 0.6),  # type: ignore[arg-type]
            some(("JP", "US-CA", "US", "DE", "JP-27", "FR"), 0.4),  # type: ignore[arg-type]
            some(("AS", "EU", "NA", "AF"), 0.2),  # type: ignore[arg-type]
            some((64500, 64501, 64999), 0.2),  # type: ignore[arg-type]
        )
        for _ in range(rng.randrange(6))
    ]
    return [*rules, None]


def random_address(rng: random.Random, family: int) -> int:
    width, edges = (32, EDGES4) if family == 4 else (128, EDGES6)
    address = rng.getrandbits(width) if rng.random() < 0.2 else rng.choice(edges) + rng.randint(-2, 2)
    return min(max(address, 0), (1 << width) - 1)


def first_match(atlas: Atlas, matches: Sequence[Match | None], client: tuple[int, int], source: tuple[int, int]) -> int:
    """The definition, word for word, without any table."""
    place = atlas.locate(*client)

    def within(text: str) -> bool:
        family, address = source if text in PRIVATE else client
        network = ip_network(text)
        return network.version == family and int(network[0]) <= address <= int(network[-1])

    for index, match in enumerate(matches):
        if match is None or (
            (not match.subnet or any(map(within, match.subnet)))
            and (not match.country or place.country in match.country or place.subdivision in match.country)
            and (not match.continent or place.continent in match.continent)
            and (not match.asn or place.asn in match.asn)
        ):
            return index
    raise AssertionError("the last rule matches everyone")


def inside(rng: random.Random, family: int, address: int, scope: int) -> int:
    free = (32 if family == 4 else 128) - scope
    return (address >> free << free) + rng.getrandbits(free)


@given(st.randoms(use_true_random=False))
def test_the_first_rule_that_matches_is_found(rng: random.Random) -> None:
    atlas, matches = random_atlas(rng), random_matches(rng)
    rules = compile_rules(atlas, matches)
    again = RuleMap.from_parts(msgpack.unpackb(msgpack.packb(rules.to_parts()), use_list=False))
    for _ in range(20):
        family, source_family = rng.choice((4, 6)), rng.choice((4, 6))
        client, source = random_address(rng, family), random_address(rng, source_family)
        found, scope = rules.find(family, client, source_family, source)
        assert found == first_match(atlas, matches, (family, client), (source_family, source))
        assert again.find(family, client, source_family, source) == (found, scope)
        other = inside(rng, family, client, scope)
        assert first_match(atlas, matches, (family, other), (source_family, source)) == found


def test_any_two_addresses_inside_a_scope_get_the_same_rule() -> None:
    rng = random.Random(55)
    pairs = 0
    while pairs < 100_000:
        rules = compile_rules(random_atlas(rng), random_matches(rng))
        for _ in range(500):
            family, source_family = rng.choice((4, 6)), rng.choice((4, 6))
            client, source = random_address(rng, family), random_address(rng, source_family)
            found, scope = rules.find(family, client, source_family, source)
            assert 0 <= scope <= (32 if family == 4 else 128)
            assert rules.find(family, inside(rng, family, client, scope), source_family, source) == (found, scope)
            pairs += 1


@given(st.randoms(use_true_random=False))
def test_the_scope_is_no_longer_than_it_must_be(rng: random.Random) -> None:
    public = [text for text in SUBNETS if text not in PRIVATE]
    atlas, matches = random_atlas(rng), random_matches(rng, public)
    rules = compile_rules(atlas, matches)
    family = rng.choice((4, 6))
    width, ranges = (32, atlas.labels.ranges.v4) if family == 4 else (128, atlas.labels.ranges.v6)
    edges = [start for start, _ in ranges.rows()]
    edges += [edge for text in public for edge in (int(ip_network(text)[0]), int(ip_network(text)[-1]) + 1)]
    client = random_address(rng, family)
    found, scope = rules.find(family, client, 4, 0)
    if scope:
        free = width - scope + 1
        first = client >> free << free
        parent = [first, *(edge for edge in edges if first < edge < first + (1 << free))]
        assert {first_match(atlas, matches, (family, address), (4, 0)) for address in parent} - {found}


def at(text: str) -> tuple[int, int]:
    address = ip_address(text)
    return address.version, int(address)


def test_a_country_by_its_ranges_with_their_scope() -> None:
    start = int(ip_address("203.0.113.0"))
    ranges = RangeMap.build([(0, 0), (start, 1), (start + 128, 0)], [(0, 0)])
    rules = compile_rules(Atlas.of([Layer(PLACES, ranges)]), [Match(country=("JP",)), None])
    assert rules.find(*at("203.0.113.5"), 4, 0) == (0, 25)
    assert rules.find(*at("203.0.113.200"), 4, 0) == (1, 25)
    assert rules.find(*at("2001:db8::1"), 4, 0) == (1, 0)


def test_private_subnets_look_at_the_source_only() -> None:
    rules = compile_rules(Atlas.empty(), [Match(subnet=("10.0.0.0/8", "fd00::/8")), None])
    public, internal = at("192.0.2.1"), at("10.1.2.3")
    assert rules.find(*public, *internal) == (0, 0)
    assert rules.find(*at("2001:db8::1"), *at("fd00::1")) == (0, 0)
    assert rules.find(*internal, *public) == (1, 0)


def test_public_subnets_look_at_the_client_only() -> None:
    rules = compile_rules(Atlas.empty(), [Match(subnet=("192.0.2.0/24",)), None])
    assert rules.find(*at("192.0.2.1"), *at("198.51.100.1")) == (0, 24)
    assert rules.find(*at("198.51.100.1"), *at("192.0.2.1")) == (1, 6)


def test_a_rule_with_both_kinds_of_subnets_matches_by_either() -> None:
    matches = [Match(subnet=("10.0.0.0/8", "192.0.2.0/24")), Match(country=("JP",)), None]
    rules = compile_rules(Atlas.empty(), matches)
    assert rules.find(*at("192.0.2.1"), *at("198.51.100.1"))[0] == 0
    assert rules.find(*at("198.51.100.1"), *at("10.0.0.1"))[0] == 0
    assert rules.find(*at("198.51.100.1"), *at("198.51.100.1"))[0] == 2


def test_a_private_rule_below_one_that_always_wins_costs_no_scope() -> None:
    rules = compile_rules(Atlas.empty(), [None, Match(subnet=("10.0.0.0/8", "192.0.2.0/24")), None])
    assert rules.find(*at("192.0.2.1"), *at("10.0.0.1")) == (0, 0)


def test_the_ranges_of_clients_are_told() -> None:
    rules = compile_rules(Atlas.empty(), [Match(subnet=("192.0.2.0/24",)), None])
    assert [start for start, _ in rules.ranges.v4.rows()] == [0, 192 << 24 | 2 << 8, 192 << 24 | 3 << 8]
    assert len(list(rules.ranges.v6.rows())) == 1


def test_an_empty_match_matches_everyone() -> None:
    assert compile_rules(Atlas.empty(), [Match(), None]).find(4, 0, 4, 0) == (0, 0)


def test_as_number_zero_is_nobody() -> None:
    assert compile_rules(Atlas.empty(), [Match(asn=(0,)), None]).find(4, 0, 4, 0) == (1, 0)


def test_more_rules_than_a_machine_word_has_bits() -> None:
    matches = [Match(subnet=(f"192.0.2.{index}/32", f"10.0.{index}.0/24")) for index in range(200)]
    rules = compile_rules(Atlas.empty(), [*matches, None])
    again = RuleMap.from_parts(msgpack.unpackb(msgpack.packb(rules.to_parts()), use_list=False))
    for found in (rules, again):
        assert found.find(*at("192.0.2.150"), 4, 0) == (150, 32)
        assert found.find(*at("198.51.100.1"), *at("10.0.199.1"))[0] == 199
        assert found.find(*at("198.51.100.1"), 4, 0)[0] == 200


def test_the_same_rules_compile_to_the_same_bytes() -> None:
    first, second = (compile_rules(random_atlas(random.Random(7)), random_matches(random.Random(3))) for _ in (0, 1))
    assert msgpack.packb(first.to_parts()) == msgpack.packb(second.to_parts())


def test_damaged_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="first start of 0"):
        RuleMap.from_parts((((b"", b""), (b"", b"", b"")), None))
