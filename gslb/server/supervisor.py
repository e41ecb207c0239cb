"""The supervisor: starts the control process and the workers, watches them, and starts again what dies.

It holds no socket, reads no configuration and answers nothing; when it dies, the others go on without it.
"""

import logging
import signal
import time
from collections.abc import Sequence

from gslb.errors import StateError
from gslb.server import logs
from gslb.server.control_process import EX_CONFIG, ControlProcess
from gslb.server.crew import Crew
from gslb.server.pages import SLOTS
from gslb.server.processes import ProcessId, worker_count
from gslb.server.sockets import Address, address_text
from gslb.server.state import StateFolder
from gslb.server.takeover import Claim

log = logging.getLogger("gslb.supervisor")

_ROUND = 0.1  # seconds
_MOST_WORKERS = SLOTS // 3  # replacements and orphans need slots of their own


class Supervisor:
    """One node's processes."""

    def __init__(
        self, state_path: str, dns_addresses: Sequence[Address], workers: int | None, control_argv: Sequence[str]
    ) -> None:
        """`workers` None means as many as there are processors for us, at least two. Raises StateError."""
        self._addresses = tuple(dns_addresses)
        self._count = worker_count(workers)
        if not 1 <= self._count <= _MOST_WORKERS:
            raise StateError(f"{self._count} workers asked for, a supervisor runs 1 to {_MOST_WORKERS}")
        self._state = StateFolder(state_path)
        self._control_argv = control_argv
        self._stopping = False

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT (returns 0), or until the very first configuration proves bad (returns 1).

        Must be called in the main thread. Raises StateError where the state folder or an address is taken.
        """
        logs.configure(logs.inherited())
        self._claim = Claim(self._state, self._addresses)
        self._control = ControlProcess(self._control_argv, changed=self._note)
        self._crew = Crew(self._state.path, self._claim.pages, self._addresses, self._count, changed=self._note)
        self._crew.reserved = self._claim.slots()
        handlers = {signal.SIGTERM: self._on_stop, signal.SIGINT: self._on_stop, signal.SIGHUP: self._on_reload}
        before = {signum: signal.signal(signum, handler) for signum, handler in handlers.items()}
        code = 1
        try:
            code = self._serve()
        finally:
            self._end(keep_orphans=code != 0)
            for signum, handler in before.items():
                signal.signal(signum, handler)
        return code

    def _serve(self) -> int:
        announced = False
        wait = 0.0  # workers first: what is on disk is served at once
        while not self._stopping:
            self._crew.step(wait)
            wait = _ROUND
            self._control.step(time.monotonic())
            if self._control.exit_code == EX_CONFIG and not self._claim.pages.control.base_generation:
                return 1
            if not self._crew.complete:
                continue
            if not announced:
                where = ", ".join(map(address_text, self._addresses))
                log.info("serving %s with %d workers", where, self._count)
                announced = True
            if self._claim.orphans and self._claim.end_orphans(time.monotonic()):
                self._crew.reserved = ()
                self._note()
        return 0

    def _end(self, *, keep_orphans: bool) -> None:
        """Stop what we started. Leftovers that still serve are kept where we failed to take their place."""
        self._control.terminate()
        self._crew.stop()
        self._control.wait()
        if not keep_orphans:
            self._claim.wait_for_orphans()
        if self._claim.orphans:
            self._note()
        else:
            self._state.remove_run()
        self._claim.release()

    def _note(self) -> None:
        """Write the run file: whoever starts after a crash finds there what to end."""
        control = self._control.identity()
        self._state.write_run(
            {
                "supervisor": [ProcessId.me()],
                "control": [control] if control else [],
                "workers": [*self._crew.processes(), *self._claim.orphans],
            }
        )

    def _on_stop(self, *_: object) -> None:
        self._stopping = True

    def _on_reload(self, *_: object) -> None:
        self._control.reload()
