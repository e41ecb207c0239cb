"""Nodes of two versions side by side, and each on the files that the other left: an upgrade, and the way back."""

import io
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gslb.store.votes import LEASE
from tests.conftest import ROOT
from tests.e2e.kit import eventually
from tests.e2e.lab.lab import Lab, Plan
from tests.e2e.lab.node import LabNode
from tests.e2e.lab.oracle import Oracle
from tests.e2e.lab.scenes import WITNESS, assert_right, started, summed

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.soak,
    pytest.mark.timeout(300),
]  # soak: it needs the history of this repository

BEFORE = "797de08"  # the last commit whose drains have neither beginning nor share
SETTLED = 10.0  # seconds after which the former version has kept what it believes
SOON = 10.0  # seconds in which a node that was started anew is one with the others


@pytest.fixture(scope="module")
def former(need: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the former version."""
    done = subprocess.run([need("git"), "archive", BEFORE, "gslb"], cwd=ROOT, capture_output=True, timeout=30)
    if done.returncode:
        pytest.skip(f"commit {BEFORE} is not here: git fetch --unshallow")
    folder = tmp_path_factory.mktemp("former")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_an_upgrade_node_by_node_loses_nothing(make_lab: Callable[..., Lab], former: Path) -> None:
    lab = make_lab(tokyo=Plan(targets=2), osaka=Plan(targets=2), witness=WITNESS)
    started(lab, tree=former)
    with lab.oracle(500) as oracle:
        for site in ("tokyo", "witness"):
            lab.drain("osaka", "member/web/osaka-1")
            change(lab, oracle, site, None)
            undrained_everywhere(lab, oracle, site)
        assert_one(lab, oracle, "tokyo", "osaka")
        assert_one(lab, oracle, "osaka", "tokyo")
        lab.drain("tokyo", "member/web/osaka-1")
        change(lab, oracle, "osaka", None)
        undrained_everywhere(lab, oracle, "osaka")
    figures = oracle.figures()
    print(f"\n{figures}")
    assert figures.available == 1.0
    assert figures.servfail == 0
    assert_right(lab, oracle)


def test_who_goes_back_moves_the_file_away_and_has_the_drains_from_the_store(
    make_lab: Callable[..., Lab], former: Path
) -> None:
    lab = make_lab(tokyo=Plan(targets=2), osaka=Plan(targets=2), witness=WITNESS)
    started(lab)
    node = lab.nodes["tokyo"]
    with lab.oracle(200) as oracle:
        lab.drain("tokyo", "member/web/osaka-1")
        lab.settled(oracle, good(lab))
        node.host.terminate()
        for file in list(node.state.glob("gslb.sqlite*")):
            file.rename(file.with_name(f"newer-{file.name}"))
        wanted, begun = good(lab), time.monotonic()
        node.start(tree=former)
        wait = eventually(lambda: node.ended_or_fresh() and one(lab, oracle, wanted), SOON, 0.1)
        first = min(a.sent for a in oracle.between(begun) if a.node == "tokyo" and a.rcode == 0)
        undrained_everywhere(lab, oracle, "tokyo")
    print(f"\nthe way back: answers {first - begun:.1f} s after its start, one with the others after {wait:.1f} s")
    assert oracle.figures().available == 1.0
    assert_right(lab, oracle)


def test_without_the_store_a_node_knows_from_the_files_of_the_former_who_is_drained_and_who_is_dead(
    make_lab: Callable[..., Lab], former: Path
) -> None:
    lab = make_lab(tokyo=Plan(targets=2), osaka=Plan(targets=2), witness=WITNESS)
    started(lab, tree=former)
    node, dead = lab.nodes["tokyo"], lab.addresses["osaka"][1]
    with lab.oracle(200) as oracle:
        lab.drain("osaka", "member/web/osaka-1")
        lab.turn(dead, "refuse")
        time.sleep(SETTLED)
        lab.etcd.kill()
        time.sleep(LEASE + 1)  # by now it follows its own votes
        for tree in (former, None, None):
            begun = began_anew(node, tree)
            wait = eventually(lambda: answered(oracle, "tokyo", begun), 5)  # noqa: B023
            eventually(node.fresh, 10, 0.1)
            assert_runs(node, tree or ROOT)
            print(f"\nanswers {wait:.2f} s after its start", end="")
            assert [drain["target"] for drain in node.status()["drains"]] == ["member/web/osaka-1"]
        lab.etcd.restart()
        lab.turn(dead, "ok")
        eventually(lambda: one(lab, oracle, good(lab)), 15, 0.1)
    wrong = oracle.wrong(lab.profile.limits)
    assert not wrong, summed(wrong)
    assert oracle.figures().servfail == 0


def began_anew(node: LabNode, tree: Path | None) -> float:
    """Start a node anew with the program of a folder. Returns the moment."""
    node.host.terminate()
    node.start(tree=tree)
    return time.monotonic()


def answered(oracle: Oracle, site: str, since: float) -> bool:
    """Whether a node has answered since then."""
    return any(answer.rcode == 0 for answer in oracle.between(since) if answer.node == site)


def change(lab: Lab, oracle: Oracle, site: str, tree: Path | None) -> None:
    """Start the node of a site anew, with the program of a folder, on the files that it has."""
    node, wanted = lab.nodes[site], good(lab)
    begun = began_anew(node, tree)
    took = eventually(lambda: node.ended_or_fresh() and one(lab, oracle, wanted), SOON, 0.1)
    assert node.fresh(), node.host.messages()
    assert_runs(node, tree or ROOT)
    print(
        f"\n{site} is {'of the former' if tree else 'of this'} version, and one with the others after {took:.1f} s",
        end="",
    )
    assert time.monotonic() - begun < SOON + 5


def assert_runs(node: LabNode, tree: Path) -> None:
    """Every process of a node is of the version in this folder, and none refused a file of the other."""
    assert {Path(f"/proc/{pid}/cwd").resolve() for pid in node.host.pids()} == {tree.resolve()}
    messages = node.host.messages()
    assert "format version" not in messages, "in the words of the former"
    assert "is of format" not in messages
    assert "ignored:" not in messages


def good(lab: Lab) -> frozenset[str]:
    """What is to be answered now."""
    now = time.monotonic()
    return frozenset(address for address in lab.truth.addresses if lab.truth.good_for(address, now))


def one(lab: Lab, oracle: Oracle, wanted: frozenset[str]) -> bool:
    """Whether every node answers this, sees all nodes, and has the store in order."""
    try:
        views = [node.nodes() for node in lab.nodes.values()]
    except OSError:
        return False
    calm = all(len(v["nodes"]) == len(lab.nodes) and not v["store"]["alarms"] and not v["store"]["lost"] for v in views)
    return calm and oracle.latest() == dict.fromkeys(lab.answering, wanted)


def undrained_everywhere(lab: Lab, oracle: Oracle, site: str) -> None:
    """End at one node whatever is drained."""
    for drain in lab.status(site)["drains"]:
        lab.undrain(site, drain)
    eventually(lambda: one(lab, oracle, frozenset(lab.truth.addresses)), SOON, 0.1)


def assert_one(lab: Lab, oracle: Oracle, first: str, other: str) -> None:
    """A drain at one node holds at all and ends at another; a death that only together they can call one shows."""
    drain, _ = lab.drain(first, f"site/{other}")
    lab.settled(oracle, lab.addresses[first], 2)
    eventually(lambda: all(drain["id"] in {d["id"] for d in node.status()["drains"]} for node in lab.nodes.values()), 2)
    lab.undrain(other, drain)
    lab.settled(oracle, lab.truth.addresses, 2)
    dead = lab.addresses[other][0]
    lab.turn(dead, "refuse")
    lab.settled(oracle, set(lab.truth.addresses) - {dead}, lab.profile.limits.bound + 1)
    lab.turn(dead, "ok")
    lab.settled(oracle, lab.truth.addresses, lab.profile.limits.back + 1)
    eventually(lambda: one(lab, oracle, frozenset(lab.truth.addresses)), SOON, 0.1)
