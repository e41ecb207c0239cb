"""What must hold of a pool's own rules: one member alone, what it requires, when it comes back, who judges it."""

from collections import defaultdict
from datetime import UTC, datetime

from gslb.health.states import AddressState, TargetKey, Verdict
from tests.simulation.node import Node
from tests.simulation.publication import Publication, serves, stands, step_of
from tests.simulation.world import World


def watch_rules(world: World) -> None:
    """Those that this world's pool has."""
    pool = world.config.pools["web"]
    if pool.exclusive:
        world.listeners.append(one_alone)
    if pool.requires:
        world.listeners.append(nothing_without_what_it_requires)
    if pool.failback.mode != "auto":
        world.listeners.append(Returns(world))
    world.listeners.append(judged_by_the_right_ones)


def one_alone(publication: Publication) -> None:
    """Never two members at once, and none takes over from one that stands."""
    pool = publication.node.config.pools["web"]
    up = [name for name, state in publication.states["web"].items() if serves(state)]
    assert len(up) <= 1, f"{up} are up where one may be"
    for served in (publication.served, publication.six):
        those = [member.name for member in pool.members if not served.keys().isdisjoint(member.addresses)]
        assert len(those) <= 1, f"{those} are answered where one may be"
    before = [name for name, state in publication.before["web"].items() if serves(state)] if publication.before else []
    if before and up and before != up:
        former = publication.states["web"][before[0]]
        firm = pool.failback.mode in ("manual", "window")
        left = [one for one in former.addresses if stands(one) and not (firm and step_of(one, "failback"))]
        assert not left, f"{up[0]} took over from {before[0]}, which stands"


def nothing_without_what_it_requires(publication: Publication) -> None:
    """A member is out while the required pool is down at its site, and no longer."""
    needed = defaultdict[str, list[bool]](list)
    for state in publication.states["db"].values():
        needed[state.site].append(any(one.observed != "down" for one in state.addresses))
    for name, state in publication.states["web"].items():
        lives = any(needed[state.site])
        for one in state.addresses:
            held = step_of(one, "blast radius")
            assert lives or one.effective == "down" or held, f"{name} is up without what it requires"
            assert not (lives and step_of(one, "requires")), f"{name} misses what is there"


class Returns:
    """What went out does not come back before failback lets it: never without an operator for `manual`, within the
    window, after the hold unless nothing else lives."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rule = world.config.pools["web"].failback
        self._out: dict[tuple[str, str], float] = {}  # (node, address) -> when it fell last
        self._up: dict[tuple[str, str], float] = {}  # since when it stands again
        self._stood: dict[tuple[str, str], bool] = {}

    def __call__(self, publication: Publication) -> None:
        for state in publication.states["web"].values():
            for one in state.addresses:
                self._follow(publication, state.member, one)

    def _follow(self, publication: Publication, member: str, one: AddressState) -> None:
        at, now, good = (publication.node.name, one.address), publication.now, stands(one)
        if not good and self._stood.get(at, True):
            self._out[at] = now
        if good and not self._stood.get(at, True):
            self._up[at] = now
        self._stood[at] = good
        if _is_in(one) and at in self._out:
            held = step_of(one, "blast radius")  # it never left
            if good and not held and publication.before and not _was_in(publication, member, one):
                self._judge(at, member, now, alone=any("nothing else lives" in step.why for step in one.steps))
            if good:
                del self._out[at]

    def _judge(self, at: tuple[str, str], member: str, now: float, *, alone: bool) -> None:
        rule, told = self._rule, f"{at[0]} serves {at[1]} again"
        if rule.mode == "manual":
            assert self._world.resumed.get(member, 0.0) >= self._out[at], f"{told}, and nobody resumed it"
        elif self._world.resumed.get(member, 0.0) >= self._out[at]:
            return
        elif rule.mode == "hold":
            lasted = now - self._up[at]
            assert alone or lasted >= rule.hold - 0.01, f"{told} after {lasted:.2f} s, and must hold {rule.hold:g} s"
        else:
            assert rule.window
            clock = datetime.fromtimestamp(now, UTC)
            minute = clock.hour * 60 + clock.minute
            assert rule.window.start <= minute < rule.window.end, f"{told} at {clock:%H:%M}, outside of its window"


def _is_in(one: AddressState) -> bool:
    """Whether it is served, or would be if it were not for another."""
    return one.effective == "up" or step_of(one, "exclusive")


def _was_in(publication: Publication, member: str, one: AddressState) -> bool:
    return any(_is_in(old) for old in publication.before["web"][member].addresses if old.address == one.address)


def judged_by_the_right_ones(publication: Publication) -> None:
    """With `scope: local` the probers at the node's site, where they have a verdict; else all of them."""
    node = publication.node
    local = node.config.pools["web"].scope == "local"
    for state in publication.states["web"].values():
        for one in state.addresses:
            key = TargetKey("check", one.address)
            wanted = (_nearby(node, key) if local else "unknown") or "unknown"
            if wanted == "unknown":
                wanted = node.council.belief[key].verdict
            assert one.observed == wanted, f"{node.name}: {one.address} is {one.observed}, and {wanted} by its voters"


def _nearby(node: Node, key: TargetKey) -> Verdict | None:
    """What a majority of the probers at the node's site says, where there are enough of them."""
    near = [one for one in node.council.ballots.values() if one.site == node.site and not one.blind]
    said = [one.verdicts[key].verdict for one in near if key in one.verdicts]
    if len(said) < node.config.monitors[key.monitor].min_votes:
        return None
    return next((verdict for verdict in said if 2 * said.count(verdict) > len(said)), None)
