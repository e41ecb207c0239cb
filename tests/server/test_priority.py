"""Short slices are asked for, taken by the kernel, and change nothing else; who steps back keeps a tenth."""

import os
import platform
import subprocess
import sys
import threading

import pytest

from gslb.server.priority import SLICE, STEP, shorten, step_back


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


def test_a_process_that_steps_back_is_nicer_by_one_step() -> None:
    code = "from os import nice; from gslb.server.priority import step_back; assert step_back(); print(nice(0))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True).stdout
    assert int(said) == os.nice(0) + STEP


def test_where_that_is_refused_it_goes_on_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(step: int) -> int:
        raise PermissionError(1, f"Operation not permitted: {step}")

    monkeypatch.setattr(os, "nice", refused)
    assert not step_back()
