"""The straight line: config, belief and drains in; a published table out. Everything that changes goes through here.

One loop publishes, so publishing never overtakes itself: the first change at once, then at most ten a second. A reload
(gslb/control/reloading.py) only hands that loop another plan, so every answer is wholly from the old configuration or
wholly from the new one.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gslb.config.model import Config
from gslb.control.belief import Place, believable, known_dead, since, told
from gslb.control.council import Council
from gslb.control.intents import Intents
from gslb.control.keeper import Keeper
from gslb.control.line import Line, Plan, Served, loaded, uncollected
from gslb.control.loads import Loads
from gslb.control.notifywatch import Notifier
from gslb.control.presence import Presence, Serving
from gslb.control.progress import Progress
from gslb.control.recorder import Recorder
from gslb.control.reloading import Reloading
from gslb.control.stores import Stores
from gslb.control.tap import Feed
from gslb.control.targets import covered, require_known
from gslb.control.whatif import Moment
from gslb.control.withdrawal import Withdrawal
from gslb.errors import StateError
from gslb.health.judging import Inputs
from gslb.health.memory import resume
from gslb.health.states import Belief, Observation, States, TargetKey
from gslb.intents import Intent, Target
from gslb.probe.push import Board
from gslb.probe.runner import Runner
from gslb.server.publish import Publisher
from gslb.store import HealthSnapshot
from gslb.table.entries import Leaves, Table

log = logging.getLogger("gslb.control")

PUBLISH_GAP = 0.1  # seconds between publications
RETRY = 1.0  # seconds until a publication that failed is tried again
DRAIN_WAIT = 0.5  # seconds that a drain may take to reach every worker
RELOAD_WAIT = 30.0  # seconds that workers may take to load a new base
_LONGEST_SLEEP = 60.0  # so that a step of the machine's clock is noticed


class Controller:
    """One node's control plane: `start` it, let `run` run, `close` it. API and explain show its public attributes."""

    def __init__(self, path: str, plan: Plan, stores: Stores, publisher: Publisher, recorder: Recorder) -> None:
        self.plan = plan
        self.store = store = stores.shared
        self.publisher = publisher
        self.recorder = recorder
        self.belief: Belief = {}
        self.since: Mapping[Place, float] = {}
        self.served: Served | None = None
        self.generation = 0
        self.settled = False
        self.fresh = False  # whether what was published last is from after the first round
        self.reloading = Reloading(path, self, store)
        self.board = Board()
        self.runner = Runner(plan.config, self._observed, checks={"push": self.board.check})
        self.council = Council(plan.config, self.runner.belief, store.votes)
        self._leaving: Belief = {}
        self._line = Line(plan)
        self._former: Line | None = None  # what workers may still answer from while a reload replaces them
        self._earlier: Table | None = None  # what workers serve from before
        self._change_at: float | None = None
        self._dirty = asyncio.Event()
        self.loads = Loads(self.board, self._dirty.set)
        self._keeper = Keeper(stores.own)
        self.intents = Intents(store, self._known, self._dirty.set, self._round_done)
        self.presence = Presence(store)
        self.progress = Progress(store, self.presence, lambda: self.plan.config)
        self.withdrawal = Withdrawal(plan.config.node, store)
        state = Path(plan.config.node.state)
        self.tap = Feed(publisher, state, lambda: self.plan.config.node)
        self.notifier = Notifier(self, state)
        self._waiting: list[asyncio.Future[int]] = []

    async def start(self) -> None:
        """Read what the store and an earlier process left, and begin to probe. Raises StoreError."""
        self._earlier = await asyncio.to_thread(self.publisher.served)
        self.intents.refresh()
        self.presence.tell(self.plan.config, {}, Serving())
        snapshot = await self._keeper.find()
        if snapshot:
            self._line.recall(snapshot.memory)
        belief = believable(snapshot, time.time(), self.plan.config.node.max_state_age)
        self.runner.restore(belief)
        self.council.restore({**known_dead(snapshot), **belief})
        self.runner.start()
        self._dirty.set()
        await self.reloading.begin()

    async def run(self) -> None:
        """Publish, save and reload until cancelled."""
        async with asyncio.TaskGroup() as group:
            for task in (self._keep_publishing, self._settle_and_save, self.reloading.run):
                group.create_task(task())
            group.create_task(self.council.keep_casting(self._dirty.set))
            group.create_task(self.presence.keep_acknowledging(self.publisher))
            group.create_task(self.progress.keep_looking())
            group.create_task(self.tap.run())
            group.create_task(self.notifier.run())

    async def close(self) -> None:
        """End all probes."""
        await self.runner.close()

    def resume(self, target: Target) -> list[str]:
        """Let what waits for failback or damping be served again; the members that the target covers.

        Raises NotFoundError (no such target).
        """
        require_known(target, self.plan.config)
        members = covered(target, self.plan.config)
        self._line.recall(resume(self._line.memory, members))
        self._dirty.set()
        self._keeper.changed.set()
        return [f"{pool}/{member}" for pool, member in members]

    async def everywhere(self, intent: Intent) -> bool:
        """Whether every worker answers by an intent, as it was kept, within DRAIN_WAIT."""
        try:
            async with asyncio.timeout(DRAIN_WAIT):
                while not self.intents.knows(intent):  # noqa: ASYNC110 - the store tells late now and then
                    await asyncio.sleep(PUBLISH_GAP)
                return await self.publisher.wait_acknowledged(await self._published(), DRAIN_WAIT)
        except TimeoutError:
            return False

    @property
    def loaded(self) -> float:
        """When the configuration was (epoch seconds)."""
        return self.reloading.loaded

    @property
    def problems(self) -> tuple[str, ...]:
        """Of the last reload, where it was refused."""
        return self.reloading.problems

    async def take_over(self, plan: Plan) -> tuple[int, bool]:
        """Serve another plan from now on: the generation that does, and whether every worker serves it in time."""
        # Targets that leave the config are served until the new base is: their verdicts must last as long.
        self._leaving = self._believed()
        self.runner.update(plan.config)
        self.council.update(plan.config)
        await self._first_round(plan.config)
        self._former, self._line, self.plan = self._line, Line(plan, self._line.memory), plan
        generation = await self._published()
        done = await self.publisher.wait_acknowledged(generation, RELOAD_WAIT)
        self._former, self._leaving = None, {}
        return generation, done

    async def _first_round(self, config: Config) -> None:
        """Wait until something is believed of every target, but not for ever: then unknown counts as up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(config.node.startup_wait):
                await self.runner.first_round.wait()
                while not self.council.knows():  # noqa: ASYNC110 - votes of others are still to come
                    await asyncio.sleep(PUBLISH_GAP)

    def _observed(self, key: TargetKey, observation: Observation) -> None:
        log.info("monitor %s: %s is %s %s", key.monitor, key.address, observation.verdict, observation.reason)
        self._dirty.set()
        self._keeper.changed.set()
        self.council.hurry()

    def _believed(self) -> Belief:
        belief = self.council.belief
        return {**self._leaving, **belief} if self._leaving else belief

    async def _published(self) -> int:
        """The generation that holds everything known when this was called."""
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._dirty.set()
        return await waiter

    async def _keep_publishing(self) -> None:
        while True:
            await self._change()
            # Until there is something to believe, what workers serve from before is better than "not ready".
            if self._earlier is not None and not self.settled:
                continue
            waiting, self._waiting = self._waiting, []
            try:
                with uncollected():
                    self._publish()
            except Exception:
                log.exception("publishing failed; what was published before is still served")
                self._waiting += waiting
                self._dirty.set()
                await asyncio.sleep(RETRY)
                continue
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(self.generation)
            await asyncio.sleep(PUBLISH_GAP)

    async def _change(self) -> None:
        """Return when an input has changed, or when the effective state changes with time."""
        wait = _LONGEST_SLEEP if self._change_at is None else self._change_at - time.time()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(max(wait, 0.0), _LONGEST_SLEEP)):
                await self._dirty.wait()
        self._dirty.clear()

    def _publish(self) -> None:
        (config, base), now = self.plan, time.time()
        self.council.decide()
        self.belief = self._believed()
        states, _, self._change_at, *_ = self._line.judge(self._inputs(settled=self.settled), now)
        loads = self.loads.follow(config, states)
        if self.served is not None and self.served.holds(config, states, loads):
            self.fresh = self.settled
            self._tell(states, now)
            return
        before = self.served.table if self.served else self._earlier
        leaves = self._line.compile(states, before.leaves.last_good if before else {}, loads)
        if self.served is not None and self.served.table.base.digest == base.digest:
            self.generation = self.publisher.publish_leaves(leaves, self._former_leaves(leaves, now))
        else:
            self.generation = self.publisher.publish_base(base, leaves)
        self.fresh = self.settled
        self._note_changes(states, now)
        self.recorder.note(states, now)
        self.served, self._earlier = Served(config, Table(base, leaves, self.generation), states, loads=loads), None
        self._tell(states, now)

    def _tell(self, states: States, now: float) -> None:
        """The other nodes learn what this one serves, once that is more than a beginning."""
        if self.settled:
            serving = Serving.of(self.generation, self.intents.revision, self.intents.all, now)
            self.presence.tell(self.plan.config, states, serving)

    def _known(self) -> tuple[Config, States]:
        """By what intents are judged; no states before the first round: what is unknown is nothing to go by."""
        states = self.served.states if self.served and self.fresh else {}
        return loaded(self.plan.config, self.loads.held), states

    async def _round_done(self) -> None:
        """Return when what is published is from after the first round, or should have been long ago."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.plan.config.node.startup_wait + RETRY):
                while not self.fresh:  # noqa: ASYNC110 - it is so once, at the start
                    await asyncio.sleep(PUBLISH_GAP)

    def _former_leaves(self, leaves: Leaves, now: float) -> Leaves | None:
        """The same health and drains for the base that is being replaced, so that no worker misses them meanwhile."""
        if self._former is None or self._former.plan.base.digest == leaves.base_digest:
            return None
        former = self._former.judge(self._inputs(settled=True), now)
        return self._former.compile(former.states, leaves.last_good, self.loads.held)

    def moment(self) -> Moment:
        """Everything that answers are made of now, for what-if. Raises StateError before anything is published."""
        if self.served is None:
            hint = "the first round of probes is under way: ask again in a moment"
            raise StateError("nothing is published yet", hint=hint)
        served = self.served._replace(belief=self.belief, ballots=self.council.ballots)
        plan, good = Plan(served.config, served.table.base), served.table.leaves.last_good
        return Moment(plan, self._inputs(settled=True), self._line.memory, good, served, time.time())

    def _inputs(self, *, settled: bool) -> Inputs:
        council = self.council
        wanted = self.intents.drains, self.intents.holds, self.intents.forces
        return Inputs(self.belief, *wanted, local=council.local, ballots=council.ballots, settled=settled)

    def _note_changes(self, states: States, now: float) -> None:
        before = self.served.states if self.served else {}
        for line in told(before, states):
            log.info("%s", line)
        self.since = since(self.since, before, states, now)
        self._keeper.changed.set()  # votes of others change belief, too

    async def _settle_and_save(self) -> None:
        """After the first round, keep the health snapshot in the store."""
        await self._first_round(self.plan.config)
        self.settled = True
        self._dirty.set()
        await self._keeper.keep(self._snapshot)

    def _snapshot(self) -> HealthSnapshot:
        self.council.decide()
        return HealthSnapshot(self._believed(), time.time(), self._line.memory)
