"""From the results of one target's probes to a verdict (semantics section 1). The clock is an argument.

    undecided   first success: up      first failure: ask for one retry at once      second failure: down
    up          `fall` failures in a row, or `flaky` of the last 20 results: down
    down        `rise` successes in a row: up; any failure starts over

The last 20 results are those since the verdict was taken, and the flaky rule is silent until all 20 are known: the
failures of an outage would otherwise take the target out again right after it has recovered.
"""

from collections import deque
from dataclasses import replace

from gslb.config.model import Monitor
from gslb.health.states import UNKNOWN, Observation, Verdict

WINDOW = 20


class Tracker:
    """What one prober believes of one target.

    `held` is a verdict from before (a restart, another definition of the monitor), kept until the results decide: by
    `fall` and `rise` where it is `trusted`, else as a first verdict is decided.
    """

    def __init__(self, monitor: Monitor, held: Observation = UNKNOWN, *, trusted: bool = False) -> None:
        self.observation = held
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
        verdict, told = self._judge(ok)
        calm = ok and (before.calm or self._run >= self._monitor.rise)
        if verdict != before.verdict:
            self._recent.clear()
            self.observation = Observation(verdict, now, told, calm)
            return self.observation
        if told != before.reason or calm != before.calm:
            self.observation = replace(before, reason=told, calm=calm)
        return None

    def _judge(self, ok: bool) -> tuple[Verdict, str]:
        """The verdict after the latest result, and the reason that goes with it."""
        if not self.decided:
            self.decided = ok or self._run == 2
            return ("up", "") if ok else ("down" if self.decided else self.observation.verdict, self._failure)
        if self.observation.verdict == "down":
            recovered = ok and self._run >= self._monitor.rise
            return ("up", "") if recovered else ("down", self.observation.reason if ok else self._failure)
        if not ok and self._run >= self._monitor.fall:
            return "down", self._failure
        failures = self._recent.count(False)
        if len(self._recent) == WINDOW and failures / WINDOW >= self._monitor.flaky:
            return "down", f"{failures} of the last {WINDOW} probes failed, latest: {self._failure}"
        return "up", "" if ok else self._failure
