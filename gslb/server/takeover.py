"""What a new `serve` does before it starts anything: be alone on the folder and the addresses, and find leftovers.

Workers that outlived their supervisor go on serving until the new ones do; an orphaned control process ends first,
since two must not publish.
"""

import logging
import signal
import time
from collections.abc import Sequence
from typing import Any

from gslb.errors import StateError
from gslb.server.pages import Pages
from gslb.server.processes import ProcessId, end
from gslb.server.sockets import Address, check_free
from gslb.server.state import FileLock, StateFolder, process_ids
from gslb.server.upgrade import Handed

log = logging.getLogger("gslb.supervisor")

_CONTROL_GRACE = 3.0
_POLL = 0.05
_WORKER_GRACE = 7.0  # TCP clients have five


class Claim:
    """The right to serve from a state folder on some addresses, and what a predecessor left there."""

    def __init__(self, state: StateFolder, addresses: Sequence[Address], handed: Handed | None = None) -> None:
        """`handed`: what the program left that was this process before; its workers are no orphans.

        Raises StateError that says who holds the folder or an address; then nothing has changed.
        """
        self._lock: FileLock = state.lock(handed.lock if handed else None)
        ours = {worker.pid for worker in handed.workers} if handed else set[int]()
        try:
            run = state.read_run()
            if not handed:  # else it is ourselves
                _refuse_living(run, state)
            self._orphans = [process for process in process_ids(run, "workers") if process.pid not in ours]
            if not handed:  # else a socket that tries the address would take queries away from those that answer
                check_free(addresses, {process.pid for process in self._orphans})
            _end_control(run)
            state.lock_publisher().release()
        except StateError:
            self._lock.release()
            raise
        self._kill_at = 0.0
        self.pages = Pages(state.pages_path)
        for slot, page in self.pages.used():
            if page.process not in self._orphans and page.pid not in ours:
                self.pages.retire(slot)
        newest = state.newest() or (0, 0)
        self.pages.control.base_generation, self.pages.control.leaves_generation = newest

    @property
    def orphans(self) -> list[ProcessId]:
        """Workers of a supervisor that is gone; they still serve."""
        return self._orphans

    def slots(self) -> list[int]:
        """The slots that orphans write to."""
        return [slot for slot, page in self.pages.used() if page.process in self._orphans]

    @classmethod
    def alone(cls, state: StateFolder, addresses: Sequence[Address]) -> "Claim":
        """Claim for a node in one process, which has nobody to serve while it starts: orphans end first."""
        claim = cls(state, addresses)
        claim.wait_for_orphans()
        return claim

    def wait_for_orphans(self) -> None:
        """End them, and return when they are gone."""
        while not self.end_orphans(time.monotonic()):
            time.sleep(_POLL)

    def end_orphans(self, now: float) -> bool:
        """End them, since others serve in their place. They finish TCP, so call again until it is done (True)."""
        if self._orphans and not self._kill_at:
            log.warning("ending %d workers of a supervisor that is gone", len(self._orphans))
            self._kill_at = now + _WORKER_GRACE
            self._signal(signal.SIGTERM)
        elif self._orphans and now > self._kill_at:
            self._signal(signal.SIGKILL)
        for slot, page in self.pages.used():
            if page.process in self._orphans and not page.process.alive():
                self.pages.retire(slot)
        self._orphans = [process for process in self._orphans if process.alive()]
        return not self._orphans

    def _signal(self, signum: signal.Signals) -> None:
        for process in self._orphans:
            process.send(signum)

    @property
    def lock(self) -> int:
        """The descriptor that holds the folder, for the program that takes our place."""
        return self._lock.fd

    def release(self) -> None:
        """Let another node have the folder."""
        self.pages.close()
        self._lock.release()


def _refuse_living(run: dict[str, Any], state: StateFolder) -> None:
    """The lock is ours, so its last holder should be dead; unless someone removed the lock file under it."""
    for supervisor in process_ids(run, "supervisor"):
        raise StateError(f"state folder {state.path} is in use by process {supervisor.pid}", hint="stop it first")


def _end_control(run: dict[str, Any]) -> None:
    for control in process_ids(run, "control"):
        log.warning("ending the control process %d of a supervisor that is gone", control.pid)
        end([control], _CONTROL_GRACE)
