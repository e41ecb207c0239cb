"""Nodes of two versions side by side, and each on the files that the other left: an upgrade, and the way back."""

import io
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.kit import eventually
from tests.e2e.lab.lab import Lab, Plan
from tests.e2e.lab.node import LabNode
from tests.e2e.lab.oracle import Oracle
from tests.e2e.lab.scenes import WITNESS, assert_right, started, summed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BEFORE = "797de08"  # the last commit whose drains have neither beginning nor share
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


def test_an_upgrade_node_by_node_and_the_way_back_lose_nothing(make_lab: Callable[..., Lab], former: Path) -> None:
    lab = make_lab(tokyo=Plan(targets=2), osaka=Plan(targets=2), witness=WITNESS)
    started(lab)
    with lab.oracle(500) as oracle:
        for site in ("tokyo", "witness", "osaka"):  # to the former version, and each tells what it held before
            lab.drain("osaka", "member/web/osaka-1")
            change(lab, oracle, site, former)
            undrained_everywhere(lab, oracle, site)
        for site in ("tokyo", "witness"):
            lab.drain("osaka", "member/web/osaka-1")
            change(lab, oracle, site, None)
            undrained_everywhere(lab, oracle, site)
        assert_one(lab, oracle, "tokyo", "osaka")
        assert_one(lab, oracle, "osaka", "tokyo")
        change(lab, oracle, "osaka", None)
        undrained_everywhere(lab, oracle, "osaka")
    figures = oracle.figures()
    print(f"\n{figures}")
    assert figures.available == 1.0
    assert figures.servfail == 0
    assert_right(lab, oracle)


def test_without_the_store_each_version_knows_from_the_files_of_the_other_who_is_drained_and_who_is_dead(
    make_lab: Callable[..., Lab], former: Path
) -> None:
    lab = make_lab(tokyo=Plan(targets=2), osaka=Plan(targets=2), witness=WITNESS)
    started(lab)
    node, dead = lab.nodes["tokyo"], lab.addresses["osaka"][1]
    with lab.oracle(200) as oracle:
        lab.drain("osaka", "member/web/osaka-1")
        lab.turn(dead, "refuse")
        eventually(lambda: one(lab, oracle, good(lab)), SOON, 0.1)
        lab.etcd.kill()
        time.sleep(6)  # by now it follows its own votes
        for tree in (former, None, former, None):
            node.host.terminate()
            node.start(tree=tree)
            began = time.monotonic()
            eventually(lambda: any(a.rcode == 0 for a in oracle.between(began) if a.node == "tokyo"), 5, 0.02)  # noqa: B023
            print(f"\nanswers after {time.monotonic() - began:.2f} s", end="")
            eventually(node.fresh, 10, 0.1)
            assert_runs(node, tree or ROOT)
            assert [drain["target"] for drain in node.status()["drains"]] == ["member/web/osaka-1"]
        lab.etcd.restart()
        lab.turn(dead, "ok")
        eventually(lambda: one(lab, oracle, good(lab)), 15, 0.1)
    wrong = oracle.wrong(lab.profile.limits)
    assert not wrong, summed(wrong)
    assert oracle.figures().servfail == 0


def change(lab: Lab, oracle: Oracle, site: str, tree: Path | None) -> None:
    """Start the node of a site anew, with the program of a folder, on the files that it has."""
    node, begun = lab.nodes[site], time.monotonic()
    wanted = good(lab)
    node.host.terminate()
    node.start(tree=tree)
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
    assert "format version" not in node.host.messages()


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
