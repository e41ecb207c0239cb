"""A pool in its present state: what lives, weights while ramping up, and what is served when nothing lives."""

from dataclasses import replace

import pytest

from gslb.config.model import AllDown, Member, MinUp, Pool
from gslb.control.chances import data_of
from gslb.dns.message import AAAA, CNAME, A
from gslb.dns.name import from_text
from gslb.policy.nodes import Answer, ByHash, Choice, Node
from gslb.policy.walk import answers_of
from gslb.table.entries import ChainSpec
from gslb.table.poolview import NO_LIVE_SITE, PoolView, records_of
from tests.support import OSAKA, TOKYO, config, states

FOUR = ChainSpec(("web",), (), A, 30)
SIX = FOUR._replace(rtype=AAAA)
ALIAS = FOUR._replace(rtype=CNAME)
SERVICE = FOUR._replace(rtype=65, service=(1, b"\0", ()))
EVERYTHING = [*TOKYO.addresses, *OSAKA.addresses]
TOKYO_4, OSAKA_4 = bytes((192, 0, 2, 10)), bytes((198, 51, 100, 10))


def view(pool: Pool, **verdicts: list[str]) -> PoolView:
    return PoolView(pool, states(config(pools=[pool]), **verdicts)[pool.name], -1)


def pool(**more: object) -> Pool:
    return Pool("web", (TOKYO, OSAKA), **more)  # type: ignore[arg-type]


def ramping(shares: dict[str, float], **more: object) -> PoolView:
    made = pool(**more)
    now = states(config(pools=[made]))["web"]
    return PoolView(made, {name: replace(one, share=shares.get(name, 1.0)) for name, one in now.items()}, -1)


def data(node: Node) -> set[bytes]:
    return {item for answer in answers_of(node) for item in data_of(answer.records)}


@pytest.mark.parametrize(
    ("min_up", "down", "healthy"),
    [
        (MinUp(), [], True),
        (MinUp(), EVERYTHING, False),
        (MinUp(2), [TOKYO.addresses[0]], True),
        (MinUp(2), [*TOKYO.addresses], False),
        (MinUp(share=0.5), [*TOKYO.addresses], True),
        (MinUp(share=0.51), [*TOKYO.addresses], False),
    ],
)
def test_a_pool_is_healthy_while_enough_members_live(min_up: MinUp, down: list[str], healthy: bool) -> None:
    assert view(pool(min_up=min_up), down=down).healthy == healthy


def test_who_is_drained_or_forced_down_does_not_live() -> None:
    assert view(pool(), drained=["tokyo"]).lives == view(pool(), forced_down=["tokyo"]).lives == 1


def test_a_name_that_nobody_probes_lives_until_an_operator_takes_it_out() -> None:
    named = Pool("web", (Member("cdn", "tokyo", (), cname=from_text("cdn.example.net.")),))
    assert [view(named, **out).lives for out in ({}, {"drained": ["cdn"]}, {"forced_down": ["cdn"]})] == [1, 0, 0]


def test_a_member_that_ramps_up_has_a_part_of_its_weight() -> None:
    node = ramping({"tokyo": 0.1}).policy(FOUR)
    assert isinstance(node, Choice)
    assert node.weights == [6_000, 40_000]
    node = ramping({"tokyo": 0.1}, policy="hash").policy(FOUR)
    assert isinstance(node, ByHash)
    assert node.weights == (6_000, 40_000)
    node = ramping({"tokyo": 0.1}, policy="capacity", load=46.0).policy(FOUR)
    assert isinstance(node, Choice)
    assert node.weights[0] / node.total == pytest.approx(6 / 46)


def test_a_ramp_never_makes_a_standby() -> None:
    node = ramping({"tokyo": 0.000_01}).policy(FOUR)
    assert isinstance(node, Choice)
    assert node.weights == [60, 40_000]


def test_whole_weights_stay_as_they_are() -> None:
    node = ramping({}).policy(FOUR)
    assert isinstance(node, Choice)
    assert node.weights == [60, 40]


@pytest.mark.parametrize(
    ("drained", "forced", "served"),
    [
        ([], [], {TOKYO_4, OSAKA_4}),
        (["tokyo"], [], {OSAKA_4}),
        ([], ["tokyo"], {OSAKA_4}),
        (["osaka"], ["tokyo"], {OSAKA_4}),
        (["tokyo", "osaka"], [], {TOKYO_4, OSAKA_4}),
        ([], ["tokyo", "osaka"], set()),
    ],
)
@pytest.mark.parametrize("mode", ["all", "last_good"])
def test_failing_open_never_serves_what_is_forced_down(
    drained: list[str], forced: list[str], served: set[bytes], mode: str
) -> None:
    made = view(pool(all_down=AllDown(mode)), down=EVERYTHING, drained=drained, forced_down=forced)  # type: ignore[arg-type]
    node = made.all_down(FOUR, frozenset())
    assert data(node) == served
    assert {answer.ede for answer in answers_of(node)} == {NO_LIVE_SITE}


