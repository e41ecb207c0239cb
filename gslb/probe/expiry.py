"""The certificate that a target shows: when it ends, and whether it is time to warn of that."""

from dataclasses import dataclass
from typing import Final

DAY: Final = 86400.0
_ANOTHER: Final = 3600.0  # seconds between the ends of two certificates; those of one are computed anew by each probe


@dataclass(slots=True, eq=False)
class Certificate:
    """What the latest probe that saw a certificate found. Times are epoch seconds, `None` before there was one."""

    ends: float | None = None
    _told: float | None = None  # the end that was warned of last
    _told_at: float = 0.0

    def note(self, days: float, warn_days: int, now: float) -> bool:
        """Take in the days that are left. Returns whether to warn: once a day while they are fewer than `warn_days`,
        and at once for a certificate that ends sooner than the one before."""
        self.ends = now + days * DAY
        if days >= warn_days:
            return False
        if self._told is not None and self.ends > self._told - _ANOTHER and now < self._told_at + DAY:
            return False
        self._told, self._told_at = self.ends, now
        return True

    def days(self, now: float) -> float | None:
        """Days that are left at `now`, below 0 once it has ended; None where none was seen."""
        return None if self.ends is None else (self.ends - now) / DAY
