"""What systemd is told of a node, by datagrams (sd_notify(3)): ready, reloading, stopping, alive.

Where no service manager listens, nothing is sent. Processes that the node starts are not to speak for it, so the
variables are taken out of the environment.
"""

import os
import socket
import time
from contextlib import suppress

_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Manager:
    """The service manager that runs us, if any. Never blocks and never raises: a node serves without it, too."""

    def __init__(self, place: str = "", watchdog: float = 0.0) -> None:
        """`place` is its socket, "@..." without a file; `watchdog`: seconds in which it wants to hear, 0 = never."""
        self._place = f"\0{place[1:]}" if place.startswith("@") else place
        self._every = watchdog / 3
        self._told = float("-inf")
        self._status = ""
        self._handed_on: dict[str, str] = {}

    @classmethod
    def inherited(cls) -> "Manager":
        """The one that the environment names; it is taken out of there."""
        found = {name: os.environ.pop(name, "") for name in _VARIABLES}
        mine = found["WATCHDOG_PID"] in ("", str(os.getpid()))
        watchdog = found["WATCHDOG_USEC"] if mine and found["WATCHDOG_USEC"].isdigit() else "0"
        manager = cls(found["NOTIFY_SOCKET"], int(watchdog) / 1e6)
        manager._handed_on = {name: value for name, value in found.items() if value}
        return manager

    def give_back(self) -> None:
        """Put the variables back, for a program that takes the place of this one."""
        os.environ.update(self._handed_on)

    def ready(self, status: str) -> None:
        """The node serves, or has reloaded."""
        self._status = status
        self._send("READY=1", f"STATUS={status}")

    def status(self, text: str) -> None:
        """A line for people, sent where it is another than before."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1", "STATUS=stopping")

    def alive(self, now: float) -> None:
        """A sign of life, three times in the time that the watchdog gives; `now` is monotonic seconds."""
        if self._every and now >= self._told + self._every:
            self._told = now
            self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._place:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto("\n".join(lines).encode(), self._place)
