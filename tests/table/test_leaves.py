"""Health to leaves: the table at the top of gslb/table/leaves.py, line by line."""

from dataclasses import replace

import pytest

from gslb.config.model import AllDown, Config, MinUp, Pool, Rule
from gslb.geo.atlas import Atlas
from gslb.health.states import States
from gslb.table.build import compile_base
from gslb.table.leaves import Former, compile_pools
from gslb.table.pack import dump_node
from gslb.table.poolview import NO_LIVE_SITE
from tests.support import OSAKA, TOKYO, addresses, ask, config, context, member, name, query, states, table

TOKYO_4, OSAKA_4 = TOKYO.addresses[0], OSAKA.addresses[0]
TOKYO_6, OSAKA_6 = TOKYO.addresses[1], OSAKA.addresses[1]
ALL_4, ALL_6 = {TOKYO_4, OSAKA_4}, {TOKYO_6, OSAKA_6}


def served(made: object, now: States, rtype: str = "A", owner: str = "www", times: int = 60) -> set[str]:
    """Every address that answers contain over many queries."""
    ctx = context(table(made, now))  # type: ignore[arg-type]
    return {address for _ in range(times) for address in addresses(ask(ctx, query(owner, rtype)))}


def pool(name: str = "web", **more: object) -> Pool:
    return Pool(name, (TOKYO, OSAKA), **more)  # type: ignore[arg-type]


def test_live_members_are_served_in_both_families() -> None:
    made = config()
    assert served(made, states(made)) == ALL_4
    assert served(made, states(made), "AAAA") == ALL_6


def test_a_dead_member_is_not_served() -> None:
    made = config()
    now = states(made, down=TOKYO.addresses)
    assert served(made, now) == {OSAKA_4}
    assert served(made, now, "AAAA") == {OSAKA_6}


def test_families_are_judged_apart() -> None:
    made = config()
    now = states(made, down=[TOKYO_6])
    assert served(made, now) == ALL_4
    assert served(made, now, "AAAA") == {OSAKA_6}


def test_a_dead_family_beside_a_living_one_is_nodata() -> None:
    made = config()
    now = states(made, down=[TOKYO_6, OSAKA_6])
    assert served(made, now, "AAAA") == set()
    reply = ask(context(table(made, now)), query("www", "AAAA", payload=1232))
    assert (reply.rcode(), len(reply.authority), reply.options) == (0, 1, ())


def test_a_family_that_no_pool_has_is_nodata_also_when_all_is_down() -> None:
    made = config(pools=[Pool("web", (member("a", "192.0.2.1"),))])
    assert served(made, states(made), "AAAA") == set()
    assert served(made, states(made, down=["192.0.2.1"]), "AAAA") == set()


def test_all_down_all_serves_everything_that_is_not_drained() -> None:
    made = config()
    everything = [*TOKYO.addresses, *OSAKA.addresses]
    assert served(made, states(made, down=everything)) == ALL_4
    assert served(made, states(made, down=everything, drained=["tokyo"])) == {OSAKA_4}
    assert served(made, states(made, drained=["tokyo", "osaka"])) == ALL_4


def test_failing_open_is_visible() -> None:
    made = config()
    ctx = context(table(made, states(made, down=[*TOKYO.addresses, *OSAKA.addresses])))
    reply = ask(ctx, query("www", payload=1232))
    assert [option.to_text() for option in reply.options] == ["EDE 0 (Other): no live site"]
    assert set(addresses(reply)) == ALL_4
    assert NO_LIVE_SITE.endswith(b"no live site")


@pytest.mark.parametrize(
    ("all_down", "expected"),
    [
        (AllDown("nodata"), set()),
        (AllDown("fallback", ("203.0.113.80",)), {"203.0.113.80"}),
        (AllDown("fallback", ("2001:db8::80",)), set()),
    ],
)
def test_other_ways_to_be_all_down(all_down: AllDown, expected: set[str]) -> None:
    made = config(pools=[pool(all_down=all_down)])
    now = states(made, down=[*TOKYO.addresses, *OSAKA.addresses])
    assert served(made, now) == expected


