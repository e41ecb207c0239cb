"""The control process under a supervisor: started again whenever it ends."""

import logging
import signal
import subprocess
from collections.abc import Callable, Sequence

from gslb.server.backoff import Backoff
from gslb.server.processes import ProcessId

log = logging.getLogger("gslb.supervisor")

EX_CONFIG = 78  # sysexits.h: the configuration is wrong; the process has printed why
_GRACE = 5.0


class ControlProcess:
    """Runs an argument vector for as long as the supervisor runs."""

    def __init__(self, argv: Sequence[str], *, changed: Callable[[], None]) -> None:
        """`changed` is called after every start and end."""
        self._argv = list(argv)
        self._changed = changed
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._backoff = Backoff()
        self._reload = False
        self.exit_code: int | None = None  # of the run that ended last

    def identity(self) -> ProcessId | None:
        """The process, if one runs."""
        return ProcessId.of(self._process.pid) if self._process else None

    def step(self, now: float) -> None:
        """Start it, note its end, pass on a reload: whatever is due at `now` (monotonic)."""
        if self._process and self._process.poll() is not None:
            self._ended(self._process.returncode, now)
        if not self._process and self._backoff.ready(now):
            self._process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL)  # noqa: S603
            self._started = now
            self._changed()
        if self._reload and (process := self.identity()) and process.catches(signal.SIGHUP):
            self._reload = False
            process.send(signal.SIGHUP)

    def _ended(self, code: int, now: float) -> None:
        log.warning("the control process ended (exit code %d); workers go on without it", code)
        self.exit_code = code
        self._process = None
        self._backoff.died(0.0 if code == EX_CONFIG else now - self._started, now)
        self._changed()

    def reload(self) -> None:
        """Ask it to read its configuration again, as soon as it listens to SIGHUP: before, that would end it."""
        self._reload = True

    def terminate(self) -> None:
        """Begin to end it."""
        if self._process:
            self._process.terminate()

    def wait(self) -> None:
        """Return when it has ended; it is killed if that takes long."""
        if not self._process:
            return
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
