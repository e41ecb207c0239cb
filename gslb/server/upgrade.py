"""How a supervisor makes room for another program without a lost query: exec in its own place.

    old program: the new one looks at configuration and state (`Successor.check`); if it is content, exec
    new program: the same process, so parent of the same workers; it holds the lock and their channels already,
                 and replaces each worker as a reload does: sockets are handed over, and the queries in them

Until a new worker answers, the old one does: a new program whose workers do not start changes nothing for clients.
What is left to the new program is text in one variable of the environment, and descriptors that exec leaves open.
"""

import json
import logging
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from gslb.server.sockets import Address

log = logging.getLogger("gslb.supervisor")

VARIABLE = "GSLB_HANDED_OVER"
SIGNAL = signal.SIGUSR2
_LOOKS = 60.0  # seconds that the new program may look


class Worker(NamedTuple):
    """A worker that serves: its process, its slot, and our end of its channel."""

    pid: int
    slot: int
    fd: int


class Handed(NamedTuple):
    """What the new program gets: the lock on the state folder, where is served, the workers and how many to run."""

    lock: int
    addresses: tuple[Address, ...]
    wanted: int
    workers: tuple[Worker, ...]

    @classmethod
    def take(cls) -> Self | None:
        """What a program before us left, or None; the variable is gone then, and no child inherits a descriptor."""
        text = os.environ.pop(VARIABLE, "")
        if not text:
            return None
        left: dict[str, Any] = json.loads(text)
        addresses = tuple((str(host), int(port)) for host, port in left["addresses"])
        handed = cls(left["lock"], addresses, left["wanted"], tuple(Worker(*worker) for worker in left["workers"]))
        for fd in handed.descriptors():
            os.set_inheritable(fd, False)
        return handed

    def descriptors(self) -> list[int]:
        """All that must stay open over exec."""
        return [self.lock, *(worker.fd for worker in self.workers)]

    def leave(self, argv: Sequence[str]) -> None:
        """Become another program; returns only by OSError, and then nothing has changed.

        A reload that is asked for before it listens is ignored: it reads the configuration anyway.
        """
        before = {signum: signal.signal(signum, signal.SIG_IGN) for signum in (signal.SIGHUP, SIGNAL)}
        os.environ[VARIABLE] = json.dumps(self._asdict())
        try:
            for fd in self.descriptors():
                os.set_inheritable(fd, True)
            os.execvp(argv[0], [*argv])  # noqa: S606 - no shell
        finally:
            del os.environ[VARIABLE]
            for fd in self.descriptors():
                os.set_inheritable(fd, False)
            for signum, handler in before.items():
                signal.signal(signum, handler)


class Successor(NamedTuple):
    """The commands of a program that may take our place: `serve` does, `check` says by exit code 0 that it could."""

    serve: tuple[str, ...] = ()
    check: tuple[str, ...] = ()


NO_SUCCESSOR = Successor()


class Upgrade:
    """An upgrade from the request to the moment at which nothing is left to do but to `leave`."""

    def __init__(self, successor: Successor) -> None:
        self.successor = successor
        self._wanted = False
        self._look: subprocess.Popen[bytes] | None = None
        self._until = 0.0
        self._content = False

    def request(self) -> None:
        """Begin soon. Safe in a signal handler."""
        self._wanted = True

    def step(self, now: float, *, quiet: bool) -> bool:
        """Whether to leave now: the new program is content, and no worker comes or goes. `now` is monotonic."""
        if self._wanted and not self._look and not self._content:
            self._wanted = False
            self._begin(now)
        if self._look:
            self._watch(self._look, now)
        if not (self._content and quiet):
            return False
        self._content = False
        return True

    def _begin(self, now: float) -> None:
        if not self.successor.check:
            log.error("not upgraded: this node was not started by `gslb serve`")
            return
        log.info("upgrade: %s looks whether it can take over", self.successor.check[0])
        self._until = now + _LOOKS
        try:
            self._look = subprocess.Popen(self.successor.check, stdin=subprocess.DEVNULL)  # noqa: S603
        except OSError as error:
            log.error("not upgraded: %s: %s", self.successor.check[0], error.strerror)

    def _watch(self, look: "subprocess.Popen[bytes]", now: float) -> None:
        code = look.poll()
        if code is None and now < self._until:
            return
        self._look = None
        self._content = code == 0
        if code is None:
            look.kill()
            look.wait()
            log.error("not upgraded: the new program looked for over %.0f s", _LOOKS)
        elif code:
            log.error("not upgraded: the new program refuses (exit code %d)", code)

    def close(self) -> None:
        """Nothing is left behind."""
        if self._look:
            self._look.kill()
            self._look.wait()
            self._look = None