def test_last_good_is_carried_from_leaves_to_leaves() -> None:
    from gslb.geo.atlas import Atlas

    made = config(pools=[pool(all_down=AllDown("last_good"))])
    base = compile_base(made, Atlas.empty())
    first = compile_pools(base, made, states(made, down=TOKYO.addresses), {})
    assert first.last_good == {"web": frozenset(OSAKA.addresses)}
    dead = states(made, down=[*TOKYO.addresses, *OSAKA.addresses])
    second = compile_pools(base, made, dead, first.last_good)
    assert second.last_good == first.last_good
    assert OSAKA_4_PACKED in second.nodes[0].select(None).records  # type: ignore[arg-type]
    assert TOKYO_4_PACKED not in second.nodes[0].select(None).records  # type: ignore[arg-type]
    drained = states(made, down=TOKYO.addresses, drained=["osaka"])
    assert TOKYO_4_PACKED in compile_pools(base, made, drained, first.last_good).nodes[0].select(None).records  # type: ignore[arg-type]


def test_last_good_is_kept_each_family_for_itself() -> None:
    from gslb.geo.atlas import Atlas

    made = config(pools=[pool(all_down=AllDown("last_good"))])
    base = compile_base(made, Atlas.empty())
    good = compile_pools(base, made, states(made, down=TOKYO.addresses), {}).last_good
    good = compile_pools(base, made, states(made, down=[*TOKYO.addresses, OSAKA_4]), good).last_good
    assert good == {"web": frozenset(OSAKA.addresses)}


TOKYO_4_PACKED, OSAKA_4_PACKED = bytes((192, 0, 2, 10)), bytes((198, 51, 100, 10))


def test_an_unknown_member_makes_the_name_not_ready() -> None:
    made = config()
    ctx = context(table(made, states(made, unknown=[TOKYO_4])))
    reply = ask(ctx, query("www", payload=1232))
    assert reply.rcode() == 2
    assert [option.to_text() for option in reply.options] == ["EDE 14 (Not Ready)"]
    assert not reply.flags & 0x0400


ASIA = Pool("asia", (TOKYO,))
AMERICA = Pool("america", (OSAKA,))


def test_a_list_of_pools_is_failover() -> None:
    made = config(pools=[ASIA, AMERICA], names=[name("www", Rule(("asia", "america")))])
    assert served(made, states(made)) == {TOKYO_4}
    assert served(made, states(made, down=TOKYO.addresses)) == {OSAKA_4}
    assert served(made, states(made, down=[TOKYO_6]), "AAAA") == {OSAKA_6}
    assert served(made, states(made, unknown=TOKYO.addresses)) == set()
    assert served(made, states(made, unknown=OSAKA.addresses)) == {TOKYO_4}


def test_the_last_pool_of_a_list_decides_when_all_are_down() -> None:
    made = config(pools=[ASIA, AMERICA], names=[name("www", Rule(("asia", "america")))])
    assert served(made, states(made, down=[*TOKYO.addresses, *OSAKA.addresses])) == {OSAKA_4}


@pytest.mark.parametrize("weights", [(), (50, 50)])
def test_a_pool_that_operators_have_emptied_leaves_it_to_another(weights: tuple[int, ...]) -> None:
    """Nobody is sent to what is drained or forced down as long as there is anything else, be it dead."""
    made = config(pools=[ASIA, AMERICA], names=[name("www", Rule(("asia", "america"), weights))])
    assert served(made, states(made, down=TOKYO.addresses, drained=["osaka"])) == {TOKYO_4}
    forced = states(made, down=[*TOKYO.addresses, *OSAKA.addresses])
    out = replace(forced["america"]["osaka"], forced_down=True)
    assert served(made, {**forced, "america": {"osaka": out}}) == {TOKYO_4}
    everything = served(made, states(made, drained=["tokyo", "osaka"]))
    assert everything == (ALL_4 if weights else {OSAKA_4})


