"""Nothing dies, and nothing may be called dead: probers are cut off, frames are lost, leaders fall."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.kit import eventually
from tests.e2e.lab.lab import Lab, Plan, Profile
from tests.e2e.lab.scenes import WITNESS, alike, converged, started

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

LOSS = 0.1
LEADER_EVERY = 20.0  # seconds
SOON = Profile(interval=2, timeout=2, fall=3, rise=2)  # the default timeout and fall, without the waiting
DEFAULT = Profile(interval=5, timeout=2, fall=3, rise=5)
LONG = pytest.param(DEFAULT, 600, marks=pytest.mark.soak)


@pytest.mark.parametrize(("profile", "seconds"), [(SOON, 120), LONG])
def test_nothing_is_called_dead_that_lives(make_lab: Callable[..., Lab], profile: Profile, seconds: float) -> None:
    lab = make_lab(profile=profile, tokyo=Plan(targets=2), osaka=Plan(targets=2), witness=WITNESS)
    started(lab)
    end = time.monotonic() + seconds
    with lab.oracle(100) as oracle, leaders_fall(lab) as fallen:
        converged(lab, oracle, lab.truth.addresses)
        done = turmoil(lab, end)
    wait = eventually(lambda: alike(lab), 30, 0.1)
    missed = oracle.false_failovers(profile.limits)
    changes = [node.host.messages().count("up -> down") for node in lab.nodes.values()]
    print(
        f"\n{seconds:.0f} s: {done}, {len(fallen)} leaders killed; {len(missed)} false failovers,"
        f" {changes} by the logs;"
    )
    print(f"alike {wait:.1f} s after; {oracle.figures()}")
    assert missed == []
    assert changes == [0, 0, 0]
    assert not oracle.wrong(profile.limits)
    assert oracle.figures().available == 1.0


def turmoil(lab: Lab, end: float) -> str:
    """Cut one prober after another, then lose frames on one link after another, until the time is over."""
    step = max(5.0, lab.profile.limits.bound + 1)
    cuts = losses = 0
    for kind, (source, target) in itertools.cycle([*cut_pairs(lab), *lossy_pairs(lab)]):
        if time.monotonic() >= end:
            break
        a, b = lab.nodes[source].host.place, lab.sites[target] if target else None
        cuts, losses = cuts + (kind == "cut"), losses + (kind == "loss")
        lab.network.cut(a) if kind == "cut" else lab.network.lose(a, b, LOSS)
        time.sleep(min(step if kind == "cut" else step / 4, max(0.5, end - time.monotonic())))
        lab.network.heal(a) if kind == "cut" else lab.network.lose(a, b, 0)
        if kind == "cut":
            time.sleep(1.5)  # what was asked of it is asked again of another
    return f"{cuts} probers cut, {losses} lossy links"


def cut_pairs(lab: Lab) -> Iterator[tuple[str, tuple[str, str]]]:
    return (("cut", (site, "")) for site in lab.nodes)


def lossy_pairs(lab: Lab) -> Iterator[tuple[str, tuple[str, str]]]:
    return (("loss", (site, target)) for site in lab.nodes for target in lab.targets)


@contextmanager
def leaders_fall(lab: Lab) -> Iterator[list[str]]:
    """The leader is killed again and again, and comes back 5 s later."""
    fallen: list[str] = []
    over = threading.Event()

    def run() -> None:
        while not over.wait(LEADER_EVERY - 5):
            leader = lab.etcd.leader()
            if leader:
                lab.etcd.kill(leader)
                fallen.append(leader)
                over.wait(5)
                lab.etcd.restart()

    thread = threading.Thread(target=run)
    thread.start()
    yield fallen
    over.set()
    thread.join()
