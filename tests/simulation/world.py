"""The world: a clock with a queue of events, the truth, and one node for each prober.

There are no ticks. A target whose probes cannot change anything (a whole window of equal results, nothing lost on the
way) is not probed until something changes for it: the results in between are known, and so hours of peace cost nothing.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from gslb.control.line import Plan
from gslb.geo.atlas import Atlas
from gslb.health.states import TargetKey, Verdict
from gslb.intents import Intent
from gslb.table.build import compile_base
from tests.simulation.node import Node
from tests.simulation.publication import Publication
from tests.simulation.scene import RESOLVERS, Scene, at_node
from tests.simulation.truth import NET, Truth
from tests.store.shared_votes import SharedVotes

START = 1_800_000_000.0  # epoch seconds


class Clock:
    """Simulated seconds, and what happens when. Events of one moment happen in the order they were asked for."""

    def __init__(self) -> None:
        self.now = START
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()

    def at(self, when: float, what: Callable[..., None], *arguments: Any) -> None:
        """Let something happen at a second; at once where that has passed."""
        heapq.heappush(self._queue, (max(when, self.now), next(self._order), what, arguments))

    def after(self, seconds: float, what: Callable[..., None], *arguments: Any) -> None:
        """The same, counted from now."""
        self.at(self.now + seconds, what, *arguments)

    def run(self, seconds: float) -> None:
        """Let this time pass."""
        end = self.now + seconds
        queue = self._queue
        while queue and queue[0][0] <= end:
            self.now, _, what, arguments = heapq.heappop(queue)
            what(*arguments)
        self.now = end


class World:
    """Everything. `listeners` hear of each publication, `believers` of each turn of belief; both may raise."""

    def __init__(self, scene: Scene, seed: int, **node_options: Any) -> None:
        self.scene = scene
        self.seed = seed
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.truth = Truth()
        self.votes = SharedVotes(lambda: self.clock.now)
        self.listeners: list[Callable[[Publication], None]] = []
        self.believers: list[Callable[[Node, TargetKey, Verdict], None]] = []
        self.timeline: deque[str] = deque(maxlen=60)
        self.changed_at = START  # when the truth changed last
        self.resumed: dict[str, float] = {}  # member -> when an operator let it in last
        self.intents: list[Intent] = []  # what operators asked for, until they cancel it
        self.config = scene.config()
        references = RESOLVERS if scene.resolvers else ()
        base = compile_base(self.config, Atlas.empty())
        self.sites = tuple(dict.fromkeys(site for site, _ in scene.members))
        self.nodes = {
            name: Node(self, Plan(at_node(self.config, prober, references), base), **node_options)
            for name, prober in self.config.probers.items()
        }
        for node in self.nodes.values():
            self.clock.after(self.rng.random() * 0.5, self._begin, node)

    def _begin(self, node: Node) -> None:
        if node.site not in self.truth.dead and node.name not in self.truth.stopped:
            node.start()

    @property
    def probes(self) -> int:
        """How many probes were made, those that were known beforehand not counted."""
        return sum(node.probes for node in self.nodes.values())

    def run(self, seconds: float) -> None:
        """Let time pass. What a listener or an event finds wrong is raised with the seed and what led to it."""
        try:
            self.clock.run(seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.told()}") from error

    def told(self) -> str:
        """What happened lately."""
        return "\n".join((f"seed {self.seed}, {len(self.scene.probers)} probers: {self.scene}", *self.timeline))

    def note(self, text: str) -> None:
        """Add a line to the timeline."""
        self.timeline.append(f"{self.clock.now - START:11.3f}  {text}")

    def alive(self) -> list[Node]:
        """The nodes that run."""
        return [node for node in self.nodes.values() if node.running]

    def publish(self, publication: Publication) -> None:
        """A node answers otherwise from now on."""
        self.note(f"{publication.node.name} serves {sorted(publication.served)} {publication.why()}")
        for listener in self.listeners:
            listener(publication)

    def believe(self, node: Node, key: TargetKey, before: Verdict) -> None:
        """A node believes something else of a target than before."""
        for believer in self.believers:
            believer(node, key, before)

    def voted(self, voter: str) -> None:
        """The store has another ballot of this voter: whoever reaches the store is told."""
        for node in self.alive():
            if node.name != voter and node.votes.reachable:
                node.hear()

    def site(self, site: str, *, dies: bool) -> None:
        """A site dies, with the nodes that are there, or returns."""
        self.note(f"site {site} {'dies' if dies else 'returns'}")
        (self.truth.dead.add if dies else self.truth.dead.discard)(site)
        for node in self.nodes.values():
            if node.site == site:
                node.stop() if dies else self._begin(node)
        self._changed()

    def member(self, address: str, *, down: bool) -> None:
        """An address refuses, or answers again."""
        self.note(f"{address} {'refuses' if down else 'answers'}")
        (self.truth.down.add if down else self.truth.down.discard)(address)
        self._changed()

    def part(self, addresses: Iterable[str], *, down: bool) -> None:
        """Some addresses refuse at once, or answer again."""
        for address in sorted(addresses):
            self.member(address, down=down)

    def resume(self, member: str) -> None:
        """An operator lets a member in at every node."""
        self.note(f"resume {member}")
        self.resumed[member] = self.clock.now
        for node in self.alive():
            node.resume(member)

    def intend(self, intent: Intent) -> None:
        """An operator asks every node for something."""
        self.note(f"{intent.kind} {intent}")
        self.intents.append(intent)
        self._tell()

    def cancel(self, intent: Intent) -> None:
        """It is over, if it is not yet."""
        if intent in self.intents:
            self.note(f"cancel {intent.id}")
            self.intents.remove(intent)
            self._tell()

    def _tell(self) -> None:
        for node in self.alive():
            node.hear()

    def prober(self, name: str, *, stops: bool) -> None:
        """A prober's process ends, or starts again; its site stays."""
        self.note(f"prober {name} {'stops' if stops else 'starts'}")
        (self.truth.stopped.add if stops else self.truth.stopped.discard)(name)
        node = self.nodes[name]
        node.stop() if stops else self._begin(node)
        self._changed()

    def cut(self, name: str, places: Iterable[str], *, off: bool) -> None:
        """A prober is cut off from some places, or reaches them again; see `everywhere`."""
        places = sorted(places)
        self.note(f"{name} {'is cut off from' if off else 'reaches'} {' '.join(places)}")
        for place in places:
            (self.truth.cut.add if off else self.truth.cut.discard)((name, place))
        node = self.nodes[name]
        if (NET in places) and node.votes.reachable == off:
            node.lose_store() if off else node.find_store()
        self._changed()

    def everywhere(self, name: str) -> set[str]:
        """Every place but the prober's own site."""
        return {*self.sites, *self.scene.probers, NET} - {self.nodes[name].site}

    def slow(self, name: str, place: str, seconds: float | None) -> None:
        """A link takes so long; None: as usual."""
        self.note(f"link {name} to {place}: {f'{seconds:.2f} s' if seconds else 'as usual'}")
        if seconds is None:
            self.truth.slow.pop((name, place), None)
        else:
            self.truth.slow[name, place] = seconds
        self._changed()

    def lose(self, share: float) -> None:
        """This share of all probes gets lost."""
        self.note(f"loss {share:.1%}")
        self.truth.loss = share
        self._changed()

    def _changed(self) -> None:
        self.changed_at = self.clock.now
        for node in self.nodes.values():
            node.look()
