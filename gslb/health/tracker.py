"""From the results of one target's probes to a verdict (semantics section 1). The clock is an argument.

TRANSITIONS holds every way from one verdict to another. The last 20 results are those since the verdict was taken, and
the flaky rule is silent until all 20 are known: the failures of an outage would otherwise take the target out again
right after it has recovered.
"""

from collections import deque
from dataclasses import replace
from typing import NamedTuple

from gslb.config.model import Monitor
from gslb.health.states import UNKNOWN, Observation, Verdict

WINDOW = 20


class Transition(NamedTuple):
    """One way from a verdict to another, and what leads there, in words."""

    before: Verdict
    event: str
    after: Verdict


FIRST_SUCCESS = Transition("unknown", "the first probe succeeds", "up")
FIRST_FAILURE = Transition("unknown", "the first probe fails, and its retry at once", "down")
FALL = Transition("up", "fall failures in a row", "down")
FLAKY = Transition("up", f"a share flaky of the last {WINDOW} probes fails", "down")
RISE = Transition("down", "rise successes in a row", "up")
TRANSITIONS = (FIRST_SUCCESS, FIRST_FAILURE, FALL, FLAKY, RISE)


def diagram() -> str:
    """TRANSITIONS as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> unknown"]
    return "\n".join([*lines, *(f"    {one.before} --> {one.after}: {one.event}" for one in TRANSITIONS)])


class Tracker:
    """What one prober believes of one target.

    `held` is a verdict from before (a restart, another definition of the monitor), kept until the results decide: by
    `fall` and `rise` where it is `trusted`, else as a first verdict is decided.
    """

    def __init__(self, monitor: Monitor, held: Observation = UNKNOWN, *, trusted: bool = False) -> None:
        self.observation = replace(held, no_quorum=False)  # which was said of many probers, and this is one
        self.decided = trusted and held.verdict != "unknown"
        self._monitor = monitor
        self._run = 0  # how many of the latest results were equal
        self._last = True
        self._failure = held.reason  # of the latest failure
        self._recent: deque[bool] = deque(maxlen=WINDOW)

    @property
    def retry_now(self) -> bool:
        """Whether a first failure waits for its retry, which should be made at once."""
        return not self.decided and self._run > 0

    def record(self, ok: bool, reason: str, now: float) -> Observation | None:
        """Take one result, at `now` (epoch seconds); the observation if its verdict changed by it.

        `reason` says why a failure failed. The latest is kept while the target is down, or up with a failure last.
        """
        self._run = self._run + 1 if ok == self._last else 1
        self._last = ok
        self._recent.append(ok)
        if not ok:
            self._failure = reason
        before = self.observation
        transition, told = self._judge(ok)
        verdict = transition.after if transition else before.verdict
        calm = ok and (before.calm or self._run >= self._monitor.rise)
        if verdict != before.verdict:
            self._recent.clear()
            self.observation = Observation(verdict, now, told, calm)
            return self.observation
        if told != before.reason or calm != before.calm:
            self.observation = replace(before, reason=told, calm=calm)
        return None

    def _judge(self, ok: bool) -> tuple[Transition | None, str]:
        """What the latest result leads to, and the reason that goes with it."""
        if not self.decided:
            self.decided = ok or self._run == 2
            return (FIRST_SUCCESS, "") if ok else (FIRST_FAILURE if self.decided else None, self._failure)
        if self.observation.verdict == "down":
            recovered = ok and self._run >= self._monitor.rise
            return (RISE, "") if recovered else (None, self.observation.reason if ok else self._failure)
        if not ok and self._run >= self._monitor.fall:
            return FALL, self._failure
        failures = self._recent.count(False)
        if len(self._recent) == WINDOW and failures / WINDOW >= self._monitor.flaky:
            return FLAKY, f"{failures} of the last {WINDOW} probes failed, latest: {self._failure}"
        return None, "" if ok else self._failure
