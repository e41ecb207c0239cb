"""One node: its probes by gslb.probe.schedule, a Tracker per target, its Council of votes, its Line to what it serves.

All of these are the real ones. What the node's event loop does is done here by the simulated clock: see Runner._keep,
Council.keep_casting and Controller._keep_publishing.
"""

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING

from gslb.control.belief import believable, known_dead
from gslb.control.controller import PUBLISH_GAP
from gslb.control.council import Council
from gslb.control.line import Line, Plan
from gslb.health.judging import Inputs
from gslb.health.memory import resume
from gslb.health.states import Belief, States, TargetKey
from gslb.health.tracker import Tracker
from gslb.intents import Drain, Force, Hold
from gslb.probe.runner import FIRST_SPREAD
from gslb.probe.schedule import slot_after, slot_at, start_of
from gslb.probe.targets import sites_of, targets_of
from gslb.store import HealthSnapshot
from gslb.store.votes import LEASE, RENEW
from tests.simulation.leaf import shares_of
from tests.simulation.publication import Publication
from tests.simulation.truth import NET, Path
from tests.simulation.watch import Watch
from tests.store.shared_votes import FOREVER

if TYPE_CHECKING:
    from tests.simulation.world import World

ASKED = (Drain, Hold, Force)
HEAR = 0.05  # seconds from a cast until other nodes know


