"""Keeps the time of all probes: one schedule per target, however many pools refer to it; a cap on what runs at once."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gslb.config.model import Config, Monitor
from gslb.config.monitors import Check
from gslb.health.states import Belief, Observation, TargetKey
from gslb.health.tracker import Tracker
from gslb.probe import KINDS
from gslb.probe.durations import Durations
from gslb.probe.expiry import Certificate
from gslb.probe.lateness import Lateness
from gslb.probe.result import NoResultError, Result
from gslb.probe.schedule import phase_of, slot_after, slot_at, start_of
from gslb.probe.targets import targets_of

log = logging.getLogger(__name__)

FIRST_SPREAD = 0.5  # seconds over which the first round is spread

OnChange = Callable[[TargetKey, Observation], None]


@dataclass(slots=True, eq=False)
class _Watch:
    """One target under watch."""

    key: TargetKey
    monitor: Monitor
    tracker: Tracker
    task: asyncio.Task[None] | None = None
    certificate: Certificate = field(default_factory=Certificate)
    in_trouble: bool = False  # its latest probe could not be made


class Runner:
    """Probes every target of a config and calls `on_change(key, observation)` for each change of a verdict.

    `first_round` is set while every target has a verdict of its own or a restored one. Metrics: `probes` made,
    `failures` among them, `errors` (probes that this machine could not make), the `lateness` of their starts, their
    `durations`.
    Random numbers, checks and the epoch clock can be handed in; all else follows the clock of the event loop.
    """

    def __init__(
        self,
        config: Config,
        on_change: OnChange,
        *,
        checks: Mapping[str, Check] | None = None,
        rng: random.Random | None = None,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self.first_round = asyncio.Event()
        self.probes = self.failures = self.errors = 0
        self.lateness = Lateness()
        self.durations = Durations()
        self._on_change = on_change
        self._checks = {word: kind.check for word, kind in KINDS.items()} | dict(checks or {})
        self._rng = rng or random.Random()
        self._epoch = epoch
        self._watches: dict[TargetKey, _Watch] = {}
        self._undecided: set[TargetKey] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._started = False
        self._adopt(config)

    def restore(self, belief: Belief) -> None:
        """Begin with verdicts from before a restart: each is kept until `fall` or `rise` results of our own change it.

        Targets that have a verdict already, and targets that are not in the config, are left alone.
        """
        for key, observation in belief.items():
            watch = self._watches.get(key)
            if watch and not watch.tracker.decided and observation.verdict != "unknown":
                watch.tracker = Tracker(watch.monitor, observation, trusted=True)
                self._undecided.discard(key)
        self._note_round()

    def start(self) -> None:
        """Begin to probe: all targets once within FIRST_SPREAD or their interval, then each by its slots."""
        self._started = True
        self._launch()

    def update(self, config: Config) -> None:
        """Follow a new config. Targets whose monitor is defined as before go on undisturbed; those that are gone are
        silent at once. A target whose monitor is defined otherwise is judged anew; its verdict stands until then."""
        self._adopt(config)
        if self._started:
            self._launch()

    async def close(self) -> None:
        """End all probes; returns when no task is left."""
        for watch in self._watches.values():
            self._silence(watch)
        self._watches = {}
        await asyncio.gather(*self._ending, return_exceptions=True)

    @property
    def targets(self) -> int:
        """How many targets are watched."""
        return len(self._watches)

    def belief(self) -> Belief:
        """What is believed of every target of the config."""
        return {key: watch.tracker.observation for key, watch in self._watches.items()}

    def certificates(self) -> Mapping[TargetKey, float]:
        """Days that are left to the certificate that each target showed last; of those alone that showed one."""
        now = self._epoch()
        found = {key: watch.certificate.days(now) for key, watch in self._watches.items()}
        return {key: days for key, days in found.items() if days is not None}

    def _adopt(self, config: Config) -> None:
        self._slots = asyncio.Semaphore(config.node.probe_concurrency)
        before: dict[TargetKey, _Watch] = self._watches
        watches: dict[TargetKey, _Watch] = {}
        targets = targets_of(config) if "probe" in config.node.roles else {}
        for key, monitor in sorted(targets.items()):
            old = before.get(key)
            if old and old.monitor == monitor:
                watches[key] = old
            else:
                tracker = Tracker(monitor, old.tracker.observation) if old else Tracker(monitor)
                watches[key] = _Watch(key, monitor, tracker)
        self.durations.keep({key.monitor: None for key in watches})
        self._watches = watches  # replaced, never changed in place: pages are written in other threads
        for key, watch in before.items():
            if watches.get(key) is not watch:
                self._silence(watch)
        self._undecided = {key for key, watch in self._watches.items() if not watch.tracker.decided}
        self._note_round()

    def _launch(self) -> None:
        for watch in self._watches.values():
            if watch.task is None:
                watch.task = asyncio.create_task(
                    self._keep(watch), name=f"probe {watch.key.monitor} {watch.key.address}"
                )

    def _silence(self, watch: _Watch) -> None:
        if watch.task:
            self._ending.add(watch.task)
            watch.task.add_done_callback(self._ending.discard)
            watch.task.cancel()

    def _note_round(self) -> None:
        if self._undecided:
            self.first_round.clear()
        else:
            self.first_round.set()

    async def _keep(self, watch: _Watch) -> None:
        """Probe one target for as long as it is watched: the first time soon, then slot by slot."""
        clock = asyncio.get_running_loop().time
        interval = watch.monitor.interval
        phase = phase_of(watch.key)
        first = clock() + phase * min(interval, FIRST_SPREAD)
        await asyncio.sleep(first - clock())
        await self._turn(watch, first)
        slot = slot_at(clock(), interval, phase)
        while True:
            slot = slot_after(slot, clock(), interval, phase)
            due = start_of(slot, interval, phase) + self._rng.random() * watch.monitor.jitter * interval
            await asyncio.sleep(due - clock())
            await self._turn(watch, due)

    async def _turn(self, watch: _Watch, due: float) -> None:
        await self._probe(watch, due)
        if watch.tracker.retry_now:
            await self._probe(watch, asyncio.get_running_loop().time())

    async def _probe(self, watch: _Watch, due: float) -> None:
        """One probe and what follows from it. Whatever goes wrong here is told once, and must not end the schedule."""
        try:
            async with self._slots:
                self.lateness.note(asyncio.get_running_loop().time() - due)
                result = await self._checks[watch.monitor.kind](watch.monitor, watch.key.address)
            watch.in_trouble = False
            self._record(watch, result)
        except NoResultError:
            watch.in_trouble = False
        except Exception as error:
            self.errors += 1
            if not watch.in_trouble:
                log.exception("monitor %s: no result for %s: %s", watch.key.monitor, watch.key.address, error)
            watch.in_trouble = True

    def _record(self, watch: _Watch, result: Result) -> None:
        self.probes += 1
        self.failures += not result.ok
        self.durations.note(watch.key.monitor, result)
        if result.tls_days is not None and watch.certificate.note(
            result.tls_days, watch.monitor.warn_days, self._epoch()
        ):
            place = watch.key.monitor, watch.key.address
            log.warning("monitor %s: the certificate of %s expires in %.1f days", *place, result.tls_days)
        was_decided = watch.tracker.decided
        changed = watch.tracker.record(result.ok, str(result), self._epoch())
        if not was_decided and watch.tracker.decided:
            self._undecided.discard(watch.key)
            self._note_round()
        if changed:
            self._on_change(watch.key, changed)
