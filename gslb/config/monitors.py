"""Monitors from YAML. What a type asks and expects is defined with its probe (gslb/probe/); here is what all share."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from gslb.config.document import Findings, Path, suggestion
from gslb.config.model import Monitor
from gslb.config.schema import MonitorShape
from gslb.config.validate import validate
from gslb.config.values import identifier

DEFAULT_TIMEOUT: Final = 2.0  # seconds; no more than the interval
MANY_PROBERS: Final = 3  # from so many on, a verdict needs two voters unless the monitor says otherwise


class Common(NamedTuple):
    """What every monitor has: how often and how strictly."""

    name: str
    interval: float
    timeout: float
    fall: int
    rise: int
    jitter: float
    flaky: float
    min_votes: int
    self_vote: bool


class Source(NamedTuple):
    """Where a monitor stands, and how it reaches files: `resolve(path)` is absolute, or raises ValueError."""

    path: Path
    findings: Findings
    resolve: Callable[[str], str]

    def file(self, key: str, path: str | None) -> str | None:
        """The absolute path of a file that the monitor names; None, after the problem was noted, where it is none."""
        try:
            return None if path is None else self.resolve(path)
        except ValueError as error:
            self.findings.problem((*self.path, key), str(error))
            return None


Check = Callable[[Any, str], Awaitable[Any]]  # (monitor of its kind, address) -> what one probe found


class Kind(NamedTuple):
    """A type of monitor: the shape of its YAML, the monitor made of it, and the check that it stands for.

    `build(common, shape, source)` notes what is wrong in `source`.
    """

    shape: type[MonitorShape]
    build: Callable[[Common, Any, Source], Monitor]
    check: Check


Kinds = Mapping[str, Kind]  # by the word that stands in `type`


class Makers(NamedTuple):
    """What monitors are made with: the types that there are, where problems are noted, how files are reached.

    `probers` is how many nodes probe.
    """

    kinds: Kinds
    findings: Findings
    resolve: Callable[[str], str]
    probers: int = 1


def build_monitor(name: str, raw: object, makers: Makers) -> Monitor | None:
    """The monitor, or None after its problems were noted."""
    kinds, findings, resolve, _ = makers
    path: Path = ("monitors", name)
    try:
        identifier(name)
    except ValueError as error:
        findings.problem(path, str(error), key=True)
    word = raw.get("type") if isinstance(raw, dict) else None
    kind = kinds.get(word) if isinstance(word, str) else None
    if word is not None and kind is None:
        findings.problem((*path, "type"), f"is not a type of monitor (got {word!r})", suggestion(str(word), kinds))
        return None
    shape = validate(kind.shape if kind else MonitorShape, raw, path, findings)
    if shape is None or kind is None:
        return None
    return kind.build(_common(name, shape, makers), shape, Source(path, findings, resolve))


def _common(name: str, shape: MonitorShape, makers: Makers) -> Common:
    path: Path = ("monitors", name)
    timeout = min(DEFAULT_TIMEOUT, shape.interval) if shape.timeout is None else shape.timeout
    if timeout > shape.interval:
        message = f"must be at most the interval, {shape.interval:g} s (got {timeout:g} s)"
        makers.findings.problem((*path, "timeout"), message, "a probe ends before the next one starts")
    votes = shape.min_votes or (1 if makers.probers < MANY_PROBERS else 2)
    if votes > makers.probers:
        message = f"must be at most the number of probers, {makers.probers} (got {votes})"
        makers.findings.problem((*path, "min_votes"), message, "with fewer voters nothing is ever decided")
    timing = (shape.interval, timeout, shape.fall, shape.rise, shape.jitter, shape.flaky)
    return Common(name, *timing, votes, shape.self_vote)
