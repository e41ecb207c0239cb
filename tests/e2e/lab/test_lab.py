"""The kit itself: what it breaks is broken, what it heals is whole, and the oracle can tell."""

import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.e2e.kit import eventually
from tests.e2e.lab.host import alive
from tests.e2e.lab.lab import Lab, Plan, Profile
from tests.e2e.lab.node import clock_env

pytestmark = pytest.mark.e2e

MakeLab = Callable[..., Lab]
ETCD = Plan(targets=0, roles="")
JUDGE = Plan(targets=1, etcd=False)
QUICK = Profile(interval=0.5, timeout=0.25)


def test_a_program_is_stopped_continued_killed_and_started_again(quiet: Lab) -> None:
    host = quiet.client
    host.start("sh", "-c", "sleep 100 & exec sleep 100")
    eventually(lambda: len(host.pids()) == 2, 5)
    host.stop()
    first = host.pids()
    eventually(lambda: [state(pid) for pid in first] == ["T", "T"], 5)
    host.resume()
    eventually(lambda: [state(pid) for pid in first] == ["S", "S"], 5)
    host.kill()
    assert not host.pids()
    eventually(lambda: not any(map(alive, first)), 5)
    host.restart()
    eventually(lambda: len(host.pids()) == 2, 5)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_wall_clock_is_turned_and_no_other(quiet: Lab, faketime: str, tmp_path: Path) -> None:
    script = "import time; print(time.time(), time.monotonic())"
    clock = tmp_path / "clock"
    for skew in (3600, -3600, 0):
        clock.write_text(f"{skew:+f}")
        before = time.time(), time.monotonic()
        env = [f"{key}={value}" for key, value in clock_env(faketime, clock).items()]
        done = quiet.client.run("env", *env, sys.executable, "-c", script)
        wall, monotonic = map(float, done.stdout.split())
        assert skew <= wall - before[0] < skew + 5
        assert 0 <= monotonic - before[1] < 5


def test_three_members_elect_lose_and_regain_a_leader(make_lab: MakeLab) -> None:
    lab = make_lab(tokyo=ETCD, osaka=ETCD, witness=ETCD)
    elected = lab.start_etcd()
    first = lab.etcd.leader()
    assert first
    lab.cut(first)
    moved = eventually(lambda: set(lab.etcd.leaders()) - {first}, 10)
    eventually(lambda: lab.etcd.leader() != first, 5)  # it has no majority, and gives up
    assert not lab.etcd.ready(first)
    second = lab.etcd.leader()
    assert second
    lab.heal(first)
    healed = eventually(lambda: all(map(lab.etcd.ready, lab.etcd.members)), 10)
    lab.etcd.members[second].stop()
    stopped = eventually(lambda: lab.etcd.leader() not in (second, None), 10)
    lab.etcd.members[second].resume()
    eventually(lambda: len(lab.etcd.leaders()) == 1 and all(map(lab.etcd.ready, lab.etcd.members)), 10)
    lab.etcd.put("/gslb/a", b"kept")
    for host in lab.etcd.members.values():
        host.kill()
    assert not lab.etcd.ready()
    for host in lab.etcd.members.values():
        host.restart()
    back = eventually(lab.etcd.ready, 10)
    assert lab.etcd.get("/gslb/") == {"/gslb/a": b"kept"}
    print(
        f"\nelected after {elected:.1f} s, moved after a cut {moved:.1f} s, whole after healing {healed:.1f} s,"
        f" moved after SIGSTOP {stopped:.1f} s, back after all were killed {back:.1f} s"
    )


def test_a_store_is_filled_emptied_compacted_and_littered(make_lab: MakeLab) -> None:
    lab = make_lab(tokyo=ETCD)
    lab.etcd.flags = ["--quota-backend-bytes", str(16 << 20)]
    lab.start_etcd()
    lab.etcd.put("/gslb/a", b"\xff\0{")
    assert lab.etcd.get("/gslb/") == {"/gslb/a": b"\xff\0{"}
    writes = lab.etcd.fill()
    assert 8 <= writes <= 17
    assert lab.etcd.alarms() == ["NOSPACE"]
    lab.etcd.empty()
    assert lab.etcd.alarms() == []
    before = lab.etcd.put("/gslb/b", b"")
    assert lab.etcd.compact() == lab.etcd.revision() == before
    assert lab.etcd.delete("/gslb/") == 2
    assert lab.etcd.revision() == before + 1


