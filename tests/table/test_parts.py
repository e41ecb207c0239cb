"""Drains for a part of the clients: what moves, whither, for whom, and what stays as it is."""

import random
from collections import Counter
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gslb.config.model import AllDown, Member, MinUp, Pool, Rule
from gslb.control.chances import data_of
from gslb.dns.message import AAAA, CNAME, A
from gslb.dns.name import from_text
from gslb.geo.atlas import Atlas
from gslb.health.states import States
from gslb.policy.nodes import Answer, Node
from gslb.policy.split import Split
from gslb.policy.walk import answers_of
from gslb.table.build import compile_base
from gslb.table.entries import ChainSpec
from gslb.table.leaves import Former, compile_chain, compile_pools
from gslb.table.pack import dump_node, load_node
from gslb.table.parts import MOST_APART, axes
from gslb.table.poolview import NO_LIVE_SITE, PoolView
from tests.policy.test_nodes import Asker
from tests.support import OSAKA, TOKYO, config, member, name, states

FOUR = ChainSpec(("web",), (), A, 30)
NETWORKS = range(0x0A0000, 0x0A0000 + 10_000)
TOKYO_4, OSAKA_4 = TOKYO.addresses[0], OSAKA.addresses[0]
DRAWS = random.Random(7)
Parts = dict[str, tuple[str, int]]  # member -> target and percent


def drained(now: States, parts: Parts) -> States:
    """The same, with drains for some."""
    return {
        pool: {
            one.member: replace(one, drain="d", drained_with=parts[one.member][0], percent=parts[one.member][1])
            if one.member in parts
            else one
            for one in members.values()
        }
        for pool, members in now.items()
    }


def chain(pools: list[Pool], parts: Parts, spec: ChainSpec = FOUR, **verdicts: list[str]) -> Node:
    now = drained(states(config(pools=pools), **verdicts), parts)
    views = [PoolView(pool, now[pool.name], 0 if pool.policy == "nearest" else -1) for pool in pools]
    return compile_chain(spec._replace(pools=tuple(now)), views, {pool.name: frozenset() for pool in pools})


def shown(answer: Answer) -> str:
    return " ".join(sorted(str(ip_address(data)) for data in data_of(answer.records)))


def asker(network: int, *maps: object) -> Asker:
    found = Asker(network << 8, nearest=maps)  # type: ignore[arg-type]
    found.rng = DRAWS
    return found


def shares(node: Node) -> Counter[str]:
    """Answers of ten thousand networks, in percent."""
    seen = Counter(shown(node.select(asker(network))) for network in NETWORKS)
    return Counter({text: round(count / 100, 2) for text, count in seen.items()})  # type: ignore[misc]


class Near:
    """A distance map: Tokyo first for even networks, nobody knows where the others are."""

    def find(self, family: int, client: int) -> tuple[tuple[int, ...] | None, int]:
        return ((0, 1), 24) if client >> 8 & 1 == 0 else (None, 24)


