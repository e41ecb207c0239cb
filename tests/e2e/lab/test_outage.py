"""The store dies, and nobody who asks notices; a node without a prober follows the others, and freezes without them."""

import time
from collections.abc import Callable

import pytest

from tests.e2e.kit import eventually
from tests.e2e.lab.lab import Lab, Plan
from tests.e2e.lab.scenes import CONVERGED, WITNESS, alike, assert_right, converged, started, summed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

RATE = 2000  # queries per second
MIB = 1 << 20


# The long form is run on a machine that does nothing else, and holds the latency to what is promised.
@pytest.mark.parametrize(
    ("seconds", "times", "slower"), [(20, 2.0, 0.002), pytest.param(600, 1.1, 0.0002, marks=pytest.mark.soak)]
)
def test_nobody_notices_that_the_store_is_dead(trio: Lab, seconds: int, times: float, slower: float) -> None:
    with trio.oracle(RATE) as oracle:
        converged(trio, oracle, trio.truth.addresses)
        calm = time.monotonic()
        time.sleep(min(seconds, 60) / 4)
        before = memories(trio)
        killed = trio.etcd.kill()
        time.sleep(seconds)
        lost = [trio.metric(site, "gslb_store_up") for site in trio.nodes]
        grown = growth(before, memories(trio))
        revived = time.monotonic()
        trio.etcd.restart()
        back = eventually(lambda: alike(trio), 20, 0.05)
        time.sleep(1)
    well, outage, after = oracle.figures(calm, killed), oracle.figures(killed, revived), oracle.figures(revived)
    print(f"\nbefore: {well}\nwithout store, {seconds} s: {outage}\nafter: {after}; back after {back:.2f} s")
    print(f"memory grown by {', '.join(f'{site} {octets / MIB:.1f} MiB' for site, octets in grown.items())}")
    assert lost == [0, 0, 0]
    assert (outage.lost, outage.servfail, outage.answered) == (0, 0, 1.0)
    assert (after.lost, after.servfail, after.answered) == (0, 0, 1.0)
    assert outage.p99 <= max(times * well.p99, well.p99 + slower)
    assert back <= CONVERGED
    assert max(grown.values()) <= 10 * MIB
    assert_right(trio, oracle)


def memories(lab: Lab) -> dict[str, dict[int, int]]:
    """What the processes of each node have in memory."""
    return {site: node.memory() for site, node in lab.nodes.items()}


def growth(before: dict[str, dict[int, int]], after: dict[str, dict[int, int]]) -> dict[str, int]:
    """How much the processes of each node have grown; they must still be the same."""
    assert {site: set(pids) for site, pids in before.items()} == {site: set(pids) for site, pids in after.items()}
    return {site: sum(after[site].values()) - sum(before[site].values()) for site in before}


def test_a_node_without_a_prober_follows_the_others_and_freezes_without_them(make_lab: Callable[..., Lab]) -> None:
    edge = Plan(targets=0, etcd=False, roles="dns, api")
    lab = make_lab(tokyo=Plan(targets=2), osaka=Plan(), witness=WITNESS, edge=edge)
    started(lab)
    limits, everything = lab.profile.limits, frozenset(lab.truth.addresses)
    first, second, _ = lab.truth.addresses
    with lab.oracle(150) as oracle:
        converged(lab, oracle, everything)
        died = lab.turn(first, "refuse")
        lab.settled(oracle, everything - {first})
        followed = oracle.last_with(first, time.monotonic(), "edge") - died
        lost = lab.etcd.kill()
        eventually(lambda: lab.metric("edge", "gslb_own_votes") == 1, 10)
        after = time.monotonic() - lost
        broke = lab.turn(second, "refuse")
        lab.settled_at(oracle, {"tokyo": everything - {first, second}})
        time.sleep(1)
        assert oracle.latest()["edge"] == everything - {first}
        assert lab.nodes["edge"].call("GET", "/readyz").body["serving"]
        returned = time.monotonic()
        lab.etcd.restart()
        back = converged(lab, oracle, everything - {first, second})
    print(
        f"\nthe edge followed after {followed:.2f} s; froze {after:.1f} s after the loss; like the others {back:.1f} s"
    )
    print(f"after the store's return; {oracle.figures()}")
    assert followed <= limits.bound
    assert back <= CONVERGED
    assert_right(lab, oracle, 0.0, broke)
    wrong = [fault for fault in oracle.wrong(limits, broke) if fault.answer.node != "edge"]
    assert not wrong, f"{summed(wrong)}; broke at {broke:.2f}, the store back at {returned:.2f}"
    assert oracle.figures().answered == 1.0
