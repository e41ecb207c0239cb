"""Short slices are asked for, taken by the kernel, and change nothing else."""

import os
import platform
import threading

import pytest

from gslb.server.slices import SLICE, shorten


def test_this_thread_gets_short_slices_and_keeps_its_priority() -> None:
    seen: list[object] = []

    def run() -> None:
        seen.extend([shorten(), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [True, os.getpriority(os.PRIO_PROCESS, 0), os.SCHED_OTHER]


def test_another_machine_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "sparc64")
    assert not shorten()
    assert SLICE == 100_000