def pool(name: str = "web", **more: object) -> Pool:
    return Pool(name, (TOKYO, OSAKA), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("percent", [1, 10, 35, 50, 99])
@pytest.mark.parametrize("policy", ["weighted", "hash", "capacity"])
def test_the_share_of_a_target_falls_by_the_percent(policy: str, percent: int) -> None:
    made = pool(policy=policy, load=100.0)
    found = shares(chain([made], {"tokyo": ("site/tokyo", percent)}))
    assert abs(found[TOKYO_4] - 60 * (1 - percent / 100)) < 2
    assert found[TOKYO_4] + found[OSAKA_4] == pytest.approx(100)


@pytest.mark.parametrize("percent", [10, 50])
def test_every_client_of_failover_and_all_moves_by_the_percent(percent: int) -> None:
    found = shares(chain([pool(policy="failover")], {"tokyo": ("site/tokyo", percent)}))
    assert abs(found[OSAKA_4] - percent) < 2
    found = shares(chain([pool(policy="all")], {"tokyo": ("site/tokyo", percent)}))
    assert abs(found[OSAKA_4] - percent) < 2
    assert found[OSAKA_4] + found[f"{TOKYO_4} {OSAKA_4}"] == pytest.approx(100)


def test_nearest_goes_on_to_the_next_nearest() -> None:
    node = chain([pool(policy="nearest")], {"tokyo": ("site/tokyo", 50)})
    seen = Counter(shown(node.select(asker(network, Near()))) for network in NETWORKS if network % 2 == 0)
    assert abs(seen[TOKYO_4] / 5000 - 0.5) < 0.02
    placeless = Counter(shown(node.select(asker(network, Near()))) for network in NETWORKS if network % 2)
    assert abs(placeless[TOKYO_4] / 5000 - 0.3) < 0.025


def test_several_answers_are_drawn_of_what_is_left() -> None:
    three = replace(pool(answers=2), members=(TOKYO, OSAKA, member("nagoya", "203.0.113.10")))
    node = chain([three], {"tokyo": ("site/tokyo", 50)})
    seen = Counter(TOKYO_4 in shown(node.select(asker(network))) for network in NETWORKS)
    assert {answer.count for answer in (node.select(asker(network)) for network in range(50))} == {2}
    assert 0.3 < seen[True] / 10_000 < 0.5


@pytest.mark.parametrize("policy", ["weighted", "failover", "hash", "all"])
def test_who_is_moved_at_ten_percent_is_moved_at_twenty(policy: str) -> None:
    moved = []
    for percent in (10, 20, 60):
        node = chain([pool(policy=policy)], {"tokyo": ("site/tokyo", percent)})
        assert isinstance(node, Split)
        moved.append({network for network in NETWORKS if node.child(asker(network)) is node.children[0]})
    assert moved[0] < moved[1] < moved[2]


def test_a_client_does_not_change_its_mind() -> None:
    node = chain([pool(policy="failover")], {"tokyo": ("site/tokyo", 50)})
    for network in range(200):
        assert len({shown(node.select(Asker(network << 8 | host))) for host in range(5)}) == 1


def test_only_what_is_affected_is_tailored() -> None:
    assert isinstance(chain([pool()], {"tokyo": ("site/tokyo", 10)}), Split)
    where = asker(1)
    chain([pool()], {"tokyo": ("site/tokyo", 10)}).select(where)
    assert where.scope == 24
    assert isinstance(chain([pool(policy="failover")], {"osaka": ("site/osaka", 10)}), Answer), "it is not served now"
    assert not isinstance(chain([pool()], {}), Split)
    assert not isinstance(chain([pool()], {"tokyo": ("site/tokyo", 10)}, down=[*TOKYO.addresses]), Split)


def test_two_drains_move_clients_apart() -> None:
    three = replace(pool(policy="failover"), members=(TOKYO, OSAKA, member("nagoya", "203.0.113.10")))
    found = shares(chain([three], {"tokyo": ("site/tokyo", 50), "osaka": ("member/web/osaka", 50)}))
    assert abs(found[TOKYO_4] - 50) < 2
    assert abs(found[OSAKA_4] - 25) < 2
    assert abs(found["203.0.113.10"] - 25) < 2


def test_where_nothing_is_left_the_drains_give_way() -> None:
    found = shares(chain([pool(policy="failover")], {"tokyo": ("site/tokyo", 50), "osaka": ("site/osaka", 50)}))
    assert abs(found[TOKYO_4] - 75) < 2, "half, and the quarter for whom Osaka is drained as well"
    both = {"tokyo": ("pool/web", 30), "osaka": ("pool/web", 30)}
    assert not isinstance(chain([pool()], both), Split)


def test_the_next_pool_serves_who_is_moved_from_all_of_a_pool() -> None:
    first, second = Pool("web", (TOKYO,)), Pool("far", (OSAKA,))
    found = shares(chain([first, second], {"tokyo": ("site/tokyo", 20)}))
    assert abs(found[OSAKA_4] - 20) < 2
    drawn = shares(chain([first, second], {"tokyo": ("pool/web", 50)}, FOUR._replace(weights=(1, 1))))
    assert abs(drawn[OSAKA_4] - 75) < 2


def test_it_is_as_it_would_be_after_the_whole_drain() -> None:
    first, second = pool(min_up=MinUp(2)), Pool("far", (member("nagoya", "203.0.113.10"),))
    found = shares(chain([first, second], {"tokyo": ("site/tokyo", 20)}))
    assert abs(found["203.0.113.10"] - 20) < 2, "with one of two left, the first pool is passed over"
    lone = replace(pool(), members=(TOKYO, replace(OSAKA, addresses=(OSAKA_4,))))
    node = chain([lone], {"tokyo": ("site/tokyo", 20)}, FOUR._replace(rtype=AAAA))
    nothing = sum(not node.select(asker(network)).records for network in NETWORKS) / 100
    assert abs(nothing - 20) < 2, "who is moved to Osaka has no IPv6 there"


def test_failing_open_keeps_what_is_drained_for_some_and_not_what_is_drained() -> None:
    everything = [*TOKYO.addresses, *OSAKA.addresses]
    node = chain([pool()], {"tokyo": ("site/tokyo", 50)}, down=everything, drained=["osaka"])
    assert {shown(answer) for answer in answers_of(node)} == {TOKYO_4}
    assert {answer.ede for answer in answers_of(node)} == {NO_LIVE_SITE}
    assert not isinstance(node, Split)
    shut = chain([pool(all_down=AllDown("nodata"))], {"tokyo": ("site/tokyo", 50)}, down=everything)
    assert isinstance(shut, Answer)


def test_names_are_moved_as_addresses_are() -> None:
    one, two = (from_text(f"{label}.example.net.") for label in ("one", "two"))
    named = Pool("web", (Member("a", "tokyo", (), cname=one), Member("b", "osaka", (), cname=two)), policy="failover")
    node = chain([named], {"a": ("site/tokyo", 30)}, FOUR._replace(rtype=CNAME))
    seen = Counter(next(data_of(node.select(asker(network)).records)) for network in NETWORKS)
    assert abs(seen[two] / 100 - 30) < 2


def test_services_offer_what_their_client_may_have() -> None:
    node = chain(
        [pool(policy="failover")], {"tokyo": ("site/tokyo", 30)}, FOUR._replace(rtype=65, service=(1, b"\0", ()))
    )
    seen = Counter(ip_address(TOKYO_4).packed in node.select(asker(network)).records for network in NETWORKS)
    assert abs(seen[False] / 100 - 30) < 2


def test_beyond_a_few_targets_they_share_a_hash() -> None:
    few = {f"site/{at}": 10 * at for at in range(1, MOST_APART + 1)}
    assert [axis.salt for axis in axes(few)] == sorted(few)
    many = {f"site/{at}": 10 * (at % 3 + 1) for at in range(9)}
    found = axes(many)
    assert [axis.salt for axis in found] == [*sorted(many)[: MOST_APART - 1], ""]
    assert sorted((t, p) for axis in found for p, t in axis.parts) == sorted(many.items())


def test_many_drains_on_one_pool_have_their_share_each() -> None:
    members = tuple(member(f"m{at}", f"192.0.2.{at}") for at in range(1, 10))
    parts = {one.name: (f"site/{one.name}", 10 * (at % 3 + 1)) for at, one in enumerate(members)}
    node = chain([Pool("web", members, policy="all", max_answers=9)], parts)
    seen = Counter(text for network in NETWORKS for text in shown(node.select(asker(network))).split())
    for one in members:
        assert abs(100 - seen[one.addresses[0]] / 100 - parts[one.name][1]) < 2, one.name
    assert len(list(answers_of(node))) < 600


PERCENTS = st.dictionaries(st.sampled_from(["tokyo", "osaka", "nagoya"]), st.integers(1, 99), max_size=3)


@settings(max_examples=60)
@given(PERCENTS, st.sampled_from(["weighted", "failover", "hash", "all"]), st.integers(0, 2**32 - 1))
def test_nobody_gets_nothing_and_the_bytes_say_the_same(percents: dict[str, int], policy: str, address: int) -> None:
    three = replace(pool(policy=policy), members=(TOKYO, OSAKA, member("nagoya", "203.0.113.10")))
    node = chain([three], {one: (f"site/{one}", percent) for one, percent in percents.items()})
    again = load_node(dump_node(node))  # type: ignore[arg-type]
    one, other = Asker(address), Asker(address)
    assert node.select(one).records == again.select(other).records != b""
    assert one.scope == other.scope


def test_the_ttl_of_what_may_answer_with_a_leaving_member_is_bounded() -> None:
    def ttls(spec: ChainSpec, *, at: str = "tokyo", **more: object) -> set[int]:
        made = pool(**more)
        now = states(config(pools=[made]))["web"]
        view = PoolView(made, {**now, at: replace(now[at], ttl=10)}, -1)
        answers = answers_of(compile_chain(spec, [view], {"web": frozenset()}))
        return {int.from_bytes(answer.records[6:10], "big") for answer in answers}

    assert ttls(FOUR) == ttls(FOUR._replace(rtype=AAAA)) == {10}
    assert ttls(FOUR._replace(ttl=7)) == {7}, "never more than configured"
    assert ttls(FOUR, policy="failover") == {10}
    assert ttls(FOUR, policy="failover", at="osaka") == {30}, "nobody is sent there now"
    assert ttls(FOUR._replace(rtype=65, service=(1, b"\0", ()))) == {10}


def test_the_ttl_before_a_drain_and_that_of_restless_members_go_together() -> None:
    made = pool()
    now = states(config(pools=[made]), restless=[*OSAKA.addresses])["web"]
    for most, served in ((40, 20), (20, 20), (10, 10), (5, 5)):
        view = PoolView(made, {**now, "tokyo": replace(now["tokyo"], ttl=most)}, -1)
        node = compile_chain(FOUR._replace(ttl=60, ttl_min=20), [view], {"web": frozenset()})
        assert {answer.records[6:10] for answer in answers_of(node)} == {served.to_bytes(4, "big")}


def test_failing_open_obeys_the_ttl_too() -> None:
    made = pool()
    now = states(config(pools=[made]), down=[*TOKYO.addresses, *OSAKA.addresses])["web"]
    view = PoolView(made, {**now, "tokyo": replace(now["tokyo"], ttl=10)}, -1)
    node = compile_chain(FOUR, [view], {"web": frozenset()})
    assert {answer.records[6:10] for answer in answers_of(node)} == {(10).to_bytes(4, "big")}


def test_a_drain_for_some_compiles_the_chains_that_it_touches_and_no_others() -> None:
    pools = [pool(), Pool("far", (member("nagoya", "203.0.113.10"),))]
    made = config(pools=pools, names=[name("www", Rule(("web",))), name("far", Rule(("far",)))])
    base, before = compile_base(made, Atlas.empty()), states(made)
    first = compile_pools(base, made, before, {})
    for percent, target in ((10, "site/tokyo"), (20, "site/tokyo"), (20, "pool/web")):
        after = drained(before, {"tokyo": (target, percent)})
        second = compile_pools(base, made, after, {}, Former(before, first))
        others = [spec.pools for spec, a, b in zip(base.chains, first.nodes, second.nodes, strict=True) if a is not b]
        assert set(others) == {("web",)}
        assert second.nodes != first.nodes
        before, first = after, second
