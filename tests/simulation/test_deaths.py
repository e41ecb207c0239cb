"""A dead site is gone within its bound: however large, with one prober, two or more, and after hours of flapping."""

import random
from functools import partial
from typing import Any

import pytest

from gslb.config.model import Rule
from gslb.config.recovery import Recoveries
from tests.simulation.checks import Changes, started
from tests.simulation.deaths import addresses_at, enough_voters, kill
from tests.simulation.publication import Publication
from tests.simulation.scene import FAST, PROBERS, TWO, Scene
from tests.simulation.storm import random_scene
from tests.simulation.world import World

pytestmark = pytest.mark.no_cover  # measuring coverage would treble its time, and other tests cover the same lines

SEEDS = range(40)


@pytest.mark.parametrize("probers", [1, 2, 3])
@pytest.mark.parametrize("monitor", [{}, FAST], ids=["defaults", "fast"])
@pytest.mark.parametrize("weights", [(60, 40), (1, 99)], ids=["even", "large"])
def test_one_dead_site_of_two_is_gone_within_its_bound(
    probers: int, monitor: dict[str, Any], weights: tuple[int, int]
) -> None:
    for seed in SEEDS:
        members = (("a", weights[0]), ("b", weights[1]), ("b", weights[1]))
        world = started(Scene(members, PROBERS[probers], monitor), seed)
        kill(world, "b")
        world.site("b", dies=False)
        world.run(200)
        assert all(addresses_at(world, "b") <= set(node.served) for node in world.alive()), world.told()


def test_a_dead_site_is_gone_within_its_bound() -> None:
    """Any policy, any weights, standby members, one family or both; 2 to 4 sites, 1 to 5 probers."""
    held = 0
    for seed in range(150):
        rng = random.Random(seed)
        scene = random_scene(rng)
        sites = sorted({site for site, _ in scene.members})
        probers = (*sites[: rng.choice([1, 2, 3, 4])], *rng.choice([(), ("witness",)]))
        world = started(Scene(scene.members, probers, scene.monitor, scene.pool, scene.six), seed)
        site = rng.choice(sites)
        witnesses = [node for node in world.alive() if node.site != site]
        if len(sites) > 1 and len(witnesses) >= world.config.monitors["check"].min_votes:
            kill(world, site)
            held += 1
    assert held >= 75


@pytest.mark.parametrize("probers", ["ab", "aab", "abb", "aabb", "aaabb", "abc", "aabbc"])
@pytest.mark.parametrize("sites", ["ab", "abcd"])
def test_several_probers_at_a_site_die_with_it_and_blind_nobody(probers: str, sites: str) -> None:
    """Their own addresses are all the references there are. What would be left undecided is told by `check`."""
    for seed in range(10):
        world = started(Scene([(site, 10) for site in sites], tuple(probers), FAST, resolvers=False), seed)
        undecided = Recoveries(world.config).undecided((Rule(("web",)),))
        assert (undecided is None) == all(enough_voters(world, site) for site in sites)
        site = world.rng.choice(sites)
        if enough_voters(world, site):
            kill(world, site)


@pytest.mark.parametrize("probers", [("b",), ("a", "b"), PROBERS[3]])
@pytest.mark.parametrize("max_loss", [0.2, 0.5])
def test_a_part_that_was_lost_before_does_not_keep_a_dead_site(probers: tuple[str, ...], max_loss: float) -> None:
    for seed in SEEDS:
        world = started(Scene((("a", 30), ("a", 30), ("b", 20), ("b", 20)), probers, {}, {"max_loss": max_loss}), seed)
        world.member("198.51.0.3", down=True)
        world.run(world.rng.random() * 60)
        kill(world, "a")


@pytest.mark.parametrize("probers", [1, 2, 3])
def test_nobody_who_starts_cold_serves_a_dead_site(probers: int) -> None:
    for seed in SEEDS:
        world = World(Scene(TWO, PROBERS[probers]), seed)
        world.site("b", dies=True)
        dead = addresses_at(world, "b")
        world.listeners.append(partial(_without, dead))
        world.run(60)
        assert world.nodes["a-0"].served == {"198.51.0.1": 1.0}, world.told()


def _without(dead: set[str], publication: Publication) -> None:
    assert not dead & set(publication.served), f"{publication.node.name} serves {sorted(dead)}"


@pytest.mark.parametrize("period", [20.0, 35.0, 60.0, 120.0, 150.0, 200.0, 300.0])
def test_flapping_is_calm_and_then_death_is_quick(period: float) -> None:
    for seed in range(12):
        world = started(Scene((*TWO, ("b", 40)), PROBERS[3]), seed)
        changes = Changes()
        world.listeners.append(changes)
        for _ in range(int(3600 / period)):
            world.member("198.51.0.2", down=True)
            world.run(period * (0.3 + 0.3 * world.rng.random()))
            world.member("198.51.0.2", down=False)
            world.run(period * (0.3 + 0.3 * world.rng.random()))
        assert changes.worst <= 4, f"{changes.worst} changes in ten minutes\n{world.told()}"
        kill(world, "b")
