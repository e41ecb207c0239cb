"""A random life: sites die, members flap, probers are cut off or stop, links are slow, probes get lost; in turn and
at once. Everything of checks.py is watched, and each death in an otherwise calm world keeps its bound."""

import random
import time
from collections.abc import Callable
from typing import NamedTuple

from gslb.config.model import AllDown, Failback, Window
from gslb.intents import Intent
from tests.simulation.checks import majority_only, only_what_lives, watch_everything
from tests.simulation.deaths import Death, SiteDeath, addresses_at, bound_of, enough_voters, has_another
from tests.simulation.operators import LATE, Operators, wish
from tests.simulation.rules import judged_by_the_right_ones
from tests.simulation.scene import FAST, Scene
from tests.simulation.truth import NET
from tests.simulation.world import World

Event = Callable[[World, random.Random], None]


class Story(NamedTuple):
    """What became of one storm."""

    hours: float
    wall: float  # seconds
    probes: int
    publications: int
    deaths: int  # that were held to their bound
    worst: float  # share of its bound that the slowest of them took


def random_scene(rng: random.Random) -> Scene:
    """1 to 4 sites, 1 to 3 members each, 1 to 5 probers, several at one site or one of them a witness at times."""
    sites = "abcd"[: rng.choice([1, 2, 2, 3, 4])]
    members = [(site, rng.choice([0, 1, 10, 100])) for site in sites for _ in range(rng.choice([1, 1, 2, 3]))]
    probers = [rng.choice([*sites, "witness"]) for _ in range(rng.choice([1, 2, 3, 3, 4, 5]))]
    pool: dict[str, object] = {
        "policy": rng.choice(["weighted", "failover", "all", "hash", "capacity"]),
        "all_down": rng.choice([AllDown(), AllDown("last_good"), AllDown("nodata")]),
        "ramp": rng.choice([0.0, 0.0, 60.0]),
    }
    if pool["policy"] == "hash":
        pool["ramp"] = 0.0  # a weight that grows moves clients, as it should
    if pool["policy"] == "capacity":
        pool |= {"load": 100.0, "capacities": tuple((site, float(rng.choice([30, 60, 200]))) for site in sites)}
    pool |= _random_rules(rng)
    required = [site for site in sites for _ in range(rng.choice([1, 1, 2]))] if rng.random() < 0.25 else []
    six, resolvers = rng.random() < 0.3, rng.random() < 0.6
    return Scene(members, probers, rng.choice([{}, FAST]), pool, six, required, resolvers)


def _random_rules(rng: random.Random) -> dict[str, object]:
    """What else a pool may have: one member alone, a failback of its own, verdicts of its own site."""
    rules: dict[str, object] = {}
    if rng.random() < 0.25:
        rules |= {"exclusive": True, "all_down": rng.choice([AllDown("last_good"), AllDown("nodata")])}
    if rng.random() < 0.35:
        start = 8 * 60 + rng.randrange(30, 240)  # the world begins at eight
        window = Window(tuple(range(7)), start, start + rng.choice([5, 60]), "UTC")
        hold = rng.choice([60.0, 600.0])
        rules["failback"] = rng.choice([Failback("hold", hold), Failback("manual"), Failback("window", 0.0, window)])
    if rng.random() < 0.25:
        rules["scope"] = "local"
    return rules


def storm(seed: int, hours: float) -> Story:
    """Live through so many simulated hours. Raises AssertionError with a timeline."""
    rng = random.Random(seed)
    world = World(random_scene(rng), seed)
    watch_everything(world)
    life = _Life(world, rng)
    world.listeners.append(life.heard)
    begun = time.perf_counter()
    world.run(300)
    life.go_on()
    world.run(hours * 3600 - 300)
    return Story(hours, time.perf_counter() - begun, world.probes, life.publications, life.deaths, life.worst)


def operated(seed: int, hours: float) -> dict[str, int]:
    """Live through so many simulated hours in which operators have their say, too. Gives what their checks saw."""
    rng = random.Random(seed)
    world = World(random_scene(rng), seed)
    operators = Operators(world)
    world.believers.append(majority_only)
    world.listeners += [only_what_lives, judged_by_the_right_ones, operators]
    life = _Life(world, rng, held_to_bounds=False)
    world.run(60)
    life.go_on()
    _Wishes(world, rng, operators).go_on()
    world.run(hours * 3600 - 60)
    return operators.seen


class _Wishes:
    """Intents at random intervals, some of them cancelled."""

    def __init__(self, world: World, rng: random.Random, operators: Operators) -> None:
        self._world = world
        self._rng = rng
        self._operators = operators
        self._number = 0

    def go_on(self) -> None:
        """One, and the next after a while."""
        world, rng = self._world, self._rng
        self._number += 1
        one = wish(world, rng, self._number)
        world.intend(one)
        world.clock.at(one.starts + LATE, self._operators.begun, one)
        if rng.random() < 0.5 or one.expires is None:
            world.clock.after(rng.expovariate(1 / 200), self._cancel, one)
        world.clock.after(rng.expovariate(1 / 60), self.go_on)

    def _cancel(self, one: Intent) -> None:
        self._operators.forget()
        self._world.cancel(one)


