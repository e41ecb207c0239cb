"""What must hold at every moment of any world: each check listens, counts independently, and asserts."""

from collections import defaultdict, deque
from math import isclose

from gslb.config.model import Member
from gslb.health.states import MemberState, TargetKey, Verdict
from gslb.health.votes import Ballot
from tests.simulation.leaf import Asker, addresses_of, fails_open
from tests.simulation.node import Node
from tests.simulation.publication import Publication, live, serves, stands
from tests.simulation.rules import watch_rules
from tests.simulation.scene import Scene
from tests.simulation.world import World

WINDOW = 60.0  # of blast radius


def watch_everything(world: World) -> None:
    """Every check that holds whatever happens."""
    pool = world.config.pools["web"]
    world.believers.append(majority_only)
    world.listeners += [NeverEmpty(world), only_what_lives]
    if not pool.exclusive:
        world.listeners.append(BlastRadius(world))
    watch_rules(world)
    if pool.policy == "hash":
        world.listeners.append(HashMoves())
    if pool.policy == "capacity":
        world.listeners.append(no_site_over_its_capacity)


def started(scene: Scene, seed: int) -> World:
    """A world that is watched, in which all is well, at a random moment."""
    world = World(scene, seed)
    watch_everything(world)
    world.run(150 + world.rng.random() * 10)
    return world


def majority_only(node: Node, key: TargetKey, before: Verdict) -> None:
    """No belief moves without a strict majority of the live voters, `min_votes` of them at least; while the store is
    lost, one's own vote is enough."""
    least = 1 if node.council.lost else node.config.monitors[key.monitor].min_votes
    known = node.council.ballots
    ballots = [known[node.name]] if node.council.lost else known.values()
    ballots = [one for one in ballots if not one.blind and key in one.verdicts]
    verdict = node.council.belief[key].verdict
    agreeing = sum(one.verdicts[key].verdict == verdict for one in ballots)
    if verdict == "unknown":
        assert before == "unknown", f"{node.name} has forgotten {key.address}"
        return
    assert len(ballots) >= least, f"{node.name}: {key.address} {verdict} by {len(ballots)} voters"
    assert 2 * agreeing > len(ballots), f"{node.name}: {key.address} {verdict} by {agreeing} of {len(ballots)}"


class NeverEmpty:
    """With no live member `all_down` decides; a family beside one that lives is empty, and no other may be."""

    def __init__(self, world: World) -> None:
        self._pool = world.config.pools["web"]
        self._every = {address for member in self._pool.members for address in member.addresses}
        self._good: dict[tuple[str, bool], set[str]] = {}  # by node and family: what lived last

    def __call__(self, publication: Publication) -> None:
        for six, those in ((False, publication.served), (True, publication.six)):
            served, lives = set(those), live(publication.states, six=six)
            if lives:
                assert served, "empty, though a member lives"
                self._good[publication.node.name, six] = lives
                # Never anything of two members: what another one had is not good any more.
                if self._pool.exclusive and not live(publication.states, six=not six):
                    self._good[publication.node.name, not six] = self._beside(lives)
            elif any(map(serves, publication.states["web"].values())):
                assert not served, f"family_down: nodata, but {sorted(served)}"
            else:
                mode = self._pool.all_down.mode
                told = self._told(mode, publication.node.name, six=six)
                assert served == told, f"all_down: {mode} means {sorted(told)}, but {sorted(served)}"
                assert six or fails_open(publication.leaf), "failing open is not told"

    def _beside(self, lives: set[str]) -> set[str]:
        """All of the other family that the members have which live."""
        those = {
            address
            for member in self._pool.members
            if not lives.isdisjoint(member.addresses)
            for address in member.addresses
        }
        return {address for address in those if (":" in address) != any(":" in one for one in lives)}

    def _told(self, mode: str, node: str, *, six: bool) -> set[str]:
        every = {address for address in self._every if (":" in address) == six}
        fallback = {address for address in self._pool.all_down.fallback if (":" in address) == six}
        return {"fallback": fallback, "nodata": set(), "last_good": self._good.get((node, six), every)}.get(mode, every)


def only_what_lives(publication: Publication) -> None:
    """An address that is effectively down is in no answer while another of its family lives."""
    for six, served in ((False, publication.served), (True, publication.six)):
        lives = live(publication.states, six=six)
        assert not lives or served.keys() <= lives, f"serves {sorted(served.keys() - lives)}"


