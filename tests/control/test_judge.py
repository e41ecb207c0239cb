"""What is told of each pool, against what the compiled leaf really does."""

import random
from collections.abc import Iterable

import pytest

from gslb.config.model import AllDown, Config, MinUp, Pool
from gslb.control.judge import judge
from gslb.dns.message import AAAA, A
from gslb.table.client import Client
from gslb.table.entries import ChainSpec
from gslb.table.leaves import compile_chain
from gslb.table.poolview import PoolView
from tests.support import OSAKA, TOKYO, config, member, states, table

SIX = member("six", "2001:db8:c::10")
WEB, BACKUP = Pool("web", (TOKYO,)), Pool("backup", (OSAKA,))
SORRY = Pool("sorry", (OSAKA,), all_down=AllDown("fallback", ("203.0.113.99",)))
ONLY_SIX = Pool("six", (SIX,))
BOTH = Pool("both", (TOKYO, OSAKA), min_up=MinUp(2))
TOO = Pool("too", (TOKYO, OSAKA), min_up=MinUp(2))
OPEN = Pool("open", (TOKYO,), family_down="all_down")
CONFIG = config(pools=[WEB, BACKUP, SORRY, ONLY_SIX, BOTH, TOO, OPEN])


def told(pools: str, weights: Iterable[int] = (), *, rtype: int = A, **verdicts: list[str]) -> list[tuple[str, str]]:
    """Outcome and reason of each pool, after a check that the leaf agrees with them."""
    spec = ChainSpec(tuple(pools.split()), tuple(weights), rtype, 30)
    now = states(CONFIG, **verdicts)
    views = [PoolView(CONFIG.pools[name], now[name], -1) for name in spec.pools]
    found = judge(spec, views)
    check(CONFIG, spec, views, {finding.outcome for finding in found})
    return [(finding.outcome, finding.why) for finding in found]


def check(config: Config, spec: ChainSpec, views: list[PoolView], outcomes: set[str]) -> None:
    leaf = compile_chain(spec, views, {name: frozenset() for name in config.pools})
    answer = leaf.select(Client(table(config), random.Random(1)))
    assert bool(answer.rcode) == ("not ready" in outcomes)
    assert bool(answer.count) == bool(outcomes & {"serving", "below min_up", "all down"})
    assert bool(answer.ede) == bool(outcomes & {"not ready", "all down"})


def test_the_first_pool_with_something_live_serves() -> None:
    assert told("web backup") == [("serving", "1 of 1 members live"), ("not reached", "pool web comes first")]
    assert told("web backup", down=["192.0.2.10"]) == [
        ("passed over", "no live IPv4 address"),
        ("serving", "1 of 1 members live"),
    ]


def test_a_pool_without_the_family_is_passed_over() -> None:
    assert told("six web") == [("passed over", "no IPv4 address"), ("serving", "1 of 1 members live")]
    assert told("six web", rtype=AAAA)[0][0] == "serving"


def test_no_address_of_the_family_anywhere_is_no_data() -> None:
    assert told("six") == [("passed over", "no IPv4 address; no data is the answer")]


def test_the_other_family_lives() -> None:
    assert told("web", down=["192.0.2.10"]) == [("passed over", "no live IPv4 address; no data is the answer")]


def test_nothing_lives() -> None:
    dead = ["192.0.2.10", "2001:db8:a::10", "198.51.100.10", "2001:db8:b::10"]
    assert told("web sorry", down=dead) == [
        ("passed over", "no live IPv4 address"),
        ("all down", "no live IPv4 address; all_down: fallback 203.0.113.99"),
    ]
    assert told("web backup", [1, 1], down=dead) == [("all down", "no live IPv4 address; all_down: all")] * 2


def test_not_ready() -> None:
    assert told("web backup", unknown=["192.0.2.10"]) == [
        ("not ready", "a member has no result yet"),
        ("not reached", "pool web comes first"),
    ]
    assert told("web backup", [1, 1], unknown=["198.51.100.10"]) == [
        ("not reached", "pool backup is not ready"),
        ("not ready", "a member has no result yet"),
    ]


@pytest.mark.parametrize(
    ("down", "outcomes"), [([], ["serving", "passed over"]), (["192.0.2.10"], ["passed over", "serving"])]
)
def test_weight_zero_is_standby(down: list[str], outcomes: list[str]) -> None:
    assert [outcome for outcome, _ in told("web backup", [5, 0], down=down)] == outcomes


SHORT = "1 of 2 members live, min_up is 2"


@pytest.mark.parametrize("weights", [[], [1, 1]])
def test_a_pool_below_min_up_is_passed_over(weights: list[int]) -> None:
    expected = [("passed over", SHORT), ("serving", "1 of 1 members live")]
    assert told("both backup", weights, down=["192.0.2.10", "2001:db8:a::10"]) == expected


@pytest.mark.parametrize(("weights", "chosen"), [([], 0), ([1, 1], 0), ([0, 1], 1)])
def test_no_pool_is_healthy(weights: list[int], chosen: int) -> None:
    found = told("both too web", [*weights, 1] if weights else [], down=["192.0.2.10", "2001:db8:a::10"])
    name = ("both", "too")[chosen]
    assert found[chosen] == ("below min_up", f"{SHORT}; no pool is healthy")
    assert found[1 - chosen] == ("passed over", f"{SHORT}; pool {name} comes first")
    assert found[2] == ("passed over", "no live IPv4 address")


def test_a_pool_below_min_up_before_one_that_is_not_ready() -> None:
    assert told("both six", rtype=AAAA, down=["192.0.2.10", "2001:db8:a::10"], unknown=["2001:db8:c::10"]) == [
        ("passed over", SHORT),
        ("not ready", "a member has no result yet"),
    ]


def test_family_down() -> None:
    assert told("open", down=["192.0.2.10"]) == [("all down", "no live IPv4 address; all_down: all")]