def test_last_good_is_of_those_that_may_be_served() -> None:
    good = frozenset(OSAKA.addresses)
    rule = pool(all_down=AllDown("last_good"))
    assert data(view(rule, down=EVERYTHING).all_down(FOUR, good)) == {OSAKA_4}
    assert data(view(rule, down=EVERYTHING, drained=["osaka"]).all_down(FOUR, good)) == {TOKYO_4}
    assert data(view(rule, down=EVERYTHING, forced_down=["osaka"]).all_down(FOUR, good)) == {TOKYO_4}
    assert data(view(rule, down=EVERYTHING, drained=["tokyo", "osaka"]).all_down(FOUR, good)) == {OSAKA_4}


def test_the_last_good_of_names() -> None:
    one, two = (from_text(f"{label}.example.net.") for label in ("one", "two"))
    members = (Member("a", "a", ("192.0.2.1",), cname=one), Member("b", "b", ("192.0.2.2",), cname=two))
    named = Pool("web", members, all_down=AllDown("last_good"))
    node = view(named, down=["192.0.2.1", "192.0.2.2"]).all_down(ALIAS, frozenset(["192.0.2.2"]))
    assert isinstance(node, Answer)
    assert data(node) == {two}


def test_what_is_restless_of_a_family() -> None:
    made = view(pool(), restless=[TOKYO.addresses[1]])
    assert not made.calm
    assert made.restless(FOUR) == []
    assert [item for record in made.restless(SIX) for item in data_of(record)] == [
        bytes.fromhex("20010db8000a00000000000000000010")
    ]
    assert len(made.restless(SERVICE)) == 1
    assert view(pool()).restless(SIX) == []
    assert view(pool(), restless=[*TOKYO.addresses], down=[*TOKYO.addresses]).restless(FOUR) == []


def test_a_service_has_no_record_without_addresses() -> None:
    assert records_of(TOKYO, [], SERVICE) == ()
    assert len(records_of(TOKYO, TOKYO.addresses, SERVICE)) == 1


@pytest.mark.parametrize("mode", ["all", "last_good"])
@pytest.mark.parametrize(
    ("good", "drained", "forced", "served"),
    [
        ([], [], [], {OSAKA_4}),
        ([*TOKYO.addresses], [], [], {TOKYO_4}),
        ([], ["osaka"], [], {TOKYO_4}),
        ([*OSAKA.addresses], ["osaka"], [], {TOKYO_4}),
        ([], ["tokyo", "osaka"], [], {OSAKA_4}),
        ([], [], ["osaka"], {TOKYO_4}),
        ([], [], ["tokyo", "osaka"], set()),
    ],
)
def test_an_exclusive_pool_fails_open_to_one(
    mode: str, good: list[str], drained: list[str], forced: list[str], served: set[bytes]
) -> None:
    members = (replace(TOKYO, priority=2), replace(OSAKA, priority=1))
    rule = Pool("web", members, exclusive=True, all_down=AllDown(mode))  # type: ignore[arg-type]
    made = view(rule, down=EVERYTHING, drained=drained, forced_down=forced)
    expected = {OSAKA_4} if mode == "all" and good == [*TOKYO.addresses] else served
    assert data(made.all_down(FOUR, frozenset(good))) == expected


def test_both_families_of_an_exclusive_pool_fail_open_to_the_same_member() -> None:
    members = (replace(TOKYO, addresses=TOKYO.addresses[:1]), OSAKA)
    made = view(Pool("web", members, exclusive=True, all_down=AllDown("last_good")), down=EVERYTHING)
    assert data(made.all_down(FOUR, frozenset())) == {TOKYO_4}
    assert data(made.all_down(SIX, frozenset())) == set()


def test_how_it_would_be_without_what_is_drained_for_some() -> None:
    made = pool()
    now = states(config(pools=[made]))["web"]
    found = PoolView(made, {**now, "tokyo": replace(now["tokyo"], drain="d", percent=10, drained_with="site/t")}, -1)
    assert (found.lives, found.parts) == (2, {"site/t": 10})
    assert found.without({"site/o"}) is found
    gone = found.without(frozenset(["site/t"]))
    assert (gone.lives, gone.parts) == (1, {})
    assert found.without(frozenset(["site/t"])) is gone
