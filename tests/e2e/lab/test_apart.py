"""A data centre that is cut off, and a control process that was stopped: what they miss, what they may do."""

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.e2e.kit import eventually
from tests.e2e.lab.lab import Lab
from tests.e2e.lab.node import LabNode
from tests.e2e.lab.scenes import CONVERGED, assert_right, converged, summed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

DELAY = 0.04  # seconds each way, so that a write takes long enough to be interrupted: a lease, then the transaction
WAITING = (
    3.0  # seconds that the kernel keeps queries for a neighbour that it looks for; they arrive when the link is back
)


@pytest.mark.parametrize("seconds", [15, pytest.param(300, marks=pytest.mark.soak)])
def test_a_data_centre_that_was_cut_off_answers_as_before_and_catches_up(trio: Lab, seconds: int) -> None:
    everything = frozenset(trio.truth.addresses)
    tokyo, before, after = trio.nodes["tokyo"], "member/web/osaka-1", "member/web/osaka-2"
    with trio.oracle(100) as oracle, trio.inside("tokyo") as inside:
        drain, _ = trio.drain("witness", before)
        converged(trio, oracle, everything - set(trio.drained_by(before)))
        last = tokyo.nodes()["nodes"]
        cut = trio.cut("tokyo")
        trio.settled_at(oracle, {"osaka": set(trio.addresses["osaka"]) - set(trio.drained_by(before))}, 6)
        trio.undrain("osaka", drain)
        reweighted(trio, "witness", "osaka")
        second, _ = trio.drain("osaka", after)
        trio.settled_at(oracle, {"osaka": set(trio.drained_by(before))}, 6)
        time.sleep(max(0.0, cut + seconds - time.monotonic()))
        alone = tokyo.nodes()
        said = [one["blind"] for one in alone["nodes"] if one["name"] == tokyo.name], tokyo.metric("gslb_store_up")
        tokyo.reload()  # the files have come some other way
        healed = time.monotonic()
        trio.heal("tokyo")
        back = converged(trio, oracle, everything - set(trio.drained_by(after)))
        trio.undrain("osaka", second)
        converged(trio, oracle, everything)
    reweighted(trio, *trio.nodes, weight=1)
    kept = {answer.addresses for answer in inside.between(cut, healed)}
    print(f"\ncut off for {healed - cut:.0f} s; it said {said}; like the others {back:.2f} s after healing")
    print(f"inside: {inside.figures(cut, healed)}")
    assert said[0][0]
    assert said[1] == 0
    assert len(last) == 3
    assert kept == {tuple(sorted(everything - set(trio.drained_by(before))))}
    assert inside.figures(cut, healed).answered == 1.0
    assert back <= CONVERGED
    assert_right(trio, oracle, 0.0, healed - WAITING)
    assert_right(trio, oracle, healed + CONVERGED)


def reweighted(lab: Lab, *sites: str, weight: int = 3) -> None:
    """Give one member another weight, and let the nodes of these sites read it."""
    file = lab.zones / "lab.yaml"
    text = file.read_text()
    file.write_text(re.sub(r"(      tokyo-1: {site: tokyo, )(weight: \d+, )?", rf"\g<1>weight: {weight}, ", text))
    digests = {site: lab.status(site)["config"]["digest"] for site in sites}
    for site in sites:
        lab.nodes[site].reload()
    eventually(lambda: all(lab.status(site)["config"]["digest"] != digests[site] for site in sites), 10, 0.05)


@pytest.mark.parametrize(("seconds", "attempts"), [(12, 1), pytest.param(30, 5, marks=pytest.mark.soak)])
def test_a_control_process_that_was_stopped_in_a_write_is_too_late(trio: Lab, seconds: int, attempts: int) -> None:
    for attempt in range(attempts):
        one_late_write(trio, seconds, 0.04 + 0.01 * attempt)  # the transaction leaves after 0.08 s at the earliest


def one_late_write(lab: Lab, seconds: float, moment: float) -> None:
    """Stop a control process some time after a drain was asked for, and go on when others have done the same."""
    node, everything, target = lab.nodes["tokyo"], set(lab.truth.addresses), "member/web/osaka-1"
    dead = lab.addresses["osaka"][1]
    with lab.oracle(100) as oracle, ThreadPoolExecutor(1) as pool:
        converged(lab, oracle, everything)
        with delayed(lab, node):
            body = {"target": target, "reason": "late", "owner": "late"}
            asked = pool.submit(node.call, "POST", "/api/v1/drains", body, seconds=seconds + 20)
            time.sleep(moment)
            stopped = pause(node.control(), signal.SIGSTOP)
            lab.turn(dead, "refuse")
            eventually(lambda: node.name not in {one["name"] for one in lab.nodes["osaka"].nodes()["nodes"]}, 12, 0.1)
            unseen = time.monotonic() - stopped
            drain, _ = lab.drain("osaka", target)  # what the late one is not to come on top of
            time.sleep(max(0.0, stopped + seconds - time.monotonic()))
            continued = pause(node.control(), signal.SIGCONT)
            answer = asked.result()
        back = converged(lab, oracle, everything - {dead, *lab.drained_by(target)})
        took = time.monotonic() - continued
        time.sleep(1)
        drains, records = lab.etcd.get("/gslb/live/drains/"), lab.etcd.get("/gslb/audit/tokyo-1/")
        lab.turn(dead, "ok")
        lab.undrain("witness", drain)
        converged(lab, oracle, everything)
    print(f"\nstopped {moment * 1e3:.0f} ms after it was asked for {seconds:.0f} s; unregistered after {unseen:.1f} s;")
    print(f"then it said {answer.status} {answer.body.get('detail')}; like the others after {took:.1f} s ({back:.1f})")
    assert answer.status in (409, 503), answer.body
    assert list(drains) == [f"/gslb/live/drains/{drain['id']}"]
    assert not any(b'"reason":"late"' in record for record in records.values())
    assert took <= CONVERGED + 1
    elsewhere = [fault for fault in oracle.wrong(lab.profile.limits) if fault.answer.node != "tokyo"]
    assert not elsewhere, summed(elsewhere)
    assert_right(lab, oracle, 0.0, stopped)
    assert_right(lab, oracle, continued + CONVERGED)


def pause(pid: int, number: int) -> float:
    os.kill(pid, number)
    return time.monotonic()


@contextmanager
def delayed(lab: Lab, node: LabNode) -> Iterator[None]:
    """Meanwhile everything takes longer to reach a node, and from it."""
    lab.network.delay(node.host.place, DELAY, DELAY)
    time.sleep(2)
    yield
    lab.network.delay(node.host.place, 0, 0)