def test_a_map_of_pools_is_a_draw() -> None:
    made = config(pools=[ASIA, AMERICA], names=[name("www", Rule(("asia", "america"), (95, 5)))])
    ctx = context(table(made, states(made)))
    answers = [addresses(ask(ctx, query("www")))[0] for _ in range(4_000)]
    assert abs(answers.count(TOKYO_4) / 4_000 - 0.95) < 0.015
    assert served(made, states(made, down=TOKYO.addresses)) == {OSAKA_4}
    assert served(made, states(made, down=[*TOKYO.addresses, *OSAKA.addresses]), times=300) == ALL_4
    assert served(made, states(made, down=[TOKYO_6, OSAKA_6]), "AAAA") == set()
    assert served(made, states(made, unknown=[TOKYO_4])) == set()


def test_a_pool_of_weight_0_is_standby() -> None:
    made = config(pools=[ASIA, AMERICA], names=[name("www", Rule(("asia", "america"), (1, 0)))])
    assert served(made, states(made)) == {TOKYO_4}
    assert served(made, states(made, down=TOKYO.addresses)) == {OSAKA_4}


@pytest.mark.parametrize("policy", ["weighted", "failover", "all", "hash", "nearest", "capacity"])
def test_every_policy_serves_the_living(policy: str) -> None:
    made = config(pools=[pool(policy=policy)])
    assert served(made, states(made, down=TOKYO.addresses)) == {OSAKA_4}


def test_only_the_chains_of_pools_in_another_state_are_compiled() -> None:
    pools = [Pool(f"p{n}", (member("a", f"192.0.2.{n}"), member("b", f"198.51.100.{n}"))) for n in range(5)]
    names = [name(f"n{n}", Rule((f"p{n}",))) for n in range(5)] + [name("list", Rule(("p3", "p4")))]
    made = config(pools=pools, names=names)
    full = table(made)
    former = Former(states(made), full.leaves)
    same = compile_pools(full.base, made, states(made), full.leaves.last_good, former)
    assert all(old is new for old, new in zip(full.nodes, same.nodes, strict=True))
    moved = compile_pools(full.base, made, states(made, down=["192.0.2.3"]), full.leaves.last_good, former)
    chains = zip(full.base.chains, full.nodes, moved.nodes, strict=True)
    assert {spec.pools for spec, old, new in chains if old is not new} == {("p3",), ("p3", "p4")}


def test_another_last_good_is_a_change_too() -> None:
    made = config(pools=[pool(all_down=AllDown("last_good"))])
    full = table(made)
    dead = states(made, down=[*TOKYO.addresses, *OSAKA.addresses])
    former = Former(dead, compile_pools(full.base, made, dead, {"web": frozenset(OSAKA.addresses)}))
    other = {"web": frozenset(TOKYO.addresses)}
    again = compile_pools(full.base, made, dead, other, former)
    assert again.last_good == other
    assert TOKYO_4_PACKED in again.nodes[0].select(None).records  # type: ignore[arg-type]
    assert OSAKA_4_PACKED not in again.nodes[0].select(None).records  # type: ignore[arg-type]


THREE = (member("t1", "192.0.2.1"), member("t2", "192.0.2.2"), member("t3", "192.0.2.3", "2001:db8::3"))
BACK = member("back", "198.51.100.1")
SITES = [Pool("site", THREE, min_up=MinUp(2)), Pool("back", (BACK,))]


@pytest.mark.parametrize(
    ("down", "expected"),
    [
        (["192.0.2.1"], {"192.0.2.2", "192.0.2.3"}),
        (["192.0.2.1", "192.0.2.2"], {"198.51.100.1"}),
        (["192.0.2.1", "192.0.2.2", "198.51.100.1"], {"192.0.2.3"}),
    ],
)
@pytest.mark.parametrize("weights", [(), (1, 0)])
def test_a_pool_below_min_up_is_passed_over_unless_no_pool_is_healthy(
    down: list[str], expected: set[str], weights: tuple[int, ...]
) -> None:
    made = config(pools=SITES, names=[name("www", Rule(("site", "back"), weights))])
    assert served(made, states(made, down=down)) == expected


def test_min_up_counts_members_of_any_family() -> None:
    made = config(pools=SITES, names=[name("www", Rule(("site", "back")))])
    now = states(made, down=["192.0.2.1", "192.0.2.3"])
    assert served(made, now) == {"192.0.2.2"}
    assert served(made, now, "AAAA") == {"2001:db8::3"}


