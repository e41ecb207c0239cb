"""How long the probes of each monitor took, and why they failed: the same memory after a year as after a minute."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from gslb.probe.lateness import Lateness
from gslb.probe.result import Result

BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds


class Durations:
    """By monitor. `took` and `failures` (by monitor and reason) are for reading."""

    def __init__(self) -> None:
        self.took: dict[str, Lateness] = {}
        self.failures: Counter[tuple[str, str]] = Counter()

    def keep(self, monitors: Mapping[str, object]) -> None:
        """Follow a configuration: what it does not know is forgotten, what it knows is there from the start."""
        self.took = {name: self.took.get(name) or Lateness(BOUNDS) for name in monitors}
        self.failures = Counter({place: count for place, count in self.failures.items() if place[0] in monitors})

    def note(self, monitor: str, result: Result) -> None:
        """Count one probe. One that was under way while its monitor left the configuration is nothing."""
        if monitor not in self.took:
            return
        self.took[monitor].note(result.latency)
        if not result.ok:
            self.failures[monitor, result.reason] += 1
