"""What conftest.py promises: a missing tool skips loudly, and with CI=true a skip is a failure."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LONGEST, ROOT

SKIPPING = """
import pytest

def test_needs_a_tool(need):
    need("no-such-tool")

@pytest.mark.xfail(strict=True)
def test_fails_as_expected():
    assert False

@pytest.mark.soak
def test_soak():
    assert False
"""


def run(folder: Path, ci: str, *options: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(Path(__file__).parent / "conftest.py", folder)
    (folder / "test_it.py").write_text(SKIPPING)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = soak\naddopts = -ra -p no:cacheprovider\n")
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(Path(__file__).parent.parent)}
    argv = [sys.executable, "-m", "pytest", "-W", "ignore", *options, str(folder)]
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_a_skip_is_loud(tmp_path: Path) -> None:
    done = run(tmp_path, "")
    assert done.returncode == 0
    assert "no-such-tool is not installed: apt-get install" in done.stdout
    assert "WARNING: 1 SKIPPED, NOT TESTED" in done.stdout
    assert "1 deselected" in done.stdout


def test_a_skip_fails_in_ci(tmp_path: Path) -> None:
    done = run(tmp_path, "true")
    assert done.returncode == 1
    assert "CI=true, and this test was skipped: " in done.stdout
    assert "1 failed" in done.stdout
    assert "1 xfailed" in done.stdout


def test_a_skipped_module_fails_in_ci(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    done = run(tmp_path, "true")
    assert done.returncode != 0
    assert "could not import 'no_such_module'" in done.stdout


@pytest.mark.parametrize("expression", ["soak", "soak or not soak"])
def test_soak_runs_where_it_is_asked_for(expression: str, tmp_path: Path) -> None:
    assert "FAILED test_it.py::test_soak" in run(tmp_path, "", "-m", expression).stdout


def test_the_files_that_begin_first_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).exists()] == []