def test_live_addresses_of_a_family_come_before_no_data_though_their_pool_is_not_healthy() -> None:
    made = config(pools=SITES, names=[name("www", Rule(("back", "site")))])
    now = states(made, down=["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    assert served(made, now) == {"198.51.100.1"}
    assert served(made, now, "AAAA") == {"2001:db8::3"}


def test_of_two_pools_below_min_up_the_first_serves_a_standby_only_if_it_must() -> None:
    short = [replace(pool, min_up=MinUp(share=1.0)) for pool in (Pool("site", THREE), pool("web"))]
    names = [name("list", Rule(("site", "web"))), name("map", Rule(("site", "web"), (0, 1)))]
    made = config(pools=short, names=names)
    now = states(made, down=["192.0.2.1", "192.0.2.2", *TOKYO.addresses])
    assert served(made, now, owner="list") == {"192.0.2.3"}
    assert served(made, now, owner="map") == {OSAKA_4}
    gone = states(made, down=["192.0.2.1", "192.0.2.2", *TOKYO.addresses, *OSAKA.addresses])
    assert served(made, gone, owner="map") == {"192.0.2.3"}


@pytest.mark.parametrize("weights", [(), (1, 1)])
def test_family_down_may_fail_open(weights: tuple[int, ...]) -> None:
    pools = [pool("web"), pool("open", family_down="all_down")]
    names = [name("www", Rule(("web", "open"), weights)), name("shut", Rule(("open", "web"), (3, 0)))]
    made = config(pools=pools, names=names)
    now = states(made, down=[TOKYO_6, OSAKA_6])
    assert served(made, now, "AAAA") == ALL_6
    assert served(made, now) == ALL_4
    reply = ask(context(table(made, now)), query("www", "AAAA", payload=1232))
    assert [option.to_text() for option in reply.options] == ["EDE 0 (Other): no live site"]


def test_the_family_down_of_the_last_pool_of_a_list_decides() -> None:
    pools = [pool("open", family_down="all_down"), pool("web")]
    made = config(pools=pools, names=[name("www", Rule(("open", "web")))])
    assert served(made, states(made, down=[TOKYO_6, OSAKA_6]), "AAAA") == set()


def ttls(made: Config, now: States, rtype: str = "A", owner: str = "www") -> set[int]:
    ctx = context(table(made, now))
    return {rrset.ttl for _ in range(40) for rrset in ask(ctx, query(owner, rtype)).answer}


def ranged(**more: object) -> Config:
    names = [replace(name("www", Rule(("web",))), ttl_min=5), name("fixed", Rule(("web",)))]
    return config(pools=[Pool("web", (TOKYO, OSAKA), **more)], names=names)  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", ["weighted", "all", "hash", "nearest", "capacity"])
def test_a_failed_probe_of_what_may_be_answered_shortens_the_ttl(policy: str) -> None:
    made = ranged(policy=policy)
    assert ttls(made, states(made)) == {30}
    now = states(made, restless=TOKYO.addresses)
    assert ttls(made, now) == ttls(made, now, "AAAA") == {5}
    assert ttls(made, now, owner="fixed") == {30}


def test_what_is_not_in_the_answer_does_not_shorten_the_ttl() -> None:
    made = ranged(policy="failover")
    assert ttls(made, states(made, restless=[OSAKA_4])) == {30}
    assert ttls(made, states(made, restless=[TOKYO_4])) == {5}
    made = ranged()
    assert ttls(made, states(made, down=TOKYO.addresses, restless=TOKYO.addresses)) == {30}
    assert ttls(made, states(made, restless=[TOKYO_6])) == {30}
    assert ttls(made, states(made, restless=[TOKYO_6]), "AAAA") == {5}


def test_failing_open_has_the_short_ttl() -> None:
    made = ranged(all_down=AllDown("fallback", ("203.0.113.80",)))
    everything = [*TOKYO.addresses, *OSAKA.addresses]
    assert ttls(made, states(made, down=everything, restless=everything)) == {5}
    assert ttls(made, states(made, drained=["tokyo", "osaka"])) == {30}


def test_only_a_ttl_with_a_range_looks_at_calm() -> None:
    made = ranged()
    full = table(made)
    good = full.leaves.last_good
    now = states(made, restless=TOKYO.addresses)
    moved = compile_pools(full.base, made, now, good, Former(states(made), full.leaves))
    chains = zip(full.base.chains, full.nodes, moved.nodes, strict=True)
    assert {spec.ttl_min for spec, old, new in chains if old is not new} == {5}
    back = compile_pools(full.base, made, states(made), good, Former(now, moved))
    assert back.nodes[0].weights == full.nodes[0].weights  # type: ignore[attr-defined]
    assert [answer.records for answer in back.nodes[0].children] == [a.records for a in full.nodes[0].children]  # type: ignore[attr-defined]


def test_what_was_observed_and_why_changes_no_leaf() -> None:
    made = config()
    full = table(made)
    now = states(made)
    tokyo = now["web"]["tokyo"]
    other = replace(tokyo, addresses=tuple(replace(a, observed="down", reason="forced") for a in tokyo.addresses))
    told = {"web": {**now["web"], "tokyo": other}}
    same = compile_pools(full.base, made, told, full.leaves.last_good, Former(now, full.leaves))
    assert all(old is new for old, new in zip(full.nodes, same.nodes, strict=True))


def test_a_ramp_changes_leaves() -> None:
    made = config()
    full = table(made)
    now = states(made)
    half = {"web": {**now["web"], "tokyo": replace(now["web"]["tokyo"], share=0.5)}}
    moved = compile_pools(full.base, made, half, full.leaves.last_good, Former(now, full.leaves))
    assert moved.nodes[0].weights == [30_000, 40_000]  # type: ignore[attr-defined]


def test_another_load_compiles_the_pool_it_is_of() -> None:
    limits = (("tokyo", 30.0), ("osaka", 100.0))
    pools = [pool(one, policy="capacity", load=40.0, capacities=limits) for one in ("web", "other")]
    made = config(pools=pools, names=[name(one, Rule((one,))) for one in ("web", "other")])
    full, now = table(made), states(made)
    busy = replace(made, pools={**made.pools, "web": replace(pools[0], load=100.0)})
    former = Former(now, full.leaves, made.pools)
    moved = compile_pools(full.base, busy, now, full.leaves.last_good, former)
    chains = zip(full.base.chains, full.nodes, moved.nodes, strict=True)
    assert {spec.pools for spec, old, new in chains if old is not new} == {("web",)}
    assert [weight / moved.nodes[0].total for weight in moved.nodes[0].weights] == [0.3, 0.7]  # type: ignore[attr-defined]


def test_of_an_exclusive_pool_one_member_is_remembered() -> None:
    from gslb.geo.atlas import Atlas

    made = config(pools=[pool(exclusive=True, all_down=AllDown("last_good"))])
    base = compile_base(made, Atlas.empty())
    first = compile_pools(base, made, states(made, down=OSAKA.addresses), {})
    assert first.last_good["web"] == {*TOKYO.addresses}
    second = compile_pools(base, made, states(made, down=[*TOKYO.addresses, OSAKA_6]), first.last_good)
    assert second.last_good["web"] == {OSAKA_4}, "not Tokyo's IPv6 beside it"
    third = compile_pools(base, made, states(made, down=[*TOKYO.addresses, *OSAKA.addresses]), second.last_good)
    assert third.last_good["web"] == {OSAKA_4}


def test_pools_that_share_a_state_are_compiled_each_by_its_own_configuration() -> None:
    pools = [pool("one"), pool("other", policy="failover"), pool("twin")]
    made = config(pools=pools, names=[name(each.name, Rule((each.name,))) for each in pools])
    base = compile_base(made, Atlas.empty())
    members = states(made)["one"]
    leaves = compile_pools(base, made, dict.fromkeys(made.pools, members), {})
    nodes = {spec.pools[0]: dump_node(node) for spec, node in zip(base.chains, leaves.nodes, strict=True)}
    assert nodes["one"] == nodes["twin"] != nodes["other"]
