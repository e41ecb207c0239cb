"""Children of this process that Popen does not know."""

import os
import signal
import subprocess
import time

import pytest

from gslb.server.adopted import Adopted


def spawn(*argv: str) -> Adopted:
    """A child."""
    return Adopted(os.posix_spawnp(argv[0], argv, os.environ))


def test_it_runs_and_ends() -> None:
    child = spawn("sh", "-c", "exit 3")
    assert child.wait(5) == 3
    assert child.poll() == child.returncode == 3


def test_its_end_by_a_signal() -> None:
    for end, signum in ((Adopted.terminate, signal.SIGTERM), (Adopted.kill, signal.SIGKILL)):
        child = spawn("sleep", "60")
        assert child.poll() is None
        end(child)
        assert child.wait(5) == -signum


def test_a_wait_that_is_too_short() -> None:
    child = spawn("sleep", "60")
    begun = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.05)
    assert 0.05 <= time.monotonic() - begun < 1
    child.kill()
    child.wait(5)


def test_a_dead_child_gets_no_signal() -> None:
    child = spawn("true")
    assert child.wait(5) == 0
    child.terminate()
    child.kill()
    assert child.returncode == 0


def test_one_that_somebody_else_waited_for() -> None:
    child = spawn("true")
    os.waitpid(child.pid, 0)
    assert child.poll() == 0
