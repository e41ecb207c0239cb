"""The `exec` monitor: run a program, never a shell, and judge its exit code as Nagios does.

Each run is a process group of its own. Whatever of it is left when the program has ended, or when its time is over, is
killed; the program itself is reaped, so that nothing stays behind but what has left the group of its own will.
"""

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from gslb.config.model import Monitor
from gslb.config.monitors import Common, Kind, Source
from gslb.config.schema import MonitorShape, matching
from gslb.probe.exchange import OURS, Progress, conclude
from gslb.probe.result import ProbeError, Result, brief
from gslb.probe.trace import tracing

MAX_OUTPUT: Final = 4096  # octets of which the first line is taken
MAX_DRAINED: Final = 1 << 20  # octets after which a program that goes on writing is ended
_CHUNK: Final = 65536
_GRACE: Final = 0.5  # seconds in which what was killed is expected to be gone
_PATH: Final = "/usr/bin:/bin"
_OWN: Final = ("GSLB_ADDRESS", "GSLB_MONITOR")
_UP, _WARNING = 0, 1
_WORDS: Final = {_WARNING: "warning", 2: "critical", 3: "unknown"}


@dataclass(frozen=True, slots=True)
class ExecMonitor(Monitor):
    """A program with its arguments, its environment, and what exit code 1 counts as."""

    kind: ClassVar[str] = "exec"

    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    warning: Literal["up", "down"] = "up"


Text = Annotated[str, matching(r"[^\0]{0,4096}", "at most 4096 characters without NUL")]
Variable = Annotated[str, matching(r"[A-Za-z_][A-Za-z0-9_]{0,99}", "the name of a variable such as PGUSER")]


class ExecShape(MonitorShape):
    command: Annotated[list[Text], Field(min_length=1, max_length=100)]
    environment: Annotated[dict[Variable, Text], Field(max_length=100)] = {}
    warning: Literal["up", "down"] = "up"


def build(common: Common, shape: ExecShape, source: Source) -> ExecMonitor:
    """See gslb.config.monitors.Kind."""
    if not shape.command[0].startswith("/"):
        where = (*source.path, "command", 0)
        message = f"must be the absolute path of a program (got {shape.command[0]!r})"
        source.findings.problem(where, message, "no shell and no search path is used")
    for name in _OWN:
        if name in shape.environment:
            source.findings.problem((*source.path, "environment", name), "is set by the probe", key=True)
    return ExecMonitor(
        command=tuple(shape.command),
        environment=tuple(shape.environment.items()),
        warning=shape.warning,
        **common._asdict(),
    )


async def check(monitor: ExecMonitor, address: str) -> Result:
    """Run the program for one address (canonical text). Raises OSError only where this machine cannot start it.

    The first line of its output is the detail of the result, whatever the result is.
    """
    said = ""

    async def ask(progress: Progress) -> None:
        nonlocal said
        progress.stage = "program still running"
        code, said = await _run(monitor, address)
        if trace := tracing():
            trace.note("answer", _ending(code))
        if code != _UP and (code != _WARNING or monitor.warning == "down"):
            raise ProbeError("exec", _told(code, said))

    result = await conclude(ask, monitor.timeout)
    return replace(result, detail=brief(said)) if result.ok else result


def _told(code: int, said: str) -> str:
    if code in _WORDS:
        return said or f"{_WORDS[code]}, without output"
    return f"{_ending(code)}: {said}" if said else _ending(code)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


async def _run(monitor: ExecMonitor, address: str) -> tuple[int, str]:
    """The exit code, negative for a signal, and the first line of the output."""
    run = _Run([text.replace("{address}", address) for text in monitor.command], _environment(monitor, address))
    try:
        code = await run.ended
    finally:
        await run.close()
        if trace := tracing():
            trace.body(run.output)
    return code, run.output.partition(b"\n")[0].decode(errors="replace").strip()


def _environment(monitor: ExecMonitor, address: str) -> dict[str, str]:
    """All that the program sees; nothing of this process's own environment is in it."""
    own = dict(zip(_OWN, (address, monitor.name), strict=True))
    return {"PATH": _PATH, "LC_ALL": "C", **dict(monitor.environment), **own}


class _Run:
    """One run of a program. `ended` is its exit code; `output` the beginning of what it wrote so far.

    The program is reaped by a callback, after its group was killed: until then its number cannot become that of
    another group, and a probe that is cancelled leaves no zombie.
    """

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.output = b""
        self._drained = 0
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self._gone = asyncio.Event()
        self._process, self._watched = _start(command, environment)
        assert self._process.stdout
        self._pipe = self._process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        self._loop.add_reader(self._pipe, self._read)
        self._loop.add_reader(self._watched, self._reap)

    async def close(self) -> None:
        """Kill what is left of the group. Returns when the program is gone, or after a short grace."""
        self._kill()
        self._hang_up()
        with suppress(TimeoutError):  # a process that hangs in the kernel is reaped when it leaves it
            async with asyncio.timeout(_GRACE):
                await self._gone.wait()

    def _read(self) -> None:
        try:
            chunk = os.read(self._pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return
        self.output += chunk[: MAX_OUTPUT - len(self.output)]
        self._drained += len(chunk)
        if self._drained > MAX_DRAINED:
            self._settle(ProbeError("exec", f"ended: more than {MAX_DRAINED} octets of output"))
        if not chunk or self._drained > MAX_DRAINED:
            self._hang_up()

    def _reap(self) -> None:
        self._kill()
        code = self._process.poll()
        if code is None:
            return
        self._loop.remove_reader(self._watched)
        os.close(self._watched)
        self._gone.set()
        if not self._pipe.closed:
            self._read()  # what it wrote last may not have been seen yet
        self._hang_up()
        self._settle(code)

    def _kill(self) -> None:
        if not self._gone.is_set():
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _hang_up(self) -> None:
        if not self._pipe.closed:
            self._loop.remove_reader(self._pipe)
            self._pipe.close()

    def _settle(self, outcome: int | ProbeError) -> None:
        if self.ended.done():
            return
        if isinstance(outcome, ProbeError):
            self.ended.set_exception(outcome)
        else:
            self.ended.set_result(outcome)


def _start(command: list[str], environment: dict[str, str]) -> tuple["subprocess.Popen[bytes]", int]:
    """The process, and a descriptor that is readable once it has ended. Raises ProbeError where it cannot start."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own program, and no shell
            command,
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        if error.errno in OURS:
            raise
        raise ProbeError("exec", f"cannot start {brief(command[0], 40)}: {(error.strerror or '').lower()}") from error
    try:
        return process, os.pidfd_open(process.pid)
    except OSError:
        with process:  # closes the pipe and reaps
            os.killpg(process.pid, signal.SIGKILL)
        raise


KIND = Kind(ExecShape, build, check)
