"""A store that is stopped, full, compacted or littered: no wrong answer, an alarm, and all well soon after."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.e2e.kit import eventually
from tests.e2e.lab.lab import Lab
from tests.e2e.lab.scenes import CONVERGED, assert_right, converged, views

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

GARBAGE = (b"\xff\0garbage", b"{", b"[]", b'{"format":1}', b'{"format":99,"later":true}')
LIVE = "/gslb/live/"
STRANGE = (  # under every kind of key, and under some that nobody knows
    "nodes/stranger-1",
    "votes/stranger-1/head",
    "votes/stranger-1/00",
    "votes/x",
    "drains/d-garbage",
    "drains/x/y",
    "intents",
    "secrets/cookies",
    "nobody/knows/this",
)


@pytest.mark.parametrize("seconds", [12, pytest.param(120, marks=pytest.mark.soak)])
def test_a_store_that_hangs_is_done_without(trio: Lab, seconds: float) -> None:
    limits, everything = trio.profile.limits, frozenset(trio.truth.addresses)
    dead = trio.addresses["osaka"][0]
    with trio.oracle(200) as oracle:
        converged(trio, oracle, everything)
        stopped = max([host.stop() for host in trio.etcd.members.values()])
        eventually(lambda: all(trio.metric(site, "gslb_own_votes") for site in trio.nodes), 8, 0.1)
        unknown = time.monotonic() - stopped
        died = trio.turn(dead, "tarpit")
        trio.settled(oracle, everything - {dead})
        gone = max(oracle.last_with(dead, time.monotonic(), site) for site in trio.answering) - died
        up = {trio.metric(site, "gslb_store_up") for site in trio.nodes}
        refused, _ = trio.nodes["osaka"].drain("site/tokyo")
        time.sleep(max(0.0, stopped + seconds - time.monotonic()))
        for host in trio.etcd.members.values():
            continued = host.resume()
        back = converged(trio, oracle, everything - {dead})
        trio.turn(dead, "ok")
        converged(trio, oracle, everything)
    took = time.monotonic() - continued
    print(
        f"\nlost after {unknown:.1f} s; a target that died then was gone after {gone:.2f} s; a drain: {refused.body};"
    )
    print(f"all well {back:.2f} s after SIGCONT ({took:.1f} with the target's return); {oracle.figures()}")
    assert up == {0}
    assert refused.status == 503
    assert gone <= limits.bound
    assert back <= CONVERGED
    assert_right(trio, oracle)
    assert oracle.figures().answered == 1.0


def test_a_full_store_is_told_and_hurts_no_answer(trio: Lab) -> None:
    everything, dead = frozenset(trio.truth.addresses), trio.addresses["tokyo"][0]
    with trio.oracle(200) as oracle:
        converged(trio, oracle, everything)
        drain, _ = trio.drain("tokyo", "member/web/osaka-1")
        trio.etcd.fill()
        full = time.monotonic()
        told = eventually(lambda: all(view["store"]["alarms"] for view in views(trio).values()), 15, 0.1)
        alarms = {alarm for view in views(trio).values() for alarm in view["store"]["alarms"]}
        refused, _ = trio.nodes["tokyo"].drain("member/web/osaka-2")
        trio.turn(dead, "refuse")
        gone = trio.settled(oracle, everything - {dead, *trio.drained_by("member/web/osaka-1")}, 20)
        time.sleep(3)
        print(f"\nfull: {refused.status} {refused.body['detail']}; alarms after {told:.1f} s: {sorted(alarms)}", end="")
        trio.etcd.empty()
        emptied = time.monotonic()
        back = converged(trio, oracle, everything - {dead, *trio.drained_by("member/web/osaka-1")})
        trio.undrain("osaka", drain)
        trio.turn(dead, "ok")
        converged(trio, oracle, everything)
    print(f"\na target that died was gone after {gone:.1f} s; all well {back:.1f} s after it was emptied,")
    print(f"{emptied - full:.1f} s after it was full; {oracle.figures()}")
    assert refused.status == 503
    assert any("space" in alarm.lower() or "full" in alarm.lower() for alarm in alarms)
    assert back <= CONVERGED
    assert_right(trio, oracle, bound=trio.profile.limits.bound + 3)


def test_history_that_is_gone_is_read_again(trio: Lab) -> None:
    """A node is cut off while drains change and the store forgets how."""
    everything, place = frozenset(trio.truth.addresses), trio.nodes["tokyo"].host.place
    with trio.oracle(100) as oracle:
        converged(trio, oracle, everything)
        first, _ = trio.drain("tokyo", "member/web/osaka-1")
        cut = trio.network.cut(place)
        trio.undrain("osaka", first)
        second, _ = trio.drain("osaka", "member/web/osaka-2")
        time.sleep(max(0.0, cut + 4 - time.monotonic()))
        trio.etcd.compact()
        healed = time.monotonic()
        trio.network.heal(place)
        back = converged(trio, oracle, everything - set(trio.drained_by("member/web/osaka-2")))
        trio.undrain("tokyo", second)
        converged(trio, oracle, everything)
    print(f"\nlike the others {back:.2f} s after healing")
    assert back <= CONVERGED
    assert_right(trio, oracle, 0.0, healed)
    assert_right(trio, oracle, healed + CONVERGED)


def test_garbage_under_every_kind_of_key_is_told_and_changes_nothing(trio: Lab) -> None:
    everything = frozenset(trio.truth.addresses)
    with trio.oracle(200) as oracle:
        converged(trio, oracle, everything)
        drain, _ = trio.drain("tokyo", "member/web/osaka-1")
        trio.settled(oracle, everything - set(trio.drained_by("member/web/osaka-1")))
        kept = trio.etcd.get(LIVE)
        for value in GARBAGE:
            for key in (*(LIVE + name for name in STRANGE), *own(kept)):
                trio.etcd.put(key, value)
            time.sleep(1.5)
        alarms = {site: view["store"]["alarms"] for site, view in views(trio).items()}
        time.sleep(3)
        written = time.monotonic()
        for key in trio.etcd.get(LIVE):
            if any(key.endswith(name) for name in STRANGE if name not in ("intents", "secrets/cookies")):
                trio.etcd.delete(key)
        trio.etcd.put(f"{LIVE}secrets/cookies", kept[f"{LIVE}secrets/cookies"])
        trio.undrain("osaka", drain)
        back = converged(trio, oracle, everything)
    print(f"\nalarms: {alarms}\nall well {back:.1f} s after it was cleaned up ({time.monotonic() - written:.1f})")
    told = {alarm.partition(":")[0] for found in alarms.values() for alarm in found}
    for name in STRANGE:
        if name not in ("intents", "nobody/knows/this"):
            assert LIVE + name in told, f"no alarm about {name}"
    assert all(alarms.values())
    assert back <= CONVERGED
    assert_right(trio, oracle)
    assert oracle.figures().answered == 1.0


def own(kept: dict[str, bytes]) -> Iterator[str]:
    """Of what the nodes wrote: a registration, a ballot's head and part, the drain."""
    for kind in ("nodes/tokyo-1", "votes/osaka-1/head", "votes/witness-1/", "drains/d-"):
        yield next(key for key in kept if key.startswith(LIVE + kind))


def test_values_of_a_newer_version_are_read(trio: Lab) -> None:
    everything, now = frozenset(trio.truth.addresses), time.time()
    values = {"id": "d-newer", "target": "member/web/tokyo-2", "reason": "newer", "owner": "lab"}
    newer = {"format": 2, **values, "created": now, "expires": now + 60, "percent": 100, "more": {"later": [1]}}
    addresses = trio.drained_by("member/web/tokyo-2")
    with trio.oracle(100) as oracle:
        converged(trio, oracle, everything)
        trio.truth.doubt(addresses, "newer", time.monotonic())
        trio.etcd.put(f"{LIVE}drains/d-newer", json.dumps(newer).encode())
        read = trio.settled(oracle, everything - set(addresses), 5)
        alarms = [alarm for view in views(trio).values() for alarm in view["store"]["alarms"]]
        answer = trio.nodes["witness"].undrain("d-newer")
        back = converged(trio, oracle, everything)
        trio.truth.sure(addresses, "newer", time.monotonic())
    print(f"\na drain of a newer format held after {read:.2f} s, ended {back:.2f} s after it was asked for")
    assert alarms == []
    assert answer.status == 200
    assert_right(trio, oracle)
