"""A target dies and returns, control is killed, and the report tells what happened."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.kit import SITES, ZONE, Node, eventually
from tests.e2e.sites import Site
from tests.e2e.test_failover import BACK, BOUND, MONITOR, OSAKA, POOL, TOKYO

pytestmark = pytest.mark.e2e


def members(node: Node) -> dict[str, dict[str, Any]]:
    answer = node.call("GET", "/api/v1/reports?by=member&span=24h")
    assert answer.status == 200, answer.body
    return {row["member"]: row["observed"] for row in answer.body["rows"]}


def observed(node: Node, member: str) -> list[tuple[float, str]]:
    """When each state of a member began, newest first."""
    events = node.call("GET", f"/api/v1/events?member={member}").body["events"]
    return [(event["at"], event["after"]) for event in events if event["what"] == "observed"]


def verdicts(node: Node) -> list[str]:
    (pool,) = node.status()["pools"]
    return [address["observed"] for member in pool["members"] for address in member["addresses"]]


def kill_control(node: Node) -> tuple[float, float]:
    """kill -9; returns when it died, and when the next one was fresh."""
    died = time.time()
    victim = node.kill("control")
    eventually(lambda: not victim.alive(), 5)
    eventually(node.fresh, 20)
    return died, time.time()


def test_one_outage_is_one_failure_with_its_times_and_survives_kill_9(
    make_node: Callable[[], Node], make_sites: Callable[..., list[Site]]
) -> None:
    tokyo, _ = make_sites(TOKYO, OSAKA)
    zone = SITES + MONITOR % tokyo.port + POOL + ZONE + "      www: {pool: web, ttl: 5}\n"
    node = make_node().write(zone).start().ready()
    begun = time.time()
    tokyo.refuse()
    refused = time.time()
    eventually(lambda: verdicts(node) == ["down", "up"], BOUND + 1)
    time.sleep(1)
    tokyo.mend()
    mended = time.time()
    eventually(lambda: verdicts(node) == ["up", "up"], BACK + 1)

    (back, up), (gone, down), *_ = observed(node, "tokyo")
    assert (up, down) == ("up", "down")
    assert refused <= gone <= refused + BOUND
    assert mended <= back <= mended + BACK
    before = members(node)
    assert before["tokyo"]["failures"] == 1
    assert before["tokyo"]["down"] == before["tokyo"]["mttr"] == pytest.approx(back - gone, abs=0.002)
    assert before["tokyo"]["mtbf"] == before["tokyo"]["up"]
    assert before["osaka"]["failures"] == before["osaka"]["down"] == 0

    told = observed(node, "tokyo")
    died, fresh = kill_control(node)
    after = members(node)
    print(f"\nbefore {before['tokyo']}\nafter  {after['tokyo']}; control was away for {fresh - died:.2f} s")
    assert observed(node, "tokyo") == told
    assert after["tokyo"]["failures"] == 1
    assert after["tokyo"]["down"] == before["tokyo"]["down"]
    whole = time.time() - begun
    known = after["tokyo"]["up"] + after["tokyo"]["down"]
    assert known <= whole + 2, "the time without control counts as nothing"
    assert before["tokyo"]["up"] <= after["tokyo"]["up"]


def test_a_death_while_control_was_away_is_recorded_when_it_returns(
    make_node: Callable[[], Node], make_sites: Callable[..., list[Site]]
) -> None:
    tokyo, _ = make_sites(TOKYO, OSAKA)
    zone = SITES + MONITOR % tokyo.port + POOL + ZONE + "      www: {pool: web, ttl: 5}\n"
    node = make_node().write(zone).start().ready()
    assert members(node)["tokyo"]["failures"] == 0
    node.stop()
    stopped = time.time()
    tokyo.refuse()
    time.sleep(2)
    node.start().ready()
    eventually(lambda: verdicts(node) == ["down", "up"], BOUND + 1)
    (gone, down), *_ = observed(node, "tokyo")
    figures = members(node)["tokyo"]
    print(f"\nfound dead {gone - stopped:.2f} s after the stop: {figures}")
    assert down == "down"
    assert gone >= stopped + 2
    assert figures["failures"] == 1
    assert figures["down"] <= time.time() - gone
    assert members(node)["osaka"]["failures"] == 0
