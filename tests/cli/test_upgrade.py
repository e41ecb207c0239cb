"""`gslb upgrade` where it says no; tests/e2e/test_upgrade.py has upgrades that happen."""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gslb.cli.upgrade import _program
from gslb.server.pages import Pages
from gslb.server.processes import ProcessId
from gslb.server.state import StateFolder


@pytest.fixture
def config(tmp_path: Path, write_node, free_port) -> str:
    return write_node(tmp_path, free_port(), free_port(), workers=2)


def running(tmp_path: Path) -> StateFolder:
    """A state folder on which this process claims to be the supervisor."""
    state = StateFolder(tmp_path / "state")
    state.write_run({"supervisor": [ProcessId.me()], "control": [], "workers": []})
    return state


def test_no_node_runs(config: str, run_gslb) -> None:
    done = run_gslb("upgrade", "--config", config)
    assert done.returncode == 1
    assert "no node runs on" in done.stderr


def test_a_node_of_one_process(tmp_path: Path, write_node, free_port, run_gslb) -> None:
    done = run_gslb("upgrade", "--config", write_node(tmp_path, free_port(), free_port(), workers=0))
    assert done.returncode == 1
    assert "restart it" in done.stderr


def test_check_only_looks(tmp_path: Path, config: str, run_gslb) -> None:
    Pages(running(tmp_path).pages_path).close()
    done = run_gslb("upgrade", "--check", "--config", config)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"this program can take over from process {os.getpid()}\n"


def test_pages_of_another_layout(tmp_path: Path, config: str, run_gslb) -> None:
    path = running(tmp_path).pages_path
    Pages(path).close()
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    done = run_gslb("upgrade", "--check", "--config", config)
    assert done.returncode == 1
    assert "another layout" in done.stderr


def test_a_store_of_a_version_that_is_two_ahead(tmp_path: Path, config: str, run_gslb) -> None:
    state = running(tmp_path)
    Pages(state.pages_path).close()
    with closing(sqlite3.connect(state.database_path)) as store:
        store.execute("PRAGMA user_version = 99")
    done = run_gslb("upgrade", "--check", "--config", config)
    assert done.returncode == 1
    assert "gslb.sqlite is of format 99, by a newer gslb" in done.stderr
    state.database_path.write_text("this is not a database, but long enough to look at\n" * 50)
    done = run_gslb("upgrade", "--check", "--config", config)
    assert (done.returncode, "not a database" in done.stderr) == (1, True)


def test_how_the_program_is_called_again(tmp_path: Path) -> None:
    script = tmp_path / "gslb"
    script.touch(0o755)
    called = [str(script), "serve"]
    assert _program(called, ["/usr/bin/python3", *called]) == (str(script),)
    script.chmod(0o644)
    assert _program(called, ["/usr/bin/python3", "-W", "error", *called]) == (
        sys.executable,
        "-W",
        "error",
        str(script),
    )
    assert _program(["/x/main.py", "serve"], ["python", "-m", "gslb.cli.main", "serve"]) == (
        sys.executable,
        "-m",
        "gslb.cli.main",
    )
