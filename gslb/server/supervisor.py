"""The supervisor: starts the control process and the workers, watches them, and starts again what dies.

It holds no socket, reads no configuration and answers nothing; when it dies, the others go on without it.
"""

import logging
import signal
import time
from collections.abc import Sequence
from contextlib import suppress

from gslb.errors import StateError
from gslb.server import logs, upgrade
from gslb.server.control_process import EX_CONFIG, ControlProcess
from gslb.server.crew import Crew
from gslb.server.manager import Manager
from gslb.server.pages import SLOTS
from gslb.server.processes import ProcessId, worker_count
from gslb.server.sockets import Address, address_text
from gslb.server.state import StateFolder
from gslb.server.takeover import Claim
from gslb.server.upgrade import NO_SUCCESSOR, Handed, Successor, Upgrade

log = logging.getLogger("gslb.supervisor")

_ROUND = 0.1  # seconds
_MOST_WORKERS = SLOTS // 3  # replacements and orphans need slots of their own


class Supervisor:
    """One node's processes."""

    def __init__(
        self,
        state_path: str,
        dns_addresses: Sequence[Address],
        workers: int | None,
        control_argv: Sequence[str],
        successor: Successor = NO_SUCCESSOR,
    ) -> None:
        """`workers` None means as many as there are processors for us, at least two. Raises StateError.

        `successor` is the program that an upgrade puts in our place. Where we are one ourselves, we serve where the
        program before us did, and with as many workers.
        """
        self._handed = Handed.take()
        self._addresses = self._handed.addresses if self._handed else tuple(dns_addresses)
        self._count = self._handed.wanted if self._handed else worker_count(workers)
        if not 1 <= self._count <= _MOST_WORKERS:
            raise StateError(f"{self._count} workers asked for, a supervisor runs 1 to {_MOST_WORKERS}")
        self._state = StateFolder(state_path)
        self._control_argv = control_argv
        self._upgrade = Upgrade(successor)
        self._manager = Manager.inherited()
        self._stopping = self._announced = self._reloading = False

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT (returns 0), or until the very first configuration proves bad (returns 1).

        Must be called in the main thread. Raises StateError where the state folder or an address is taken.
        """
        logs.configure(logs.inherited())
        self._claim = Claim(self._state, self._addresses, self._handed)
        self._control = ControlProcess(self._control_argv, changed=self._note)
        self._crew = Crew(self._state.path, self._claim.pages, self._addresses, self._count, changed=self._note)
        if self._handed:
            log.info("upgraded: %d workers of the program before serve until they are replaced", self._count)
            self._crew.adopt(self._handed.workers)
        self._crew.reserved = self._claim.slots()
        handlers = {
            signal.SIGTERM: self._on_stop,
            signal.SIGINT: self._on_stop,
            signal.SIGHUP: self._on_reload,
            upgrade.SIGNAL: self._on_upgrade,
        }
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
        wait = 0.0  # workers first: what is on disk is served at once
        while not self._stopping:
            self._crew.step(wait)
            wait = _ROUND
            self._control.step(time.monotonic())
            if self._control.exit_code == EX_CONFIG and not self._claim.pages.control.base_generation:
                return 1
            self._tell()
            if not self._crew.complete:
                continue
            if self._claim.orphans and self._claim.end_orphans(time.monotonic()):
                self._crew.reserved = ()
                self._note()
            if self._upgrade.step(time.monotonic(), quiet=self._crew.quiet and not self._claim.orphans):
                self._leave()
        return 0

    def _tell(self) -> None:
        """The log and the service manager hear when all serve; the manager also how it goes, and that we live.

        Its watchdog ends all of us, so it starves only while no worker answers.
        """
        if not self._announced and self._crew.complete:
            where = ", ".join(map(address_text, self._addresses))
            log.info("serving %s with %d workers", where, self._count)
        status = f"{self._crew.serving} of {self._count} workers serve"
        if self._crew.complete and (not self._announced or self._reloading):
            self._announced, self._reloading = True, False
            self._manager.ready(status)
        if self._announced:
            self._manager.status(status)
        if self._crew.serving:
            self._manager.alive(time.monotonic())

    def _leave(self) -> None:
        """Become the program that was found good. Workers serve on; control ends first, since two must not publish."""
        self._manager.reloading()
        self._control.terminate()
        self._control.wait()
        handed = Handed(self._claim.lock, self._addresses, self._count, tuple(self._crew.hand_on()))
        self._manager.give_back()
        with suppress(OSError):
            handed.leave(self._upgrade.successor.serve)
        log.error("not upgraded: %s cannot be started", self._upgrade.successor.serve[0])
        self._reloading = True

    def _end(self, *, keep_orphans: bool) -> None:
        """Stop what we started. Leftovers that still serve are kept where we failed to take their place."""
        self._manager.stopping()
        self._upgrade.close()
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
        self._manager.reloading()
        self._reloading = True
        self._control.reload()

    def _on_upgrade(self, *_: object) -> None:
        self._upgrade.request()
