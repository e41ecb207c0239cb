"""One target as one node watches it."""

from gslb.config.model import Monitor
from gslb.health.states import TargetKey
from gslb.health.tracker import WINDOW, Tracker
from gslb.probe.schedule import phase_of
from tests.simulation.truth import Path


class Watch:
    """One target under watch. `run` counts equal results; an `idle` one waits until something changes."""

    __slots__ = ("idle", "key", "monitor", "ok", "path", "phase", "place", "run", "slot", "tracker")

    def __init__(self, key: TargetKey, monitor: Monitor, place: str) -> None:
        self.key = key
        self.monitor = monitor
        self.place = place
        self.phase = phase_of(key)
        self.tracker = Tracker(monitor)
        self.path = Path(True, 0.0)
        self.run = 0
        self.ok = True
        self.slot = 0
        self.idle = False

    @property
    def settled(self) -> bool:
        """Whether more results like the last would change nothing."""
        if self.ok != self.path.ok:  # the truth changed while this probe was on its way
            return False
        seen = self.tracker.observation
        if self.ok:
            return seen.verdict == "up" and self.run >= WINDOW + self.monitor.rise and self.path.steady
        return seen.verdict == "down" and self.run >= WINDOW + self.monitor.fall
