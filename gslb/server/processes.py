"""Other processes, seen through /proc: is it still the one we mean, who holds a port, how many processors are ours.

A pid alone may belong to a stranger by now; together with its start time it cannot.
"""

import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_STATE_FIELD = 0  # fields of /proc/PID/stat behind the command name: proc(5) fields 3 and 22
_START_FIELD = 19
_POLL = 0.02
MIN_WORKERS = 2  # with one worker every crash is an outage


class ProcessId(NamedTuple):
    """A process that cannot be mistaken for a later one: `start` is in clock ticks since boot."""

    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """The living process with that pid; a zombie counts as dead."""
        try:
            fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        if fields[_STATE_FIELD] in "ZX":
            return None
        return cls(pid, int(fields[_START_FIELD]))

    @classmethod
    def me(cls) -> "ProcessId":
        """This process."""
        found = cls.of(os.getpid())
        assert found is not None
        return found

    def alive(self) -> bool:
        """Whether this very process runs."""
        return self.pid > 0 and ProcessId.of(self.pid) == self

    def send(self, signum: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)

    def catches(self, signum: signal.Signals) -> bool:
        """Whether it has installed a handler for the signal. Before that, the signal would end it."""
        try:
            text = (_PROC / str(self.pid) / "status").read_text()
        except OSError:
            return False
        mask = next((line.split()[1] for line in text.splitlines() if line.startswith("SigCgt:")), "0")
        return bool(int(mask, 16) >> (signum - 1) & 1)


def end(processes: Iterable[ProcessId], grace: float) -> None:
    """SIGTERM, then SIGKILL for what still runs after `grace` seconds. Returns when all are gone."""
    left = list(processes)
    for signum, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, 1.0)):
        for process in left:
            process.send(signum)
        deadline = time.monotonic() + wait
        while (left := [p for p in left if p.alive()]) and time.monotonic() < deadline:
            time.sleep(_POLL)


def port_holders(kind: int, host: str, port: int) -> set[int]:
    """The pids that hold a local port (`kind` is SOCK_DGRAM or SOCK_STREAM), as far as /proc lets us see them."""
    links = set(_socket_links(kind, host, port))
    return {int(folder.parent.name) for folder in _PROC.glob("[0-9]*/fd") if links.intersection(_links(folder))}


def _links(folder: Path) -> Iterator[str]:
    with suppress(OSError):  # not ours to see, or gone
        for descriptor in folder.iterdir():
            with suppress(OSError):
                yield str(descriptor.readlink())


def _socket_links(kind: int, host: str, port: int) -> Iterator[str]:
    """The sockets on a port whose address collides with `host`, as the link texts of /proc/PID/fd."""
    name = ("udp" if kind == socket.SOCK_DGRAM else "tcp") + ("6" if ":" in host else "")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    wanted = socket.inet_pton(family, host)
    with suppress(OSError):
        for line in (_PROC / "net" / name).read_text().splitlines()[1:]:
            fields = line.split()
            address, _, number = fields[1].partition(":")
            bound = _address(address)
            if int(number, 16) == port and (bound == wanted or not any(bound) or not any(wanted)):
                yield f"socket:[{fields[9]}]"


def _address(text: str) -> bytes:
    """An address of /proc/net: words of 32 bits, each in the machine's byte order."""
    raw = bytes.fromhex(text)
    return b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))


def worker_count(setting: int | None) -> int:
    """`workers: auto` (None): the processors that affinity and cgroup quota leave us, at least two."""
    if setting is not None:
        return setting
    processors = len(os.sched_getaffinity(0))
    return max(MIN_WORKERS, min(processors, _quota(processors)))


def _quota(otherwise: int, root: Path = _CGROUP, membership: Path = _PROC / "self/cgroup") -> int:
    """Whole processors that the cgroup (version 2) and its ancestors allow: the smallest counts."""
    least = otherwise
    with suppress(OSError):
        here = membership.read_text().strip().rpartition(":")[2].lstrip("/")
        folder = root / here
        for place in (folder, *folder.parents):
            if not place.is_relative_to(root):
                break
            least = min(least, _limit(place / "cpu.max", least))
    return least


def _limit(path: Path, otherwise: int) -> int:
    try:
        quota, _, period = path.read_text().partition(" ")
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):  # no such controller, or "max"
        return otherwise
