"""How late probes started, as counts in fixed bounds: it costs the same memory after a year as after a minute."""

from bisect import bisect_left
from itertools import accumulate
from typing import Final

BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # seconds


class Lateness:
    """A histogram of seconds, with their `total` and the `worst` of them."""

    def __init__(self) -> None:
        self.total = 0.0
        self.worst = 0.0
        self._counts = [0] * (len(BOUNDS) + 1)  # the last: beyond every bound

    def note(self, seconds: float) -> None:
        """Count one probe. A timer may fire a hair before its time: that is in time, not early."""
        late = max(seconds, 0.0)
        self._counts[bisect_left(BOUNDS, late)] += 1
        self.total += late
        self.worst = max(self.worst, late)

    def cumulative(self) -> list[int]:
        """How many were at most as late as each of BOUNDS, and last how many there were."""
        return list(accumulate(self._counts))
