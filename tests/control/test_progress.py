"""How far intents have come, over several nodes, with a clock of the test's own."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest

from gslb.config.model import Config, DynamicName, Pool, Prober, Rule, Zone
from gslb.control.presence import Presence, Serving
from gslb.control.progress import FORGOTTEN, Progress, longest_ttl
from gslb.intents import Drain, Force, Hold, Intent, Target
from gslb.store import Held, Store
from gslb.store.roster import Registration
from tests.support import OSAKA, TOKYO, config, name, states

START = 1_700_000_000.0
SITE = Target.parse("site/tokyo")
DRAIN = Drain("d-1", SITE, "CHG-1", "ops", START, START + 3600, leased=True)
TTL = 30


def with_names(setting: Config, *names: DynamicName) -> Config:
    apex, zone = next(iter(setting.zones.items()))
    return replace(setting, zones={apex: replace(zone, names=names)})


CONFIG = with_names(
    config(pools=[Pool("web", (TOKYO, OSAKA)), Pool("api", (OSAKA,)), Pool("db", (OSAKA,), requires=("web",))]),
    name("www", Rule(("web",)), ttl=TTL),
    name("api", Rule(("api",)), ttl=300),
)


class World:
    """A store with nodes that register, and intents at revisions."""

    def __init__(self, setting: Config = CONFIG) -> None:
        self.now = START
        self.nodes: dict[str, Registration] = {}
        self.intents: dict[str, tuple[Intent, int]] = {}
        self.presence = Presence(cast(Store, self))
        self.presence.tell(setting, states(setting), Serving())
        self.own = setting.node.name
        self.progress = Progress(cast(Store, self), self.presence, lambda: setting, lambda: self.now)

    def held(self) -> Held:
        known = tuple(intent for intent, _ in self.intents.values())
        return Held(known, 9, {intent.id: at for intent, at in self.intents.values() if not intent.local})

    def announce(self, registration: Registration) -> None:
        self.nodes[registration.name] = registration

    def roster(self) -> Mapping[str, Registration]:
        return self.nodes

    def keep(self, intent: Intent, revision: int) -> None:
        self.intents[intent.id] = intent, revision

    def tell(self, node: str, intents: int, *begun: str, roles: tuple[str, ...] = ("dns",)) -> None:
        self.nodes[node] = Registration(node, "osaka", roles, "1", intents=intents, begun=begun)

    def here(self, *begun: str) -> None:
        """All workers of this node answer by what is kept."""
        known = frozenset((intent.id, intent.changed) for intent, _ in self.intents.values())
        self.presence.acknowledged = Serving(1, 9, known, begun)
        self.nodes[self.own] = replace(self.nodes[self.own], intents=9, begun=begun)


@pytest.fixture
def world() -> World:
    made = World()
    made.tell("osaka-1", 3)
    return made


def test_quiet_is_one_ttl_after_the_last_node_was_seen_to_follow(world: World) -> None:
    world.keep(DRAIN, 5)
    standing = world.progress.of(DRAIN)
    assert (standing.waiting, standing.quiet_at, standing.percent) == (("osaka-1", world.own), None, 0)
    world.here()
    world.now += 1
    assert world.progress.of(DRAIN).acknowledged == {world.own: START + 1}
    world.now += 1
    world.tell("osaka-1", 5)
    standing = world.progress.of(DRAIN)
    assert standing.acknowledged == {world.own: START + 1, "osaka-1": START + 2}
    assert (standing.waiting, standing.unreachable) == ((), ())
    assert (standing.quiet_at, standing.percent) == (START + 2 + TTL, 0)
    world.now += TTL / 2
    assert world.progress.of(DRAIN).percent == 50
    world.now += TTL
    assert (world.progress.of(DRAIN).quiet_at, world.progress.of(DRAIN).percent) == (START + 2 + TTL, 100)


def test_nodes_that_answer_no_queries_are_not_waited_for(world: World) -> None:
    world.keep(DRAIN, 5)
    world.here()
    world.tell("osaka-1", 5)
    world.tell("witness-1", 0, roles=("probe",))
    assert world.progress.of(DRAIN).waiting == ()
    assert world.progress.of(DRAIN).unreachable == ()


def test_nodes_that_cannot_be_reached_are_named(world: World) -> None:
    world.keep(DRAIN, 5)
    world.here()
    world.progress.look()
    del world.nodes["osaka-1"]
    standing = world.progress.of(DRAIN)
    assert standing.unreachable == ("osaka-1",)
    assert standing.quiet_at == START + TTL, "of the others"
    world.tell("osaka-1", 3)
    assert world.progress.of(DRAIN).waiting == ("osaka-1",)
    del world.nodes["osaka-1"]
    world.now += FORGOTTEN
    assert world.progress.of(DRAIN).unreachable == ()


def test_a_configured_prober_that_was_never_there_is_named() -> None:
    world = World(replace(CONFIG, probers={"osaka-1": Prober("osaka-1", "osaka"), "x-1": Prober("x-1", "osaka")}))
    world.tell("osaka-1", 5)
    assert world.progress.of(DRAIN).unreachable == ("x-1",)


def test_an_extension_does_not_begin_anew_and_another_percent_does(world: World) -> None:
    world.keep(DRAIN, 5)
    world.here()
    world.tell("osaka-1", 5)
    quiet = world.progress.of(DRAIN).quiet_at
    world.now += 2 * TTL
    longer = replace(DRAIN, changed=1, expires=START + 7200)
    world.keep(longer, 6)
    assert (world.progress.of(longer).quiet_at, world.progress.of(longer).percent) == (quiet, 100)
    part = replace(longer, changed=2, percent=50)
    world.keep(part, 7)
    assert world.progress.of(part).waiting == ("osaka-1", world.own)
    world.here()
    world.tell("osaka-1", 7)
    assert world.progress.of(part).quiet_at == world.now + TTL


def test_one_that_is_to_begin_is_quiet_soon_after_it_has(world: World) -> None:
    later = replace(DRAIN, starts=START + 100)
    world.keep(later, 5)
    world.here()
    world.tell("osaka-1", 5)
    assert world.progress.of(later).waiting == ("osaka-1", world.own)
    world.now = START + 101
    world.here("d-1")
    assert world.progress.of(later).waiting == ("osaka-1",)
    world.tell("osaka-1", 5, "d-1")
    assert world.progress.of(later).quiet_at == START + 101 + 5, "TTLs had come down before"


def test_one_that_begins_soon_is_quiet_no_sooner_than_one_that_begins_at_once(world: World) -> None:
    soon = replace(DRAIN, starts=START + 2)
    world.keep(soon, 5)
    world.here()
    world.tell("osaka-1", 5)
    world.progress.look()
    world.now = START + 2
    world.here("d-1")
    world.tell("osaka-1", 5, "d-1")
    assert world.progress.of(soon).quiet_at == START + TTL


def test_one_for_this_node_alone_waits_for_no_other(world: World) -> None:
    local = replace(DRAIN, local=True)
    world.keep(local, 0)
    assert world.progress.of(local).waiting == (world.own,)
    world.here()
    assert world.progress.of(local).acknowledged == {world.own: START}
    assert world.progress.of(local).unreachable == ()


def test_a_hold_is_quiet_at_once(world: World) -> None:
    hold = Hold("h-1", SITE, "CHG-1", "ops", START, START + 60)
    world.keep(hold, 5)
    world.here()
    world.tell("osaka-1", 5)
    assert (world.progress.of(hold).quiet_at, world.progress.of(hold).percent) == (START, 100)


def test_what_has_ended_is_forgotten(world: World) -> None:
    world.keep(DRAIN, 5)
    world.here()
    world.progress.look()
    world.keep(replace(DRAIN, removed=START), 6)
    assert world.progress.of(DRAIN).waiting == ("osaka-1", world.own)


@pytest.mark.parametrize(
    ("target", "ttl"), [("site/tokyo", 30), ("site/osaka", 300), ("pool/api", 300), ("member/web/osaka", 30)]
)
def test_the_longest_ttl_of_what_the_target_may_be_in(target: str, ttl: int) -> None:
    assert longest_ttl(CONFIG, Force("f-1", Target.parse(target), "", "", START, None)) == ttl


def test_the_ttl_of_pools_that_require_the_target_counts() -> None:
    setting = with_names(CONFIG, name("db", Rule(("db",)), ttl=70))
    assert longest_ttl(setting, DRAIN) == 70
    assert longest_ttl(with_names(CONFIG), DRAIN) == 0


def test_zones_without_the_target_do_not_count() -> None:
    other = Zone(b"\x03org\x00", (), (name("x", Rule(("api",)), ttl=9000),))
    setting = replace(CONFIG, zones={**CONFIG.zones, other.apex: other})
    assert longest_ttl(setting, DRAIN) == TTL
