"""How a node gets another configuration: loaded whole or refused, kept, on trial, confirmed, or gone back from.

    reload     load -> refuse what takes away too much -> keep a copy -> serve it -> record it
    on trial   served until a moment; then, unless somebody confirms, what was served before comes back by itself
    rollback   a kept copy is served, whatever the zones folder says, until the next reload

The course (gslb/control/generations.py) is on disk before anything is served, so a restart goes on with the same, and
ends a trial in time.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from gslb.config.load import ZonesFiles
from gslb.config.model import Config
from gslb.control.course import Keeping
from gslb.control.differences import differences
from gslb.control.generations import Course, Generation, Pin
from gslb.control.line import Plan, load_plan
from gslb.control.proposals import plan_files
from gslb.control.pushes import Push, judge, require_served
from gslb.control.whatif import Moment
from gslb.errors import ConfigError, ConflictError, GslbError, RequestError, StateError, StoreError
from gslb.store import Store
from gslb.store.audit import Actor, Deed

Json = dict[str, Any]

SIGNAL: Final = Actor("SIGHUP")
ITSELF: Final = Actor("gslb")
LONGEST_TRIAL: Final = 24 * 3600.0  # seconds
_FIXED_AT_START: Final = ("name", "site", "roles", "dns", "api", "workers", "state", "store")
_LOOK_EVERY: Final = 60.0  # seconds, so that a step of the machine's clock is noticed
_SHOWN: Final = ("number", "digest", "at", "who", "why")  # of a generation
_RETRY: Final = 1.0  # seconds after what nobody foresaw

log = logging.getLogger("gslb.control")


class Node(Protocol):
    """What serves a plan; see gslb.control.controller."""

    plan: Plan

    async def take_over(self, plan: Plan) -> tuple[int, bool]:
        """Serve another plan from now on: its generation, and whether every worker does."""

    def moment(self) -> Moment:
        """What is served now, and what it is made of. Raises StateError before anything is."""


class Reloading:
    """One node's configuration: `begin` once, let `run` run. `problems` are those of the last reload, if refused."""

    def __init__(self, path: str, node: Node, store: Store) -> None:
        self.loaded = time.time()
        self.problems: tuple[str, ...] = ()
        self.keeping = Keeping(node.plan.config.node.state)
        self._path = path
        self._node = node
        self._store = store
        self._wanted = self._stale = False
        self._called = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._planning = asyncio.Lock()

    async def begin(self) -> None:
        """Keep what the node starts with, unless it is kept already."""
        try:
            await self.keeping.begin(self._path, self._node.plan.config.digest)
        except StateError as error:
            log.error("no copy of the configuration is kept: %s", error.message)

    async def run(self) -> None:
        """Reload when asked, and end trials, until cancelled."""
        while True:
            await self._next()
            try:
                if self._trial_is_over():
                    await self._end_trial()
                elif self._wanted:
                    self._wanted = False
                    await self.reload(Push(SIGNAL))
                elif self._stale:
                    self._stale = False
                    await self._renew()
            except GslbError:
                pass  # told where it was found
            except Exception:
                log.exception("reload failed; the configuration before it is still served")
                await asyncio.sleep(_RETRY)

    async def _next(self) -> None:
        """Return when there is something to do, or may be."""
        self._called.clear()
        if self._wanted or self._stale:
            return
        trial = self.keeping.course.trial
        wait = _LOOK_EVERY if trial is None else trial.until - time.time()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(max(wait, 0.0), _LOOK_EVERY)):
                await self._called.wait()

    def request(self) -> None:
        """Reload soon; requests that come during a reload lead to one more. Safe in a signal handler."""
        self._wanted = True
        self._called.set()

    def request_renewal(self) -> None:
        """Read the node file and its secrets again soon, and leave the zones as they are."""
        self._stale = True
        self._called.set()

    async def check(self) -> Json:
        """What a reload would find in the zones folder; nothing changes. Raises ConfigError, GeoError."""
        async with self._planning:  # each is a whole configuration in memory
            plan = await asyncio.to_thread(load_plan, self._path)
        return {
            "digest": plan.config.digest,
            "served": self._node.plan.config.digest,
            "changes": differences(self._node.plan.config, plan.config).view(),
            "warnings": [warning._asdict() for warning in plan.config.warnings],
        }

    async def plan(self, files: Mapping[str, str]) -> Json:
        """What a zones folder with these files would do, at the health of the moment; nothing changes.

        Raises ConfigError with places relative to the folder, GeoError, RequestError, StateError.
        """
        moment, state = self._node.moment(), self._node.plan.config.node.state
        async with self._planning:
            return await asyncio.to_thread(plan_files, self._path, moment, files, state)

    async def reload(self, push: Push) -> Json:
        """Load the configuration anew, all or nothing.

        Raises ConfigError, GeoError, ConflictError (another digest, or it takes away too much), PreconditionError (not
        `served`), StateError (no copy can be kept, and so no trial held), RequestError; what was served before is
        served on.
        """
        if push.confirm is not None and not 0 < push.confirm <= LONGEST_TRIAL:
            raise RequestError("a trial lasts more than nothing and at most 24h", pointer="/confirm")
        async with self._one_at_a_time:
            require_served(push.served, self._node.plan.config)
            files, former = ZonesFiles(), self._node.plan.config
            try:
                plan = await asyncio.to_thread(load_plan, self._path, files)
                found = judge(push, former, plan.config)
                made = Generation(0, plan.config.digest, time.time(), push.actor.name, push.reason)
                await self.keeping.set_out(made, files.contents, former.digest, push.confirm)
            except GslbError as error:
                self._refuse(error)
                raise
            self._called.set()  # there may be another trial to end
            served = await self._serve(plan)
            await self._record("force-reload" if found.too_much() else "reload", push.actor, push.reason, former)
            return {**self.view(), "former": former.digest, "changes": found.view(), **served}

    async def confirm(self, actor: Actor, served: str = "") -> Json:
        """What is on trial is served for good. Raises ConflictError (too late), PreconditionError, StateError."""
        async with self._one_at_a_time:
            require_served(served, self._node.plan.config)
            course = self.keeping.course
            if course.pin:
                raise ConflictError("nothing is on trial: it was rolled back", hint="gslb status says when and why")
            await self.keeping.decide(Course())
            if course.trial:
                log.info("configuration %s is confirmed by %s", self._node.plan.config.digest, actor.name)
                await self._record("confirm", actor, "", self._node.plan.config)
            return self.view()

    async def rollback(self, actor: Actor, reason: str = "", digest: str = "", served: str = "") -> Json:
        """Serve a kept copy: what was served before a trial, else before this, or that with the digest.

        It is served after a restart too, until the next reload. Raises NotFoundError, ConflictError, PreconditionError
        (not `served`), StateError; where the copy does not fit the node file any more, ConfigError or GeoError.
        """
        async with self._one_at_a_time:
            require_served(served, self._node.plan.config)
            trial = self.keeping.course.trial
            number = trial.back if trial and not digest else (await self.keeping.find(digest)).number
            return await self._go_back(number, actor, reason)

    async def _go_back(self, number: int, actor: Actor, reason: str, *, anyway: bool = False) -> Json:
        former = self._node.plan.config
        plan = await asyncio.to_thread(load_plan, self._path, self.keeping.files(number))
        pin = Pin(number, former.digest, time.time(), actor.name, reason)
        await self.keeping.decide(Course(pin), anyway=anyway)
        self.keeping.number = number
        log.warning("rolling back from %s to %s: %s", former.digest, plan.config.digest, reason)
        served = await self._serve(plan)
        await self._record("rollback", actor, reason, former)
        changes = differences(former, plan.config).view()
        return {**self.view(), "former": former.digest, "changes": changes, **served}

    def _trial_is_over(self) -> bool:
        trial = self.keeping.course.trial
        return trial is not None and time.time() >= trial.until

    async def _end_trial(self) -> None:
        async with self._one_at_a_time:
            trial = self.keeping.course.trial
            if trial is None or not self._trial_is_over():
                return  # somebody was quicker: it is confirmed, has ended, or goes on
            try:  # also where nothing can be written: a trial that is over ends at a restart, too
                await self._go_back(trial.back, ITSELF, "nobody confirmed it in time", anyway=True)
            except GslbError as error:
                log.error("no way back from a trial: %s", error.message)
                self.problems = (f"nobody confirmed the configuration, and there is no way back: {error.message}",)
                await self.keeping.decide(Course(), anyway=True)

    async def _renew(self) -> None:
        """What an operator has not asked to be taken over is not: the zones come from the copy of those served."""
        async with self._one_at_a_time:
            number = self.keeping.number
            try:
                plan = await asyncio.to_thread(load_plan, self._path, self.keeping.files(number) if number else None)
            except GslbError as error:
                self._refuse(error)
                raise
            await self._serve(plan)

    async def _serve(self, plan: Plan) -> Json:
        for field in _FIXED_AT_START:
            if getattr(plan.config.node, field) != getattr(self._node.plan.config.node, field):
                log.warning("reload: another %r in the node file takes effect at the next start", field)
        generation, everywhere = await self._node.take_over(plan)
        self.loaded, self.problems = time.time(), ()
        late = "" if everywhere else ", not yet confirmed by every worker"
        level = logging.INFO if everywhere else logging.WARNING
        log.log(level, "reloaded: configuration %s, generation %d%s", plan.config.digest, generation, late)
        return {"generation": generation, "acknowledged": everywhere}

    def _refuse(self, error: GslbError) -> None:
        self.problems = tuple(map(str, error.problems)) if isinstance(error, ConfigError) else (error.message,)
        for problem in self.problems:
            log.error("reload refused: %s", problem)

    async def _record(self, action: str, actor: Actor, reason: str, former: Config) -> None:
        config = self._node.plan.config
        told = reason or (differences(former, config).told() if former is not config else "")
        before, after = {"digest": former.digest}, {"digest": config.digest}
        try:
            await self._store.record(Deed(action, actor, told, "config", config.digest, before, after))
        except StoreError as error:
            log.error("%s by %s is not on record: %s", action, actor.name, error.message)

    def view(self) -> Json:
        """What is served, since when, and for how long, as plain values; times are epoch seconds."""
        config, (pin, trial) = self._node.plan.config, self.keeping.course
        return {
            "digest": config.digest,
            "loaded": self.loaded,
            "zones": len(config.zones),
            "names": sum(len(zone.names) for zone in config.zones.values()),
            "problems": list(self.problems),
            "number": self.keeping.number,
            "rolled_back": pin and {"from": pin.left, "at": pin.at, "who": pin.who, "why": pin.why},
            "trial": trial and {"until": trial.until, "who": trial.who},
        }

    async def generations(self) -> list[Json]:
        """The configurations that are kept, the newest first."""
        number, kept = self.keeping.number, await self.keeping.kept()
        return [{**{key: getattr(one, key) for key in _SHOWN}, "served": one.number == number} for one in kept]
