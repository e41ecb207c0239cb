import pytest

from gslb.config.model import Match, Rule
from gslb.config.rules import Reach
from tests.config.conftest import POOLS, Folder

TWO_POOLS = f"{POOLS}other: {{members: {{osaka: {{site: osaka, addresses: [192.0.2.2]}}}}}}\n"
ZONE = """
soa: {mname: ns.example.net., rname: hostmaster, serial: 1}
ns: [ns.example.net.]
names:
  www: %s
  rest: {rules: [{pools: [web, other]}]}
"""


def build(folder: Folder, text: str) -> tuple[Rule, ...]:
    return folder.load(pools=TWO_POOLS, zone=ZONE % text).zones[b"\7example\3com\0"].names[0].rules


def faults(folder: Folder, text: str) -> list[str]:
    return [
        line.removeprefix("zones.example.com.names.www") for line in folder.messages(pools=TWO_POOLS, zone=ZONE % text)
    ]


def test_short_form(folder: Folder) -> None:
    assert build(folder, "{pool: web}") == (Rule(("web",)),)


def test_full_form(folder: Folder) -> None:
    match = "{subnet: [10.0.0.0/8, 2001:db8::/32], country: [JP, US-CA], continent: AS, asn: 64500}"
    expected = Match(("10.0.0.0/8", "2001:db8::/32"), ("JP", "US-CA"), ("AS",), (64500,))
    rules = build(folder, f"{{rules: [{{match: {match}, pools: [other, web]}}, {{pools: {{web: 95, other: 0}}}}]}}")
    assert rules == (Rule(("other", "web"), (), expected), Rule(("web", "other"), (95, 0)))


def test_equal_short_forms_are_one_value(folder: Folder) -> None:
    zone = ZONE.replace("names:", "names:\n  a: {pool: web}\n  b: {pool: web}") % "{pool: other}"
    names = folder.load(pools=TWO_POOLS, zone=zone).zones[b"\7example\3com\0"].names
    assert names[0].rules is names[1].rules


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{ttl: 5}", ": needs either pool or rules"),
        ("{pool: web, rules: [{pools: [web]}]}", ": needs either pool or rules"),
        ("{pool: wbe}", ".pool: there is no pool 'wbe' (did you mean web?)"),
        ("{rules: [{pools: [web, wbe]}]}", ".rules.0.pools.1: there is no pool 'wbe' (did you mean web?)"),
        ("{rules: [{pools: {wbe: 1}}]}", ".rules.0.pools.wbe: there is no pool 'wbe' (did you mean web?)"),
        ("{rules: [{pools: [web, web]}]}", ".rules.0.pools.1: pool 'web' stands twice in the list"),
        (
            "{rules: [{match: {}, pools: [web]}]}",
            ".rules.0.match: has no condition (leave `match` out to match everyone)",
        ),
        ("{rules: [{match: {country: JP}, pools: [web]}]}", ".rules.0: the last rule must match everyone"),
        ("{rules: []}", ".rules: must not be empty"),
        ("{rules: [{pool: web}]}", ".rules.0.pool: is not a known key (did you mean pools?)"),
    ],
)
def test_faults(folder: Folder, text: str, fault: str) -> None:
    found = faults(folder, text)
    assert any(line.startswith(fault) for line in found), found


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("country: JP", "country: JP"),
        ("country: [JP, KR]", "country: KR"),
        ("country: US", "country: US-CA"),
        ("subnet: 10.0.0.0/8", "subnet: [10.1.0.0/16, 10.2.3.4]"),
        ("subnet: 2001:db8::/32", "subnet: 2001:db8:1::/48"),
        ("country: JP", "country: JP, asn: 64500"),
        ("continent: [AS, EU]", "continent: EU"),
    ],
)
def test_a_rule_that_is_never_reached(folder: Folder, earlier: str, later: str) -> None:
    text = (
        f"{{rules: [{{match: {{{earlier}}}, pools: [web]}}, {{match: {{{later}}}, pools: [other]}}, {{pools: [web]}}]}}"
    )
    [fault] = faults(folder, text)
    assert fault.startswith(".rules.1: is never reached: rule 0 matches every client that it matches")


def test_a_rule_after_the_one_for_everyone(folder: Folder) -> None:
    found = faults(folder, "{rules: [{pools: [web]}, {match: {asn: 1}, pools: [other]}, {pools: [web]}]}")
    assert [line.split(":")[0] for line in found] == [".rules.1", ".rules.2"]


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (Match(country=("US-CA",)), Match(country=("US",))),
        (Match(country=("JP",)), Match(country=("JP", "KR"))),
        (Match(country=("JP",), asn=(1,)), Match(country=("JP",))),
        (Match(subnet=("10.0.0.0/16",)), Match(subnet=("10.0.0.0/8",))),
        (Match(subnet=("0.0.0.0/0",)), Match(subnet=("::/0",))),
        (Match(subnet=("10.0.0.0/8",)), Match(country=("JP",))),
        (Match(continent=("EU",)), Match(continent=("AS",))),
        (Match(asn=(1,)), Match(asn=(1, 2))),
        (Match(asn=(1,)), Match()),
    ],
)
def test_what_does_not_cover(wide: Match, narrow: Match) -> None:
    assert not Reach.of(wide).covers(Reach.of(narrow))


def test_many_rules_are_too_many(folder: Folder) -> None:
    rules = ", ".join(f"{{match: {{asn: {n}}}, pools: [web]}}" for n in range(1001))
    assert "must have at most 1000 entries" in faults(folder, f"{{rules: [{rules}]}}")[0]


def test_every_network_is_everyone(folder: Folder) -> None:
    everywhere = "match: {subnet: [0.0.0.0/0, '::/0']}"
    found = faults(folder, f"{{rules: [{{{everywhere}, pools: [web]}}, {{pools: [other]}}]}}")
    assert [line.split(":")[0] for line in found] == [".rules.1"]
    assert Reach.of(Match(subnet=("0.0.0.0/0", "::/0", "10.0.0.0/8"))).covers(Reach.of(Match(asn=(1,))))
    assert Reach.of(Match()).covers(Reach.of(Match(subnet=("0.0.0.0/0", "::/0"))))
