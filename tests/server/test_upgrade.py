"""Programs that take a process over; tests/e2e/test_upgrade.py has whole nodes."""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gslb.server.upgrade import VARIABLE, Handed, Successor, Upgrade, Worker
from tests.conftest import ENVIRONMENT

LEAVE = """
import os, sys
from gslb.server.upgrade import Handed, Worker
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
handed = Handed(lock, (("127.0.0.1", 5300), ("::1", 53)), 2, (Worker(os.getppid(), 7, os.dup(lock)),))
handed.leave([sys.executable, "-c", sys.argv[2]])
"""
TAKE = """
import os
from gslb.server.upgrade import VARIABLE, Handed
handed = Handed.take()
print(handed.addresses, handed.wanted, handed.workers[0].slot, VARIABLE in os.environ)
print([os.fstat(fd).st_size for fd in handed.descriptors()], [os.get_inheritable(fd) for fd in handed.descriptors()])
print(Handed.take())
"""


def run(upgrade: Upgrade, *, quiet: bool = True, seconds: float = 5.0) -> bool:
    """Steps until it says to leave, or looks no longer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if upgrade.step(time.monotonic(), quiet=quiet):
            return True
        time.sleep(0.01)
    return False


def test_what_is_left_arrives(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", LEAVE, str(tmp_path / "lock"), TAKE]
    done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, timeout=20)
    assert done.stdout.splitlines() == [
        "(('127.0.0.1', 5300), ('::1', 53)) 2 7 False",
        "[0, 0] [False, False]",
        "None",
    ], done.stderr


def test_a_program_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as file:
        handed = Handed(file.fileno(), (), 1, ())
        with pytest.raises(FileNotFoundError):
            handed.leave([str(tmp_path / "nothing")])
        assert not os.get_inheritable(file.fileno())
    assert VARIABLE not in os.environ


def test_the_lock_stays_held(tmp_path: Path) -> None:
    """The new program locks what it holds already; another one cannot."""
    code = "import fcntl; from gslb.server.upgrade import Handed; fcntl.flock(Handed.take().lock, 6); print('mine')"
    locked = LEAVE.replace("handed =", "import fcntl; fcntl.flock(lock, 6)\nhanded =")
    argv = [sys.executable, "-c", locked, str(tmp_path / "lock"), f"{code}; input()"]
    process = subprocess.Popen(argv, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"mine\n"
    with (tmp_path / "lock").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    process.communicate(b"\n")


def test_nothing_is_handed_to_a_first_program() -> None:
    assert Handed.take() is None


def test_what_is_left_is_text() -> None:
    handed = Handed(3, (("::1", 53),), 2, (Worker(4711, 0, 5),))
    assert json.loads(json.dumps(handed._asdict()))["workers"] == [[4711, 0, 5]]


def test_it_leaves_once_the_program_is_content_and_all_is_quiet() -> None:
    upgrade = Upgrade(Successor(("true",), ("true",)))
    assert not run(upgrade, seconds=0.1)
    upgrade.request()
    assert not run(upgrade, quiet=False, seconds=0.5)
    assert run(upgrade)
    assert not run(upgrade, seconds=0.1)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (("false",), "the new program refuses (exit code 1)"),
        (("/nowhere/gslb",), "/nowhere/gslb: No such file"),
        ((), "was not started by"),
    ],
)
def test_it_stays(check: tuple[str, ...], said: str, caplog: pytest.LogCaptureFixture) -> None:
    upgrade = Upgrade(Successor(("true",), check))
    upgrade.request()
    assert not run(upgrade, seconds=0.3)
    assert said in caplog.text


def test_a_program_that_looks_for_ever_is_ended(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gslb.server.upgrade._LOOKS", 0.1)
    upgrade = Upgrade(Successor(("true",), ("sleep", "60")))
    upgrade.request()
    assert not run(upgrade, seconds=0.5)
    assert "looked for over" in caplog.text
    assert upgrade._look is None


def test_close_ends_a_look() -> None:
    upgrade = Upgrade(Successor(("true",), ("sleep", "60")))
    upgrade.request()
    upgrade.step(time.monotonic(), quiet=True)
    look = upgrade._look
    assert look is not None
    upgrade.close()
    upgrade.close()
    assert look.returncode is not None
