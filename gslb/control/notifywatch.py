"""Watches a node for what operators are told of, and decides which node tells it.

Every node looks. Of those that have `notify`, the first by name speaks for all; the others remember for a while what
they would have said, and say it where the one that spoke has gone: rather twice than never. What is of one node alone
(its configuration, its way to the store, a local drain) that node tells itself, and so does every node while the store
is lost. Alertmanager is told by all, for it knows equal alerts.
"""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from gslb.config.model import Config
from gslb.config.settings import SinkSettings
from gslb.control.council import Council
from gslb.control.line import Plan, Served
from gslb.control.notify import Delivery, Outlet
from gslb.control.notifyfacts import Fact, Facts, Key, Moment, Notice, facts_of_health, notices, other_facts
from gslb.control.notifyforms import Sender
from gslb.health.states import Belief, States, TargetKey
from gslb.probe.runner import Runner
from gslb.store import Store
from gslb.store.roster import Registration

LOOK: Final = 0.5  # seconds
HANDOVER: Final = (
    20.0  # seconds: a node is missed after 5 of them, and what it was told last may have waited to be sent
)
AGAIN: Final = 5.0  # seconds after a fault of ours
DAYS: Final = 60.0  # seconds between looks at certificates
FILE: Final = "notified.json"

log = logging.getLogger("gslb.control")


