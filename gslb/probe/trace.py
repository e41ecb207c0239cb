"""What one probe meets on its way, for people who look on. Without an onlooker nothing is noted.

A check notes its stages where it passes them: `if (trace := tracing()): trace.note("connected", ...)`. Names of stages
that all types share: `connected`, `tls`, `certificate`, `answer`, `body`.
"""

import time
from contextvars import ContextVar
from typing import Final, NamedTuple

from gslb.config.model import Monitor
from gslb.config.monitors import Check
from gslb.probe.result import Result, brief

MAX_BODY: Final = 200  # octets of an answer that are shown
_MAX_TEXT: Final = 4 * MAX_BODY  # characters: each octet may need an escape


class Stage(NamedTuple):
    """One step of a probe: what it is, the seconds from the start of the probe to its end, and what it showed."""

    name: str
    seconds: float
    text: str


class Trace:
    """The stages of one probe, in their order."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self._begun = time.monotonic()

    def note(self, name: str, text: str = "") -> None:
        """A stage is over; one that was noted before keeps its time. What strangers said is made printable, and cut."""
        shown = brief(text, _MAX_TEXT)
        for at, stage in enumerate(self.stages):
            if stage.name == name:
                self.stages[at] = stage._replace(text=shown)
                return
        self.stages.append(Stage(name, time.monotonic() - self._begun, shown))

    def body(self, octets: bytes) -> None:
        """The first octets of an answer, as printable text with escapes."""
        self.note("body", repr(octets[:MAX_BODY])[2:-1])


_TRACE: ContextVar[Trace | None] = ContextVar("trace", default=None)


def tracing() -> Trace | None:
    """The trace of the probe under way, where somebody looks on."""
    return _TRACE.get()


async def traced(check: Check, monitor: Monitor, address: str) -> tuple[Result, tuple[Stage, ...]]:
    """Make one probe and tell its stages. Raises what the check raises."""
    trace = Trace()
    token = _TRACE.set(trace)
    try:
        result: Result = await check(monitor, address)
    finally:
        _TRACE.reset(token)
    return result, tuple(trace.stages)


def peer_text(peer: object) -> str:
    """The other end of a connection as people write it; `peer` is what `getpeername` returns."""
    return f"{peer[0]} port {peer[1]}" if isinstance(peer, tuple) else ""
