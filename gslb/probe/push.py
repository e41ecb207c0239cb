"""The `push` monitor: an agent posts the state and load of its target to the API; the check reads the latest push.

Silence is judged like any other failure: after `expiry` seconds without a push, every check fails.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, NamedTuple

from pydantic import Field

from gslb.config.document import suggestion
from gslb.config.model import Config, Monitor
from gslb.config.monitors import Common, Kind, Source
from gslb.config.schema import MonitorShape, lasting
from gslb.errors import NotFoundError, RequestError
from gslb.health.states import TargetKey
from gslb.probe.result import NoResultError, Result, brief
from gslb.probe.targets import targets_of

_SILENT_INTERVALS: Final = 3


@dataclass(frozen=True, slots=True)
class PushMonitor(Monitor):
    """How long a push holds (seconds), and the load above which it counts as down (None: any load is right)."""

    kind: ClassVar[str] = "push"

    expiry: float = 15.0
    max_load: float | None = None

    @property
    def detection(self) -> float:
        """Worst-case seconds from the death of an agent to its verdict: its last push must run out first."""
        return self.expiry + self.fall * self.interval + self.jitter * self.interval


class PushShape(MonitorShape):
    expiry: Annotated[float | None, lasting("100ms", "24h")] = None
    max_load: Annotated[float | None, Field(ge=0)] = None


def build(common: Common, shape: PushShape, source: Source) -> PushMonitor:
    """See gslb.config.monitors.Kind."""
    expiry = _SILENT_INTERVALS * shape.interval if shape.expiry is None else shape.expiry
    if expiry < shape.interval:
        message = f"must be at least the interval, {shape.interval:g} s (got {expiry:g} s)"
        source.findings.problem((*source.path, "expiry"), message)
    return PushMonitor(expiry=expiry, max_load=shape.max_load, **common._asdict())


class Push(NamedTuple):
    """What an agent says of its target, and for how many seconds that holds (None: as long as the monitor says)."""

    up: bool
    load: float | None = None
    detail: str = ""
    lasts: float | None = None


class _Kept(NamedTuple):
    push: Push
    heard: float
    lasts: float


class Board:
    """The latest push of each target: what agents post, and what checks read.

    It holds one entry for a target of the configuration and none for anything else, whatever clients send. `clock`
    tells seconds, and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[TargetKey, _Kept] = {}
        self._asked: dict[TargetKey, float] = {}  # when a check first looked for it
        self._config: Config | None = None
        self._targets: frozenset[TargetKey] = frozenset()

    @property
    def targets(self) -> int:
        """Of how many targets something is kept."""
        return len(self._kept)

    def post(self, config: Config, key: TargetKey, push: Push) -> float:
        """Keep a push. Returns the seconds for which it holds.

        Raises NotFoundError (no such monitor, none of type push, an address that no pool has it probe) and RequestError
        (it would hold for longer than the monitor's `expiry`).
        """
        self._follow(config)
        monitor = config.monitors.get(key.monitor)
        if not isinstance(monitor, PushMonitor):
            known = [name for name, other in config.monitors.items() if isinstance(other, PushMonitor)]
            hint = suggestion(key.monitor, known) or "GET /api/v1/status lists monitors"
            raise NotFoundError(f"there is no monitor {brief(key.monitor, 63)!r} of type push", hint=hint)
        if key not in self._targets:
            message = f"no member with monitor {key.monitor!r} has the address {key.address}"
            raise NotFoundError(message, hint="GET /api/v1/status lists the addresses of members")
        lasts = monitor.expiry if push.lasts is None else push.lasts
        if lasts > monitor.expiry:
            message = f"must be at most the monitor's expiry, {monitor.expiry:g} s (got {lasts:g} s)"
            raise RequestError(message, pointer="/for")
        self._kept[key] = _Kept(push, self._clock(), lasts)
        return lasts

    async def check(self, monitor: PushMonitor, address: str) -> Result:
        """The result that the latest push of one target stands for.

        Raises NoResultError where none was heard yet and it is too early to call that silence.
        """
        key, now = TargetKey(monitor.name, address), self._clock()
        kept = self._kept.get(key)
        if kept is None:
            silent = now - self._asked.setdefault(key, now)
            if silent < monitor.expiry:
                raise NoResultError(f"nothing heard yet, after {silent:.0f} s")
            return Result(False, 0.0, "timeout", f"nothing heard for {silent:.0f} s")
        if now - kept.heard >= kept.lasts:
            return Result(False, 0.0, "timeout", f"nothing heard for {now - kept.heard:.0f} s")
        return _judged(monitor, kept.push)

    def load(self, key: TargetKey) -> float | None:
        """The load that a target's latest push tells, while that holds."""
        kept = self._kept.get(key)
        return kept.push.load if kept and self._clock() - kept.heard < kept.lasts else None

    def _follow(self, config: Config) -> None:
        """Forget what the configuration no longer has."""
        if config is not self._config:
            self._config, self._targets = config, frozenset(targets_of(config))
            self._kept = {key: kept for key, kept in self._kept.items() if key in self._targets}
            self._asked = {key: since for key, since in self._asked.items() if key in self._targets}


def _judged(monitor: PushMonitor, push: Push) -> Result:
    detail = brief(push.detail)
    if not push.up:
        return Result(False, 0.0, "status", detail or "said to be down")
    if monitor.max_load is not None and push.load is not None and push.load > monitor.max_load:
        return Result(False, 0.0, "status", f"load {push.load:g} is above {monitor.max_load:g}")
    return Result(True, 0.0, "", detail)


async def check(monitor: PushMonitor, address: str) -> Result:
    """Raises NoResultError: only the `check` of a Board hears agents, and a node has one."""
    raise NoResultError(f"nobody hears agents of {address} here")


KIND = Kind(PushShape, build, check)
