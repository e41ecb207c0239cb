"""How late probes started, or how long they took, as counts in fixed bounds: its memory does not grow with time."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # seconds


class Lateness:
    """A histogram of seconds, with their `total` and the `worst` of them."""

    def __init__(self, bounds: Sequence[float] = BOUNDS) -> None:
        self._bounds = bounds
        self.total = 0.0
        self.worst = 0.0
        self._counts = [0] * (len(bounds) + 1)  # the last: beyond every bound

    def note(self, seconds: float) -> None:
        """Count one probe. A timer may fire a hair before its time: that is in time, not early."""
        late = max(seconds, 0.0)
        self._counts[bisect_left(self._bounds, late)] += 1
        self.total += late
        self.worst = max(self.worst, late)

    def cumulative(self) -> list[int]:
        """How many were at most as late as each of the bounds, and last how many there were."""
        return list(accumulate(self._counts))
