"""A lease of etcd, and the proof by this machine's own clock that etcd cannot have ended it yet.

The proof counts from before the renewal was sent: etcd begins to count later, never earlier. It ends `MARGIN` early. In
that time falls a pause between two looks (`TICK`), and then stopping (2 x STOP).
"""

import time
from collections.abc import Callable

from deploy.lab.database.etcd import Etcd
from deploy.lab.database.ledger import TTL
from deploy.lab.database.postgres import STOP

TICK = 0.5  # seconds between two looks
MARGIN = TICK + 2 * STOP + 0.2


def boot_time() -> float:
    """Seconds since the machine was started, those that it slept included: etcd's clock did not sleep with it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """The lease of one guardian; number 0 = none yet. Raises NoMajorityError."""

    def __init__(self, etcd: Etcd, clock: Callable[[], float] = boot_time) -> None:
        self._etcd, self.clock = etcd, clock
        self.number = 0
        self._renewed = float("-inf")

    def left(self) -> float:
        """The seconds for which a primary may run on without another renewal; none is left where it is not above 0."""
        return self._renewed + TTL - MARGIN - self.clock()

    def renew(self) -> bool:
        """Whether it lives. No answer is waited for longer than it is proved: then there is something else to do."""
        begun, left = self.clock(), self.left()
        if self.number and self._etcd.renew(self.number, left if left > 0 else TTL):
            self._renewed = begun
            return True
        self._renewed = float("-inf")
        return False

    def grant(self) -> None:
        """Another one. It proves nothing before it is renewed: the ledger does not name it yet."""
        self.number = self._etcd.grant(TTL)