def test_the_oracle_counts_by_the_truth(make_lab: MakeLab) -> None:
    """Three nodes, each of which judges alone: no wrong answer while the truth is told, and some when it is not."""
    lab = make_lab(profile=QUICK, tokyo=JUDGE, osaka=JUDGE, nagoya=JUDGE)
    lab.write(voting=False)
    lab.start_targets()
    lab.start_nodes()
    tokyo, osaka, nagoya = lab.truth.addresses
    limits, everything = lab.profile.limits, {tokyo, osaka, nagoya}
    with lab.oracle(rate=150) as oracle:
        lab.settled(oracle, everything)
        killed = lab.targets["tokyo"].kill()
        gone = lab.settled(oracle, {osaka, nagoya})
        lab.targets["tokyo"].start()
        lab.settled(oracle, everything)
        hung = lab.turn(osaka, "tarpit")
        lab.settled(oracle, {tokyo, nagoya})
        lab.turn(osaka, "ok")
        lab.settled(oracle, everything)
        drain, _ = lab.drain("nagoya", "site/tokyo")
        time.sleep(0.5)
        assert oracle.latest()["nagoya"] == {osaka, nagoya}
        lab.undrain("nagoya", drain)
        lab.settled(oracle, everything)
    assert oracle.last_with(tokyo, killed + gone) - killed <= limits.bound
    figures = oracle.figures()
    print(f"\nkilled target gone after {gone:.1f} s (bound {limits.bound}); {figures}")
    assert oracle.wrong(limits) == []
    assert oracle.false_failovers(limits) == []
    assert (figures.lost, figures.servfail, figures.available) == (0, 0, 1.0)
    assert {answer.node for answer in oracle.log} == {"tokyo", "osaka", "nagoya"}
    lab.truth.die([nagoya], "a lie", killed - 10)
    until = hung - 0.5  # osaka lived well, and could have been answered instead
    wrong = oracle.wrong(limits, 0, until)
    assert {(fault.kind, *fault.addresses) for fault in wrong} == {("stale", nagoya)}
    assert len(wrong) == sum(nagoya in answer.addresses for answer in oracle.between(0, until)) > 100


def test_nodes_are_cut_stopped_and_skewed(make_lab: MakeLab, faketime: str) -> None:
    """What is cut, stopped, lied to or out of time shows in the oracle's log, and in what the node itself says."""
    lab = make_lab(profile=QUICK, tokyo=JUDGE, osaka=JUDGE, nagoya=JUDGE)
    lab.write(voting=False)
    lab.start_targets()
    lab.start_nodes(faketime=faketime)
    tokyo, osaka, nagoya = lab.truth.addresses
    limits, everything, node = lab.profile.limits, {tokyo, osaka, nagoya}, lab.nodes["tokyo"]
    with lab.oracle(rate=100) as oracle:
        lab.settled(oracle, everything)
        assert 3590 < ahead_after_skew(lab) < 3610
        stopped = node.host.stop()
        time.sleep(0.5)
        continued = node.host.resume()
        cut = lab.cut("osaka")
        lab.settled_at(oracle, {"tokyo": {tokyo, nagoya}, "nagoya": {tokyo, nagoya}})
        assert lab.nodes["osaka"].observed()[osaka] == "up"
        healed = lab.heal("osaka")
        lab.settled(oracle, everything)
        lab.network.lose(lab.sites["nagoya"], node.host.place, 1)
        lab.settled_at(oracle, {"tokyo": {tokyo, osaka}, "osaka": everything})
        lab.network.lose(lab.sites["nagoya"], node.host.place, 0)
        lab.settled(oracle, everything)
    assert lab.metric("tokyo", "gslb_replies_total", outcome="noerror") > 100
    lost = [answer for answer in oracle.log if answer.rcode is None]
    paused = [answer for answer in oracle.log if answer.node == "tokyo" and stopped <= answer.sent < continued]
    print(f"\n{oracle.figures()}; while stopped: p99 {oracle.figures(stopped, continued).p99:.2f} s")
    assert any(answer.received > continued for answer in paused)
    assert lost
    assert {answer.node for answer in lost} == {"osaka"}
    assert all(cut - 0.1 < answer.sent < healed for answer in lost)
    assert oracle.figures().available == 1.0
    assert oracle.wrong(limits) == []
    assert {(episode.node, episode.address) for episode in oracle.false_failovers(limits)} == {("tokyo", nagoya)}


def ahead_after_skew(lab: Lab) -> float:
    """How far the end of a drain of four hours is too late, by a node whose clock goes an hour ahead."""
    lab.nodes["tokyo"].skew(3600)
    time.sleep(2.2)
    drain, _ = lab.drain("tokyo", "member/web/nagoya-1")
    lab.undrain("tokyo", drain)
    said = drain["expires"]
    end = said if isinstance(said, float | int) else datetime.fromisoformat(said).timestamp()
    return end - time.time() - 4 * 3600
