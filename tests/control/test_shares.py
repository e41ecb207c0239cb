"""Where clients go, held against what clients really get: thousands of them, asked before and after."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest

from gslb.config.model import AllDown, Config, Match, PolicyName, Pool, Rule
from gslb.context import UDP, Context
from gslb.control import shares as module
from gslb.control.clients import sample
from gslb.control.explain import Question, query_of
from gslb.control.shares import ELSEWHERE, NOWHERE, Shares, Walks, compare, distance
from gslb.dns.message import A
from gslb.dns.name import to_text
from gslb.geo.atlas import Atlas, Layer, Place
from gslb.geo.ranges import RangeMap
from gslb.responder import respond
from gslb.table.build import compile_base
from gslb.table.entries import Table
from gslb.table.leaves import compile_pools
from tests.support import OSAKA, TOKYO, config, member, name, states, table, wire

SEOUL = member("seoul", "203.0.113.10", weight=50)
WEB = Rule(("web",))
ASIA = Match(subnet=("1.0.0.0/8", "14.0.0.0/8", "27.0.0.0/8"))


POINTS = {"tokyo": (35.7, 139.7), "osaka": (34.7, 135.5), "seoul": (37.6, 127.0)}
PLACES = tuple(Place(point=point) for point in POINTS.values())
ATLAS = Atlas.of([Layer(PLACES, RangeMap.build([(0, 0), (50 << 24, 1), (150 << 24, 2)], [(0, 1)]))])


def tabled(made: Config, **now: Sequence[str]) -> Table:
    """Its table, with clients and sites in three places."""
    sites = {
        name: replace(site, latitude=POINTS[name][0], longitude=POINTS[name][1]) for name, site in made.sites.items()
    }
    base = compile_base(replace(made, sites=sites), ATLAS)
    return Table(base, compile_pools(base, made, states(made, **now), {}))  # type: ignore[arg-type]


def walked(before: Config, after: Config, count: int = 2000, **now: Sequence[str]) -> dict[str, Shares]:
    tables = [tabled(one, **now) for one in (before, after)]
    clients = sample([one.base for one in tables], count)
    names = [(to_text(one.owner).partition(".")[0], one) for zone in before.zones.values() for one in zone.names]
    walks = [Walks(one, made, clients) for one, made in zip((before, after), tables, strict=True)]
    return {one.name: one for one in compare(names, *walks, len(clients))}


def web(**weights: int) -> Config:
    members = tuple(replace(one, weight=weights[one.name]) for one in (TOKYO, OSAKA) if one.name in weights)
    return config(pools=[Pool("web", members)])


def test_what_is_the_same_moves_nobody() -> None:
    assert walked(web(tokyo=60, osaka=40), web(tokyo=6, osaka=4))["www"].moved == pytest.approx(0)


def test_weights() -> None:
    one = walked(web(tokyo=60, osaka=40), web(tokyo=30, osaka=70))["www"]
    assert one.moved == pytest.approx(0.3)
    assert one.before == pytest.approx({"tokyo": 0.6, "osaka": 0.4})
    assert one.after == pytest.approx({"tokyo": 0.3, "osaka": 0.7})


def test_a_member_that_goes_and_a_name_that_goes() -> None:
    assert walked(web(tokyo=60, osaka=40), web(osaka=40))["www"].moved == pytest.approx(0.6)
    gone = walked(web(tokyo=60, osaka=40), config(names=[name("other", WEB)]))["www"]
    assert (gone.moved, gone.after) == (pytest.approx(1), {NOWHERE: pytest.approx(1)})


def test_a_name_that_becomes_static_data_keeps_the_clients_of_its_address() -> None:
    after = config(["www 60 A 192.0.2.10", "www 60 AAAA 2001:db8:a::10"], names=[name("other", WEB)])
    one = walked(web(tokyo=60, osaka=40), after)["www"]
    assert (one.moved, one.after) == (pytest.approx(0.4), {ELSEWHERE: pytest.approx(1)})


def test_a_wildcard_that_takes_over() -> None:
    after = config(names=[name("*", WEB)])
    assert walked(config(), after)["www"].moved == pytest.approx(0)


def test_health_and_failing_open_count() -> None:
    before, after = web(tokyo=60, osaka=40), web(tokyo=30, osaka=70)
    down = walked(before, after, down=TOKYO.addresses)["www"]
    assert (down.moved, down.after) == (pytest.approx(0), {"osaka": pytest.approx(1)})
    nodata = [config(pools=[replace(one.pools["web"], all_down=AllDown("nodata"))]) for one in (before, after)]
    dead = walked(*nodata, down=(*TOKYO.addresses, *OSAKA.addresses))["www"]
    assert (dead.moved, dead.before) == (pytest.approx(0), {NOWHERE: pytest.approx(1)})


def test_a_family_that_nobody_has_does_not_count() -> None:
    tokyo, osaka, _ = (replace(one, weight=1) for one in FOUR)
    pairs = (tokyo, osaka), (tokyo, replace(osaka, weight=3))
    one = walked(*(config(pools=[Pool("web", pair)]) for pair in pairs))["www"]
    assert (one.moved, set(one.before)) == (pytest.approx(0.25), {"tokyo", "osaka"})


FOUR = tuple(replace(one, addresses=one.addresses[:1]) for one in (TOKYO, OSAKA, SEOUL))


@pytest.mark.parametrize("answers", [1, 2])
@pytest.mark.parametrize("policy", ["weighted", "hash", "all", "failover", "nearest"])
def test_what_is_walked_is_what_clients_get(policy: PolicyName, answers: int) -> None:
    tokyo, osaka, seoul = FOUR
    asia = Pool("asia", (osaka, seoul), policy=policy)
    before = config(
        pools=[Pool("web", FOUR, policy=policy, answers=answers), asia],
        names=[name("www", Rule(("asia",), match=ASIA), WEB)],
    )
    other = (replace(tokyo, weight=10), replace(osaka, priority=1), replace(seoul, weight=80))
    after = config(
        pools=[Pool("web", other, policy=policy, answers=answers), asia],
        names=[name("www", Rule(("asia", "web"), match=Match(subnet=ASIA.subnet[:1])), WEB)],
    )
    said = walked(before, after, 4000)["www"]
    tables = [tabled(one) for one in (before, after)]
    clients = sample([one.base for one in tables], 4000)
    got = [[asked(made, client) for client in clients] for made in tables]
    for answered, expected in zip(got, (said.before, said.after), strict=True):
        total = Counter[str]()
        for sites in answered:
            total.update(sites)
        assert {site: count / len(clients) for site, count in total.items()} == pytest.approx(expected, abs=0.03)
    if policy not in ("weighted", "all"):  # the same for a client each time
        moved = sum(distance(*pair) for pair in zip(*got, strict=True)) / len(clients)  # type: ignore[arg-type]
        assert moved == pytest.approx(said.moved, abs=1e-9)


def asked(made: Table, client: bytes) -> dict[str, float]:
    """The sites of the addresses that a client gets, each with its part of the answer."""
    reply = respond(Context(made, random.Random()), query_of(Question(wire("www"), A, client)), client, UDP)
    assert reply is not None
    begin = 12 + len(wire("www")) + 4
    found = [str(ip_address(reply[at + 12 : at + 16])) for at in range(begin, begin + 16 * reply[7], 16)]
    sites = [next(one.site for one in FOUR if address in one.addresses) for address in found]
    return {site: sites.count(site) / len(sites) for site in sites}


def test_where_many_leaves_ask_each_client_fewer_clients_are_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    pools = [
        Pool("web", (TOKYO, OSAKA), policy="hash"),
        Pool("after", (TOKYO, replace(OSAKA, weight=120)), policy="hash"),
    ]
    before, after = (config(pools=pools, names=[name("www", Rule((pool,)))]) for pool in ("web", "after"))
    whole = walked(before, after, 4000)["www"].moved
    monkeypatch.setattr(module, "_WALKS", 2000)
    thinned = walked(before, after, 4000)["www"].moved
    assert thinned == pytest.approx(whole, abs=0.05)
    assert thinned != whole


def test_a_partial_drain_is_walked() -> None:
    made = config(pools=[Pool("web", FOUR[:2])])
    drained = {
        pool: {
            one.member: replace(one, drain="d1", percent=50, drained_with="site/tokyo") if one.site == "tokyo" else one
            for one in members.values()
        }
        for pool, members in states(made).items()
    }
    tables = [table(made, now) for now in (states(made), drained)]
    clients = sample([one.base for one in tables], 4000)
    names = [("www", made.zones[wire("@")].names[0])]
    (one,) = compare(names, *(Walks(made, each, clients) for each in tables), len(clients))  # type: ignore[misc]
    assert one.moved == pytest.approx(0.3, abs=0.02)
    assert one.after["tokyo"] == pytest.approx(0.3, abs=0.02)
