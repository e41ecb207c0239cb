"""A child process that another program started in this very process, before it made room for us by exec."""

import os
import signal
import subprocess
import time
from contextlib import suppress

_POLL = 0.005


class Adopted:
    """As much of subprocess.Popen as those need who watch children."""

    def __init__(self, pid: int) -> None:
        """`pid` is a child of this process that nobody has waited for."""
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """None while it runs, then its exit code; below 0: the signal that ended it."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else has waited for it: what it was is not known
                self.returncode = 0
            else:
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(_POLL)
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        """SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._send(signal.SIGKILL)

    def _send(self, signum: signal.Signals) -> None:
        if self.poll() is None:  # until it is waited for, its number is nobody else's
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)