class Watched(Protocol):
    """What is watched; see gslb.control.controller."""

    plan: Plan
    served: Served | None
    belief: Belief
    settled: bool
    store: Store
    council: Council
    runner: Runner

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the last reload was refused."""


class Told(NamedTuple):
    """A notice that another node was to tell, and when that was."""

    notice: Notice
    at: float


class Notifier:
    """`run` it; it follows the node file over reloads. `state` is the folder where it remembers what was told."""

    def __init__(self, watched: Watched, state: Path) -> None:
        self._watched = watched
        self._file = state / FILE
        self._at_work: dict[SinkSettings, tuple[Outlet, asyncio.Task[None]]] = {}
        self._facts: Facts | None = None  # None: nothing was looked at yet
        self._health: tuple[Config, States, Facts] | None = None  # what these facts were found in
        self._days: Mapping[TargetKey, float] = {}
        self._days_at = float("-inf")
        self._unspoken: list[Told] = []
        self._speaker = ""
        self._unkept = False  # whether the file lacks what was told since

    @property
    def deliveries(self) -> list[Delivery]:
        """How each sink fares, for metrics and status."""
        return [outlet.delivery for outlet, _ in self._at_work.values()]

    async def test(self) -> list[Delivery]:
        """Send a test to every sink, at once and once."""
        outlets = [Outlet(sink, self._sender()) for sink in self._watched.plan.config.node.notify]
        return [*await asyncio.gather(*(outlet.test() for outlet in outlets))]

    async def run(self) -> None:
        """Look and tell until cancelled."""
        try:
            while True:
                try:
                    self._follow()
                    self.look(time.time())
                    await asyncio.sleep(LOOK)
                except Exception:
                    log.exception("notifications failed; nothing else depends on them")
                    await asyncio.sleep(AGAIN)
        finally:
            for _, task in self._at_work.values():
                task.cancel()

    def _sender(self) -> Sender:
        node = self._watched.plan.config.node
        return Sender(node.name, node.site)

    def _follow(self) -> None:
        """Have an outlet at work for each sink of the node file."""
        sinks = self._watched.plan.config.node.notify
        for gone in self._at_work.keys() - {*sinks}:
            self._at_work.pop(gone)[1].cancel()
        for sink in sinks:
            if sink not in self._at_work:
                outlet = Outlet(sink, self._sender())
                self._at_work[sink] = outlet, asyncio.get_running_loop().create_task(outlet.run())
        if not sinks:
            self._facts = None
            self._file.unlink(missing_ok=True)

    def look(self, now: float) -> None:
        """Tell what has changed since the last look. Call it every LOOK seconds."""
        if not self._at_work or not self._watched.settled or self._watched.served is None:
            return
        moment = self._moment(now, self._watched.served)
        if self._facts is None:
            self._facts = self._before(moment)
            self._unkept = True
        present = {**self._facts_of_health(moment), **other_facts(moment)}
        found = notices(self._facts, moment, present)
        self._facts = present
        self._say(found, moment)
        for outlet, _ in self._at_work.values():
            outlet.hold(present.values(), now)
        self._unkept = self._unkept or bool(found)
        if self._unkept and not any(outlet.busy for outlet, _ in self._at_work.values()):
            self._keep(present)

    def _moment(self, now: float, served: Served) -> Moment:
        watched = self._watched
        if not 0 <= now - self._days_at < DAYS:
            self._days, self._days_at = watched.runner.certificates(), now
        council, config = watched.council, served.config
        return Moment(
            now,
            config,
            served.states,
            watched.store.held().intents,
            watched.belief,
            self._days,
            council.lost,
            council.follows,
            council.blind,
            watched.problems,
        )

    def _facts_of_health(self, moment: Moment) -> Facts:
        """Found anew only where a state has changed: with thousands of members it takes its time."""
        known = self._health
        if known is None or known[0] is not moment.config or known[1] is not moment.states:
            found = facts_of_health(moment, self._facts or {})
            self._health = known = moment.config, moment.states, found
        return known[2]

    def _before(self, moment: Moment) -> Facts:
        """What was told before this process began: by others, if there are any; else what is in the file."""
        roster, me = self._watched.store.roster(), moment.config.node.name
        if moment.lost or not any(one.notifies for name, one in roster.items() if name != me):
            return self._kept()
        shared = {**facts_of_health(moment, {}), **other_facts(moment)}
        own = {key: fact for key, fact in self._kept().items() if fact.own}
        return {**{key: fact for key, fact in shared.items() if not fact.own}, **own}

    def _say(self, found: list[Notice], moment: Moment) -> None:
        """Tell what is for this node to tell, and remember the rest."""
        roster, me, now = self._watched.store.roster(), moment.config.node.name, moment.now
        mine = []
        waiting = [told for told in self._unspoken if 0 <= now - told.at <= HANDOVER]
        able = [name for name, one in roster.items() if one.notifies]
        if self._speaker not in able:  # whoever was to tell it is gone or begins anew, and may not have done so
            mine = [told.notice for told in waiting if speaker(told.notice.fact, me, roster) == me]
            waiting = [told for told in waiting if speaker(told.notice.fact, me, roster) != me]
        for one in found:
            if one.fact.own or moment.lost or speaker(one.fact, me, roster) == me:
                mine.append(one)
            else:
                waiting.append(Told(one, now))
        self._unspoken = waiting
        self._speaker = min(able, default=me)
        for outlet, _ in self._at_work.values():
            outlet.tell(mine)

    def _keep(self, present: Facts) -> None:
        """Write what was told, once all of it has arrived: what has not is told again by the next process."""
        rows = [[*fact.key, *fact[1:]] for fact in present.values()]
        partial = self._file.with_suffix(".new")
        try:
            partial.write_text(json.dumps(rows), encoding="utf-8")
            partial.rename(self._file)
        except OSError as error:
            log.warning("%s: what was told is not kept: %s", self._file, error.strerror)
        self._unkept = False

    def _kept(self) -> Facts:
        """What the file says. One that nobody can understand says nothing."""
        with suppress(OSError, ValueError, TypeError):
            rows = json.loads(self._file.read_text(encoding="utf-8"))
            found = [Fact(Key(kind, subject), *rest) for kind, subject, *rest in rows]
            return {fact.key: fact for fact in found}
        return {}


def speaker(fact: Fact, me: str, roster: Mapping[str, Registration]) -> str:
    """The node that tells a fact: the first by name that can, of those that probe where only they know it."""
    able = [name for name, one in roster.items() if one.notifies]
    if fact.key.kind == "certificate":
        able = [name for name in able if "probe" in roster[name].roles]
    return min(able, default=me)
