"""What is answered with: all_down, ramps, blast radius, hash and capacity."""

import random
from functools import partial
from math import isclose
from typing import Any

import pytest

from gslb.config.model import AllDown
from tests.simulation.checks import BlastRadius, started
from tests.simulation.publication import Publication
from tests.simulation.scene import FAST, PROBERS, TWO, Scene

pytestmark = pytest.mark.no_cover  # measuring coverage would treble its time, and other tests cover the same lines

SEEDS = range(40)


@pytest.mark.parametrize(
    "mode",
    [AllDown("all"), AllDown("last_good"), AllDown("nodata"), AllDown("fallback", ("203.0.113.8",))],
    ids=lambda one: one.mode,
)
@pytest.mark.parametrize("six", [False, True], ids=["four", "both"])
def test_a_pool_without_live_members_does_as_told(mode: AllDown, six: bool) -> None:
    for seed in range(15):
        world = started(Scene((*TWO, ("b", 20)), PROBERS[3], FAST, {"all_down": mode}, six), seed)
        members = world.config.pools["web"].members
        for _ in range(30):
            address = world.rng.choice([a for member in members for a in member.addresses])
            world.member(address, down=world.rng.random() < 0.75)
            world.run(world.rng.random() * 10)


def test_a_ramp_follows_its_line() -> None:
    for seed in range(15):
        ramp = random.Random(seed).choice([30.0, 120.0, 600.0])
        world = started(Scene((("a", 60), ("b", 40)), PROBERS[3], {}, {"ramp": ramp}), seed)
        world.site("b", dies=True)
        world.run(60)
        world.site("b", dies=False)
        began: dict[str, float] = {}
        world.listeners.append(partial(_note_return, began))
        for _ in range(int(ramp * 4)):
            world.run(0.3)
            for node in world.alive():
                if node.name in began:
                    part = node.served["198.51.0.2"] / (1 - node.served["198.51.0.2"]) * 60 / 40
                    line = min(0.1 + 0.9 * (world.clock.now - began[node.name]) / ramp, 1.0)
                    assert isclose(part, line, abs_tol=0.03), f"{part:.3f} at {line:.3f}\n{world.told()}"
        assert began, world.told()


def _note_return(began: dict[str, float], publication: Publication) -> None:
    if "198.51.0.2" in publication.served:
        began.setdefault(publication.node.name, publication.now)


def test_blast_radius_holds() -> None:
    """Two probers of three lose their way to some sites; the third, who sees them, does not agree."""
    held = 0
    for seed in SEEDS:
        rng = random.Random(seed)
        members = [(site, rng.choice([5, 20, 50])) for site in "abcd" for _ in range(rng.choice([1, 2]))]
        world = started(Scene(members, ("a", "b", "witness"), {}, {"max_loss": rng.choice([0.2, 0.5])}), seed)
        guard = next(one for one in world.listeners if isinstance(one, BlastRadius))
        for _ in range(3):
            for site in rng.sample("cd", rng.choice([1, 2])):
                for name in ("a-0", "b-1"):
                    world.slow(name, site, 3.0)
                world.run(rng.random() * 10)
            world.run(rng.random() * 150)
            for name, site in list(world.truth.slow):
                world.slow(name, site, None)
            world.run(rng.random() * 200)
        held += guard.held
    assert held, "nothing was ever held: the scenes are too tame"


@pytest.mark.parametrize("policy", ["hash", "capacity"])
def test_what_is_lost_moves_its_own_alone_and_spills_with_care(policy: str) -> None:
    for seed in SEEDS:
        rng = random.Random(seed)
        sites = "abc"[: rng.choice([2, 3])]
        members = [(site, rng.choice([0, 1, 3, 10])) for site in sites for _ in range(rng.choice([1, 2]))]
        pool: dict[str, Any] = {"policy": policy}
        if policy == "capacity":
            pool |= {
                "load": 100.0,
                "capacities": tuple((s, float(rng.choice([20, 50, 80]))) for s in sites if rng.random() < 0.8),
            }
        world = started(Scene(members, ("a", "b", "witness"), FAST, pool), seed)
        for _ in range(20):
            address = rng.choice(world.config.pools["web"].members).addresses[0]
            world.member(address, down=rng.random() < 0.5)
            world.run(rng.random() * 20)
