"""A thread that lives in a host's network: Python there opens connections as a program of that host would."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from deploy.lab.network import namespace
from deploy.lab.plan import Host

_NEW_NET = 0x40000000  # CLONE_NEWNET
_LIBC = ctypes.CDLL(None, use_errno=True)
Found = TypeVar("Found")


class Foot:
    """`Foot(host).do(function)` is what the function returns; `begin` does not wait. `threads` run at the same time."""

    def __init__(self, host: Host, threads: int = 1) -> None:
        self._pool = ThreadPoolExecutor(threads, initializer=enter, initargs=(namespace(host),))

    def do(self, function: Callable[[], Found]) -> Found:
        return self.begin(function).result()

    def begin(self, function: Callable[[], Found]) -> "Future[Found]":
        return self._pool.submit(function)


def enter(name: str) -> None:
    """Bring this thread, and it alone, into a namespace."""
    with Path("/run/netns", name).open() as file:
        if _LIBC.setns(file.fileno(), _NEW_NET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
