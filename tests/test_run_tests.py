"""tools/run-tests: who fails beside others gets a second chance, alone; nothing hangs for ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SUITE = """
import os, pathlib, time

def first(name):
    file = pathlib.Path(name)
    return not file.exists() and file.touch() is None

def test_good():
    pass

def test_unlucky():
    assert not first("unlucky")

def test_dies():
    if first("died"):
        os._exit(1)

def test_wrong():
    assert not os.environ.get("WRONG")

def test_hangs():
    if os.environ.get("HANGS"):
        time.sleep(60)
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A folder with tests of every kind, and the interpreter where the script looks for it."""
    (tmp_path / "test_it.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:schemathesis -p no:anyio -p no:hypothesispytest\n")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def run(suite: Path, most: int, *arguments: str, **environment: str) -> tuple[int, str]:
    """Exit status and output."""
    argv = [str(ROOT / "tools/run-tests"), str(most), "-p", "no:randomly", "--cov", "--cov-report=", *arguments]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
    done = subprocess.run(argv, cwd=suite, capture_output=True, text=True, timeout=60, env={**clean, **environment})
    return done.returncode, done.stdout + done.stderr


def test_who_fails_beside_others_and_whose_process_dies_run_once_more(suite: Path) -> None:
    status, said = run(suite, 2, "-n", "2", "--dist", "loadfile")
    assert status == 0, said
    assert "ONCE MORE, ALONE: test_it.py::test_unlucky\n" in said
    assert "FAILED AT FIRST AND PASSED ALONE: test_it.py::test_unlucky\n" in said
    assert "crashed while running 'test_it.py::test_dies'" in said  # the process in its place runs it once more


def test_what_fails_alone_too_is_a_failure(suite: Path) -> None:
    status, said = run(suite, 1, "-k", "wrong or good", WRONG="yes")
    assert status == 1
    assert "FAILED AGAIN, ALONE" in said
    assert "PASSED ALONE" not in said


def test_many_failures_are_no_bad_luck(suite: Path) -> None:
    status, said = run(suite, 1, "-k", "wrong or unlucky", WRONG="yes")
    assert status == 1
    assert "2 tests failed, too many to be bad luck" in said
    assert "ONCE MORE" not in said


def test_what_hangs_is_ended(suite: Path) -> None:
    status, said = run(suite, 2, "-k", "hangs", HANGS="yes", RUN_TESTS_SECONDS="3")
    assert status == 1
    assert "NOT OVER AFTER 3 s" in said
    assert "test_hangs" in said or "KeyboardInterrupt" in said
