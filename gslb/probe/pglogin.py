"""Logins to PostgreSQL, each in a process of its own, forked by a small program that is started for the first one.

The client runs nowhere near the probes of others: from some octets it never returns (gslb.probe.pgchild).
"""

import asyncio
import errno
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

from gslb.probe.exchange import Progress
from gslb.probe.result import ProbeError
from gslb.probe.trace import tracing

INSTALLED: Final = find_spec("asyncpg") is not None
PATIENCE: Final = 5.0  # seconds in which a process must be there, and between two starts of the program
_PROGRAM: Final = Path(__file__).with_name("pgchild.py")
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
_MAX_ANSWER: Final = 1 << 12  # octets


class Request(NamedTuple):
    """A login and what to ask then: one row of a boolean, recovering, and a float or NULL, the lag in seconds."""

    address: str
    port: int
    user: str
    password: str
    database: str
    query: str
    tls: str = "off"  # as in PostgresMonitor
    name: str = ""  # what the certificate must carry
    ca: str | None = None


class State(NamedTuple):
    """What a server says of itself; `lag` in seconds, None = not known."""

    recovering: bool
    lag: float | None


class Login:
    """A process that waits for its request. Its end of the channel closes where it is killed."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    async def ask(self, request: Request, within: float, progress: Progress) -> State:
        """Log in and ask. The kernel ends the process after `within` seconds; the caller has the same deadline.

        Raises ProbeError, and OSError where the connection fails.
        """
        progress.stage = "logging in"
        question = json.dumps({**request._asdict(), "within": max(within, 0.001)})  # 0 would be no limit
        await asyncio.get_running_loop().sock_sendall(self._channel, question.encode())
        answer = await self.hear()
        if answer and "stage" in answer:
            if trace := tracing():
                trace.note("connected", f"{request.address} port {request.port}, logged in")
            progress.stage = "logged in, waiting for the answer"
            answer = await self.hear()
        if not answer:
            raise ProbeError("protocol", "not a PostgreSQL answer: the client was lost over it")
        if "failed" in answer:
            raise _failure(answer)
        return State(answer["recovering"], answer["lag"])

    async def hear(self) -> dict[str, Any] | None:
        """The next message; None = the process is gone."""
        try:
            octets = await asyncio.get_running_loop().sock_recv(self._channel, _MAX_ANSWER)
        except ConnectionError:
            return None
        return json.loads(octets) if octets else None


def _failure(answer: dict[str, Any]) -> OSError | ProbeError:
    if answer["failed"] == "os":
        return OSError(answer["errno"], answer["text"])
    return ProbeError(answer["failed"], answer["text"])


class Logins:
    """The program that forks, started when there is none. It ends with this process, whatever ends that."""

    def __init__(self) -> None:
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._started = -PATIENCE

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Login]:
        """A process for one login, to be had before the deadline of a probe begins: loading the client takes a while.

        Raises OSError with EAGAIN where there is none: this says nothing of any target.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            ours.setblocking(False)
            with theirs:
                self._hand_over(theirs)
            login = Login(ours)
            begun = None
            try:
                async with asyncio.timeout(PATIENCE):
                    begun = await login.hear()
            except TimeoutError:
                self.close()
            if begun is None:
                raise OSError(errno.EAGAIN, "no process to log in to PostgreSQL with")
            yield login

    def close(self) -> None:
        """End the program; logins under way go on."""
        if self._running:
            process, control = self._running
            self._running = None
            control.close()
            process.kill()
            process.wait()

    def _hand_over(self, channel: socket.socket) -> None:
        if self._running and self._running[0].poll() is not None:
            self.close()
        _, control = self._running = self._running or self._start()
        try:
            socket.send_fds(control, [b"\n"], [channel.fileno()])
        except ConnectionError:
            self.close()
            raise OSError(errno.EAGAIN, "the program that logs in to PostgreSQL has ended") from None

    def _start(self) -> tuple["subprocess.Popen[bytes]", socket.socket]:
        now = time.monotonic()
        if now < self._started + PATIENCE:
            raise OSError(errno.EAGAIN, "the program that logs in to PostgreSQL ended, and waits to be started again")
        self._started = now
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            argv = [sys.executable, "-I", str(_PROGRAM)]
            process = subprocess.Popen(  # noqa: S603 - our own file
                argv,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        return process, ours


LOGINS: Final = Logins()
