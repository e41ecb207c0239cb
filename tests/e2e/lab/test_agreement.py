"""Drains reach every node at once and outlive whatever ends; a site that dies is gone from the answers in time."""

import itertools
import time
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from tests.e2e.lab.lab import Lab
from tests.e2e.lab.oracle import Oracle
from tests.e2e.lab.scenes import assert_right, converged

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

TARGETS = ("site/osaka", "site/tokyo", "member/web/osaka-2", "member/web/tokyo-1")


WATCHED = 0.35  # seconds from an acknowledgement on
FAILED = float("inf")


class Round(NamedTuple):
    """One drain, and when what happened to it."""

    addresses: frozenset[str]
    asked: float
    acknowledged: float
    undrained: float


@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.soak)])
def test_an_acknowledged_drain_is_gone_from_all_nodes(trio: Lab, count: int) -> None:
    made = zip(itertools.cycle(trio.nodes), itertools.cycle(TARGETS), range(count), strict=False)
    with trio.oracle(400) as oracle:
        converged(trio, oracle, trio.truth.addresses)
        rounds = [one_round(trio, site, target) for site, target, _ in made]
        converged(trio, oracle, trio.truth.addresses)
    late = sorted(lateness(oracle, rounds))
    took = sorted(one.acknowledged - one.asked for one in rounds)
    quick, slow = took[count // 2], took[count * 99 // 100]
    middle, most = late[count // 2], late[count * 99 // 100]
    print(
        f"\n{count} drains: acknowledged after {quick * 1e3:.0f} ms (p50), {slow * 1e3:.0f} ms (p99);"
        f" the last answer of any node with one {middle * 1e3:.0f} ms after that (p50), {most * 1e3:.0f} ms (p99)"
    )
    assert middle <= 0.1
    assert most <= 0.5  # which WATCHED makes stricter
    assert_right(trio, oracle)
    assert oracle.figures().answered == 1.0


def one_round(lab: Lab, site: str, target: str) -> Round:
    """Drain on the node of a site, long enough to see who is late, and undrain."""
    asked = time.monotonic()
    drain, acknowledged = lab.drain(site, target)
    time.sleep(WATCHED)
    undrained = lab.undrain(site, drain)
    time.sleep(0.12)
    return Round(frozenset(lab.drained_by(target)), asked, acknowledged, undrained)


def lateness(oracle: Oracle, rounds: Sequence[Round]) -> list[float]:
    """For each drain: from its acknowledgement to the last answer, of any node, that contains what it took away.

    FAILED where a node answered with that to the end.
    """
    starts, last = [one.asked for one in rounds], [one.asked for one in rounds]
    for answer in oracle.log:
        at = bisect_right(starts, answer.sent) - 1
        if at >= 0 and answer.sent < rounds[at].undrained and rounds[at].addresses.intersection(answer.addresses):
            last[at] = max(last[at], answer.received)
    both = zip(last, rounds, strict=True)
    return [FAILED if end > one.undrained - 0.05 else end - one.acknowledged for end, one in both]


def test_a_drain_survives_the_loss_of_any_site_and_a_restart_of_everything(trio: Lab) -> None:
    left = trio.addresses["tokyo"]
    with trio.oracle(100) as oracle:
        drain, _ = trio.drain("osaka", "site/osaka")
        for site in trio.sites:
            trio.kill_site(site)
            time.sleep(2)
            assert all(held(trio, other, drain["id"]) for other in trio.nodes if other != site)
            trio.revive_site(site)
            print(f"\n{site} back after {converged(trio, oracle, left):.1f} s", end="")
        for host in (*trio.etcd.members.values(), *(node.host for node in trio.nodes.values())):
            host.kill()
        for host in (*trio.etcd.members.values(), *(node.host for node in trio.nodes.values())):
            host.restart()
        print(f"\neverything back after {converged(trio, oracle, left):.1f} s")
        assert all(held(trio, site, drain["id"]) for site in trio.nodes)
        trio.undrain("witness", drain)
        converged(trio, oracle, trio.truth.addresses)
    assert_right(trio, oracle)


def held(lab: Lab, site: str, ident: str) -> bool:
    """Whether a node knows that a drain holds."""
    return ident in {drain["id"] for drain in lab.status(site)["drains"]}


@pytest.mark.parametrize("store", ["alive", "leader", "dead"])
def test_a_dead_site_is_gone_in_time(trio: Lab, store: str) -> None:
    """Everything in Osaka dies at once: while the store lives, with its leader, and with all of it."""
    limits = trio.profile.limits
    bound = limits.bound + (0 if store == "alive" else 3)
    trio.etcd.lead("osaka" if store == "leader" else "tokyo")
    with trio.oracle(200) as oracle:
        converged(trio, oracle, trio.truth.addresses)
        if store == "dead":
            trio.etcd.kill()
        killed = trio.kill_site("osaka")
        gone = trio.settled_at(oracle, {"tokyo": trio.addresses["tokyo"]}, bound + 5)
        time.sleep(2)
        revived = trio.revive_site("osaka")
        trio.etcd.restart()
        back = converged(trio, oracle, trio.truth.addresses)
    last = max(oracle.last_with(address, revived, "tokyo") for address in trio.addresses["osaka"]) - killed
    figures = oracle.figures(killed, revived)
    print(
        f"\nstore {store}: last answer with Osaka after {last:.2f} s (bound {bound:.1f}), all well {back:.1f} s after"
    )
    print(f"its return; {figures}; settled {gone:.2f}")
    assert last <= bound
    assert_right(trio, oracle, bound=bound, back=limits.back + (0 if store == "alive" else 7))
    assert figures.available == 1.0