class _Life:
    """Events at random intervals; each trouble ends after a random time."""

    def __init__(self, world: World, rng: random.Random, *, held_to_bounds: bool = True) -> None:
        self.world = world
        self._held_to_bounds = held_to_bounds
        self.rng = rng
        self.publications = 0
        self.deaths = 0
        self.worst = 0.0
        self._events: list[Callable[[], None]] = [self._site, self._site, self._member, self._member, self._prober]
        self._events += [self._cut, self._uplink, self._slow, self._loss]
        pool = world.config.pools["web"]
        self._events += [self._resume] * 2 if pool.failback.mode != "auto" else []
        self._events += [self._family] if world.scene.six else []
        self._events += [self._required] if pool.requires else []

    def heard(self, _: object) -> None:
        """Count a publication."""
        self.publications += 1

    def go_on(self) -> None:
        """One trouble, and the next after a while: often minutes of peace, at times in the midst of it."""
        self.rng.choice(self._events)()
        self.world.clock.after(self.rng.expovariate(1 / self.rng.choice([10, 300, 900])), self.go_on)

    def _later(self, what: Callable[..., None], *arguments: object) -> None:
        seconds = self.rng.expovariate(1 / self.rng.choice([5, 60, 600]))
        self.world.clock.after(seconds, lambda: what(*arguments))

    @property
    def _calm(self) -> bool:
        """Whether all has been well for a while."""
        truth = self.world.truth
        return (
            self._held_to_bounds
            and truth.calm
            and not truth.dead
            and not truth.down
            and self.world.clock.now > self.world.changed_at + 300
        )

    def _site(self) -> None:
        world, site = self.world, self.rng.choice(self.world.sites)
        if site in world.truth.dead:
            return
        if self._calm and enough_voters(world, site) and has_another(world, addresses_at(world, site)):
            self._hold_to_bound(SiteDeath(world, site))
        world.site(site, dies=True)
        self._later(self._return, site)

    def _return(self, site: str) -> None:
        self.world.site(site, dies=False)

    def _hold_to_bound(self, death: Death) -> None:
        """If nothing else happens until then."""
        world, until = self.world, self.world.clock.now + death.bound

        def judge(died: float) -> None:
            if world.changed_at == died:
                self.deaths += 1
                self.worst = max(self.worst, death.judge() / death.bound)
            else:
                death.forget()

        world.clock.at(until, judge, world.clock.now)

    def _family(self) -> None:
        """IPv6 dies alone at a site."""
        world, site = self.world, self.rng.choice(self.world.sites)
        self._part(addresses_at(world, site, six=True), addresses_at(world, site, six=True), f"IPv6 at {site}")

    def _required(self) -> None:
        """What is required dies at a site, and nothing else."""
        world, site = self.world, self.rng.choice(self.world.sites)
        needed = {a for one in world.config.pools["db"].members if one.site == site for a in one.addresses}
        self._part(needed, addresses_at(world, site), f"what is required at {site}")

    def _part(self, dying: set[str], gone: set[str], told: str) -> None:
        world = self.world
        alone = world.config.pools["web"].exclusive and any(":" in one for one in gone)  # it stays, without that family
        if self._calm and not alone and enough_voters(world, "") and has_another(world, gone):
            self._hold_to_bound(Death(world, gone, bound_of(world), told))
        world.part(dying, down=True)
        self._later(lambda: world.part(dying, down=False))

    def _uplink(self) -> None:
        """A site with all its probers is cut off from everything else."""
        world, site = self.world, self.rng.choice(self.world.sites)
        cuts = [(one.name, sorted(world.everywhere(one.name))) for one in world.nodes.values() if one.site == site]
        for name, places in cuts:
            world.cut(name, places, off=True)
        self._later(lambda: [world.cut(name, places, off=False) for name, places in cuts])

    def _resume(self) -> None:
        self.world.resume(self.rng.choice(self.world.config.pools["web"].members).name)

    def _member(self) -> None:
        members = self.world.config.pools["web"].members
        address = self.rng.choice(self.rng.choice(members).addresses)
        self.world.member(address, down=True)
        self._later(lambda: self.world.member(address, down=False))

    def _prober(self) -> None:
        name = self.rng.choice(list(self.world.nodes))
        if name not in self.world.truth.stopped:
            self.world.prober(name, stops=True)
            self._later(lambda: self.world.prober(name, stops=False))

    def _cut(self) -> None:
        world, name = self.world, self.rng.choice(list(self.world.nodes))
        everywhere = sorted(world.everywhere(name))
        places = everywhere if self.rng.random() < 0.5 else self.rng.sample(everywhere, 1)
        places = [place for place in places if (name, place) not in world.truth.cut]
        world.cut(name, places, off=True)
        self._later(lambda: world.cut(name, places, off=False))

    def _slow(self) -> None:
        world, name = self.world, self.rng.choice(list(self.world.nodes))
        place = self.rng.choice([*world.sites, NET])
        world.slow(name, place, self.rng.choice([0.3, 1.0, 3.0]))
        self._later(lambda: world.slow(name, place, None))

    def _loss(self) -> None:
        self.world.lose(self.rng.choice([0.01, 0.04, 0.2]))
        self._later(lambda: self.world.lose(0.0))