class Node:
    """`polled`: foreign votes are looked for each RENEW seconds, and the own ballot is cast as often, not at once."""

    def __init__(self, world: "World", plan: Plan, *, polled: bool = False) -> None:
        self.world = world
        self.plan = plan
        self.config = plan.config
        self.name, self.site = plan.config.node.name, plan.config.node.site
        self.votes = world.votes.at(self.name)
        self.running = False
        self.probes = 0
        self.downs: list[float] = []  # how long each "down" of a prober of its own on a target lasted
        self.line = Line(plan)
        self.states: States = {}
        self.served: Mapping[str, float] = {}
        self.served_six: Mapping[str, float] = {}
        self.belief: Belief = {}
        self._polled = polled
        self._places = self._find_places()
        self._life = 0  # which start this is: events of an earlier one do nothing
        self._snapshot: HealthSnapshot | None = None

    def _find_places(self) -> Mapping[TargetKey, str]:
        nodes = {one.address[0]: one.site for one in self.config.probers.values() if one.address}
        sites = sites_of(self.config)
        return {key: sites.get(key) or nodes.get(key.address, NET) for key in targets_of(self.config)}

    def start(self) -> None:
        """The process starts, with what an earlier one left."""
        now, self._life, self.running = self.world.clock.now, self._life + 1, True
        self._offset = self.world.rng.random() * 1e4  # of its own clock, which slots follow
        self._settled, self._pending, self._published = False, False, now - PUBLISH_GAP
        self._due = 0.0
        self.settled_at = inf
        self._watches = {
            key: Watch(key, monitor, self._places[key]) for key, monitor in sorted(targets_of(self.config).items())
        }
        clock = lambda: self.world.clock.now  # noqa: E731
        self.council = Council(self.config, self.verdicts, self.votes, clock, clock)
        belief = believable(self._snapshot, now, self.config.node.max_state_age)
        self.council.restore({**known_dead(self._snapshot), **belief})
        self.belief = self.council.belief
        for key, seen in belief.items():
            self._watches[key].tracker = Tracker(self._watches[key].monitor, seen, trusted=True)
        self.line.recall(self._snapshot.memory if self._snapshot else {})
        self._cast_phase = self.world.rng.random() * RENEW
        self.votes.lose() if (self.name, NET) in self.world.truth.cut else self.votes.find()
        self._cast()
        self.look()
        for watch in self._watches.values():
            first = now + watch.phase * min(watch.monitor.interval, FIRST_SPREAD)
            watch.slot = slot_at(now + self._offset, watch.monitor.interval, watch.phase)
            self.world.clock.at(first, self._probe, watch, self._life)
        self.world.clock.after(self.config.node.startup_wait, self._settle, self._life)

    def stop(self) -> None:
        """The process ends; its votes live as long as their lease."""
        if not self.running:
            return
        self.running = False
        self._snapshot = HealthSnapshot(self.council.belief, self.world.clock.now, self.line.memory)
        if self.votes.reachable:
            until = self._last_cast() + LEASE
            self.votes.leave(until)
            self.world.clock.at(until, self.world.voted, self.name)

    def lose_store(self) -> None:
        """The store is out of reach; foreign votes run out."""
        until = self._last_cast() + LEASE
        self.votes.leave(until)
        self.votes.lose()
        clock = self.world.clock
        clock.at(until, self.world.voted, self.name)
        clock.after(LEASE, self._dirty, self._life)

    def find_store(self) -> None:
        """It is back."""
        self.votes.find()
        if self.running:
            self._cast()
            self.hear()

    def hear(self) -> None:
        """Foreign votes have changed."""
        wait = HEAR if not self._polled else self._until_tick() or RENEW
        self.world.clock.after(wait, self._dirty, self._life)

    def look(self) -> None:
        """The truth has changed: probe again what that is something for."""
        if not self.running:
            return
        truth = self.world.truth
        for watch in self._watches.values():
            path = truth.path(self.name, watch.place, watch.key.address, watch.monitor.timeout)
            if path != watch.path:
                watch.path = path
                if watch.idle:
                    watch.idle = False
                    self._next(watch, idle=True)

    def resume(self, member: str) -> None:
        """An operator lets a member back in."""
        self.line.recall(resume(self.line.memory, [("web", member)]))
        self._dirty(self._life)

    def verdicts(self) -> Belief:
        """What this prober's trackers say."""
        return {key: watch.tracker.observation for key, watch in self._watches.items()}

    def _next(self, watch: Watch, *, idle: bool = False) -> None:
        """Wait for the next slot. After an idle time the one that runs may have had its probe already."""
        interval, clock = watch.monitor.interval, self.world.clock
        local, due = clock.now + self._offset, -1.0
        while due < 0 or (idle and due < local):
            watch.slot = slot_after(watch.slot, local, interval, watch.phase)
            due = (
                start_of(watch.slot, interval, watch.phase) + self.world.rng.random() * watch.monitor.jitter * interval
            )
        clock.at(due - self._offset, self._probe, watch, self._life)

    def _probe(self, watch: Watch, life: int) -> None:
        if life != self._life or not self.running:
            return
        self.probes += 1
        world = self.world
        result = world.truth.outcome(watch.path, watch.monitor.timeout, world.rng)
        if result.ok and watch.tracker.observation.verdict == "up":  # no later moment matters to this one
            self._finish(watch, result, life)
            return
        world.clock.at(world.clock.now + result.takes, self._finish, watch, result, life)

    def _finish(self, watch: Watch, result: Path, life: int) -> None:
        if life != self._life or not self.running:
            return
        watch.run = watch.run + 1 if result.ok == watch.ok else 1
        watch.ok = result.ok
        before = watch.tracker.observation
        changed = watch.tracker.record(result.ok, result.reason, self.world.clock.now)
        if changed and before.verdict == "down" and watch.key.monitor == "check":
            self.downs.append(self.world.clock.now - before.since)
        if watch.tracker.retry_now:
            self._probe(watch, life)
        elif watch.settled:
            watch.idle = True
        else:
            self._next(watch)
        if changed:
            self._dirty(life)
            if not self._settled and all(one.tracker.decided for one in self._watches.values()):
                self._settle_if_known(life)

    def _settle_if_known(self, life: int) -> None:
        if life != self._life or not self.running or self._settled:
            return
        known = self.council.knows()
        self._tell_turns()
        if known:
            self._settle(life)
        else:
            self.world.clock.after(PUBLISH_GAP, self._settle_if_known, life)

    def _settle(self, life: int) -> None:
        if life == self._life and not self._settled:
            self._settled, self.settled_at = True, self.world.clock.now
            self._dirty(life)

    def _last_cast(self) -> float:
        return self.world.clock.now - (RENEW - self._until_tick())

    def _until_tick(self) -> float:
        return RENEW - (self.world.clock.now - self._cast_phase) % RENEW

    def _cast(self) -> None:
        """Publish the own ballot, and renew it each second from then on."""
        if self.running and self.votes.reachable:
            self.votes.put(self.council._own(), FOREVER)
            self.world.voted(self.name)

    def _dirty(self, life: int) -> None:
        """Something changed: publish, at most ten times a second."""
        if life != self._life or not self.running or self._pending:
            return
        self._pending = True
        self.world.clock.at(self._published + PUBLISH_GAP, self._publish, life)

    def _publish(self, life: int) -> None:
        if life != self._life or not self.running:
            return
        self._pending = False
        now = self._published = self.world.clock.now
        self._count(now, life)
        if not self._settled:
            return
        council = self.council
        drains, holds, forces = ([one for one in self.world.intents if isinstance(one, kind)] for kind in ASKED)
        inputs = Inputs(self.belief, drains, holds, forces, council.local, council.ballots)
        outcome = self.line.judge(inputs, now)
        if outcome.change_at is not None:
            self._due = outcome.change_at
            self.world.clock.at(self._due, self._change, life, self._due)
        before, self.states = self.states, outcome.states
        if before == outcome.states:
            return
        leaf, six = self.line.compile(outcome.states, self._last_good()).nodes[:2]
        self.served, self.served_six = shares_of(leaf), shares_of(six)
        self.world.publish(Publication(self, now, outcome.states, before, self.served, leaf, self.served_six))

    def _change(self, life: int, due: float) -> None:
        if due == self._due:
            self._dirty(life)

    def _last_good(self) -> Mapping[str, frozenset[str]]:
        compiled = self.line._compiled
        return compiled.leaves.last_good if compiled else {}

    def _count(self, now: float, life: int) -> None:
        """Count the votes, and cast the own ballot where it is another than the store's."""
        cast = self.world.votes.cast.get(self.name)
        self.council.decide()
        self._tell_turns()
        own = self.council.ballots[self.name]
        if self.council._doubt:  # what it votes moves with time for a while
            self.world.clock.after(self._until_tick(), self._dirty, life)
        if cast is None or _says(cast.ballot.verdicts) != _says(own.verdicts) or cast.ballot.blind != own.blind:
            if cast is not None and cast.ballot.blind != own.blind:
                self.world.note(f"{self.name}: {own.blind or 'sees again'}")
            later = self._until_tick() if self._polled else 0.0
            self.world.clock.after(later, self._cast)

    def _tell_turns(self) -> None:
        """Tell what is believed otherwise since the last count."""
        for key, seen in self.council.belief.items():
            old = self.belief.get(key)
            if old is None or old.verdict != seen.verdict:
                self.world.note(f"{self.name} believes {key.address} {seen.verdict}: {seen.reason}")
                self.world.believe(self, key, old.verdict if old else "unknown")
        self.belief = self.council.belief


def _says(verdicts: Belief) -> list[str]:
    return [seen.verdict for seen in verdicts.values()]