class BlastRadius:
    """Within a minute health takes `max_loss` of the weight, and beyond it at most one whole site or one member larger
    than that, unless all other voters agree. Within one site it may take what it likes. A hold ends in a minute."""

    def __init__(self, world: World) -> None:
        pool = world.config.pools["web"]
        self._weights = {member.name: member.weight for member in pool.members}
        self._sites = {member.name: member.site for member in pool.members}
        self._most = pool.max_loss * sum(self._weights.values()) + 1e-6
        self._lost: dict[str, dict[str, float]] = defaultdict(dict)  # node -> member -> when
        self._dead: dict[str, dict[str, float]] = defaultdict(dict)  # node -> member -> observed down since
        self._since: dict[str, dict[str, float]] = defaultdict(dict)  # node -> member -> held since
        self.held = 0

    def __call__(self, publication: Publication) -> None:
        node, now = publication.node, publication.now
        lost, dead = self._lost[node.name], self._dead[node.name]
        if not publication.before:
            for times in (lost, dead, self._since[node.name]):
                times.clear()
        taken = set()
        for name, state in publication.states["web"].items():
            if not any(map(stands, state.addresses)):
                dead.setdefault(name, now)
            else:
                dead.pop(name, None)
            self._note_held(publication, name, state)
            if serves(state):
                lost.pop(name, None)
            elif name in dead and publication.before and serves(publication.before["web"][name]):
                lost[name] = now
                taken |= set() if now - dead[name] >= WINDOW - 0.2 else {name}
        recent = {name for name, at in lost.items() if now - at < WINDOW - 0.2}
        if any(self._weights[name] for name in taken) and not self._agreed(node, taken, self._sites_of(recent)):
            self._judge(recent, {name for name, state in publication.states["web"].items() if serves(state)})

    def _note_held(self, publication: Publication, name: str, state: MemberState) -> None:
        since = self._since[publication.node.name]
        if not any(step.name == "blast radius" for one in state.addresses for step in one.steps):
            since.pop(name, None)
            return
        self.held += 1
        lasted = publication.now - since.setdefault(name, publication.now)
        assert lasted <= WINDOW + 0.2, f"{name} is held for {lasted:.1f} s"

    def _sites_of(self, names: set[str]) -> set[str]:
        return {self._sites[name] for name in names}

    def _judge(self, recent: set[str], served: set[str]) -> None:
        """`served` are the members that are left."""
        standing = self._sites_of({name for name in served if self._weights[name]})
        alone = len(self._sites_of(recent)) == 1
        spared = {site for site in self._sites_of(recent) if alone or site not in standing}
        beside = [self._weight({name for name in recent if self._sites[name] != site}) for site in spared]
        beside += [self._weight(recent - {name}) for name in recent if self._weights[name] > self._most]
        least = min([self._weight(recent), *beside])
        told = f"health took {sorted(recent)}, of which {least} are beside a whole site or a large member"
        assert least <= self._most, f"{told}, {self._most:g} is the most"

    def _weight(self, names: set[str]) -> int:
        return sum(self._weights[name] for name in names)

    def _agreed(self, node: Node, taken: set[str], sites: set[str]) -> bool:
        members = [one for one in node.config.pools["web"].members if one.name in taken]
        outside = [one for one in node.council.ballots.values() if one.site not in sites and not one.blind]
        return bool(outside) and all(self._misses(ballot, one, node) for ballot in outside for one in members)

    def _misses(self, ballot: Ballot, member: Member, node: Node) -> bool:
        """Whether this voter calls all of the member down, or all that it requires at its site."""
        sets = [member.addresses]
        if "db" in node.config.pools:
            needed = (one for one in node.config.pools["db"].members if one.site == member.site)
            sets.append(tuple(a for one in needed for a in one.addresses))
        return any(all(_calls_down(ballot, a) for a in those) for those in sets)


def _calls_down(ballot: Ballot, address: str) -> bool:
    seen = ballot.verdicts.get(TargetKey("check", address))
    return seen is not None and seen.verdict == "down"


class HashMoves:
    """A lost member moves its own clients alone, and one that returns takes none but those."""

    def __init__(self) -> None:
        self._askers = [(10 << 24) + (at << 8) for at in range(64)]
        self._before: dict[str, tuple[set[str], list[str]]] = {}

    def __call__(self, publication: Publication) -> None:
        lives, at = live(publication.states), publication.node.name
        if not lives or fails_open(publication.leaf):
            self._before.pop(at, None)
            return
        chosen = [addresses_of(publication.leaf.select(Asker(asker)))[0] for asker in self._askers]  # type: ignore[arg-type]
        former, before = self._before.get(at, (lives, chosen))
        self._before[at] = lives, chosen
        for old, new in zip(before, chosen, strict=True):
            assert old == new or old not in lives or new not in former, f"a client moved from {old} to {new}"


def no_site_over_its_capacity(publication: Publication) -> None:
    """Load spills: no site is over its capacity while another that lives has room."""
    pool = publication.node.config.pools["web"]
    if fails_open(publication.leaf):
        return
    limits, loads = dict(pool.capacities), defaultdict[str, float](float)
    for member in pool.members:
        if member.addresses[0] in live(publication.states):
            loads[member.site] += pool.load * publication.served.get(member.addresses[0], 0.0)
    assert not loads or isclose(sum(loads.values()), pool.load, rel_tol=1e-6)
    over = [site for site, load in loads.items() if site in limits and load > limits[site] * (1 + 1e-6) + 1e-6]
    room = [site for site, load in loads.items() if site not in limits or load < limits[site] * (1 - 1e-6) - 1e-6]
    assert not over or not room, f"{over} are over their capacity while {room} have room: {dict(loads)} of {limits}"


class Changes:
    """How often each member came or went in what a node serves, in the last ten minutes; `worst` of all."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self.worst = 0

    def __call__(self, publication: Publication) -> None:
        for name, state in publication.states["web"].items() if publication.before else ():
            if serves(state) != serves(publication.before["web"][name]):
                times = self._times[publication.node.name, name]
                times.append(publication.now)
                while times[0] <= publication.now - 600:
                    times.popleft()
                self.worst = max(self.worst, len(times))


class Unmoved:
    """Nothing may change from now on, at any node."""

    def __init__(self, world: World) -> None:
        self.served = {node.name: dict(node.served) for node in world.alive()}
        world.listeners.append(self)

    def __call__(self, publication: Publication) -> None:
        before = self.served.get(publication.node.name)
        assert before is None or before == publication.served, f"{publication.node.name} changed its answers"
