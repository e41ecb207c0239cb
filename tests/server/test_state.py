"""Files on a real disk: written whole, read whole or refused."""

import json
import logging
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gslb.errors import SnapshotError, StateError
from gslb.server.processes import ProcessId
from gslb.server.snapfile import Snapshot
from gslb.server.state import StateFolder, process_ids
from tests.conftest import ENVIRONMENT


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def test_the_folder_is_made_for_this_user_alone(state: StateFolder) -> None:
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    assert state.token_path.parent == state.database_path.parent == state.pages_path.parent == state.path


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=f"state folder {tmp_path}/file"):
        StateFolder(tmp_path / "file")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StateError, match="not writable"):
        StateFolder(tmp_path)


def test_the_lock_names_its_holder_and_is_not_inherited(state: StateFolder) -> None:
    lock = state.lock()
    with subprocess.Popen(["sleep", "60"]) as child:
        with pytest.raises(StateError, match=f"{state.path} is in use by process {os.getpid()}"):
            state.lock()
        lock.release()
        state.lock().release()  # though the child still runs
        child.kill()


def test_a_lock_ends_with_its_process(state: StateFolder) -> None:
    code = f"from gslb.server.state import StateFolder; StateFolder({str(state.path)!r}).lock_publisher()"
    subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT)
    state.lock_publisher().release()


def test_what_is_written_can_be_read(state: StateFolder) -> None:
    state.write_leaves(3, 4, b"leaves")
    state.write_base(3, b"base")
    state.write_leaves(3, 5, b"newer leaves")
    assert state.read_base(3) == Snapshot(3, b"base")
    assert state.read_leaves(3) == Snapshot(5, b"newer leaves")
    assert state.newest() == (3, 5)
    assert state.last_generation() == 5
    assert stat.S_IMODE((state.path / "base-3.snap").stat().st_mode) == 0o600
    state.close()
    assert not list(state.path.glob(".*"))


def test_generations_and_cleaning(state: StateFolder) -> None:
    assert (state.newest(), state.last_generation(), state.bases()) == (None, 0, [])
    for generation in (2, 10, 9):
        state.write_base(generation, b"b")
        state.write_leaves(generation, generation, b"l")
    assert state.bases() == [10, 9, 2]
    state.clean({10, 2})
    assert state.bases() == [10, 2]
    assert not (state.path / "leaves-9.snap").exists()
    (state.path / "base-11.snap").write_bytes(b"rubbish")
    (state.path / "leaves-12.snap").write_bytes(b"rubbish")
    assert state.last_generation() == 12  # never use a number twice, not even one that is spoilt
    state.close()


def test_changes_follow_the_leaves_of_a_base(state: StateFolder) -> None:
    state.write_base(3, b"base")
    state.write_leaves(3, 4, b"leaves")
    assert state.read_change(3, 4) is None
    state.write_change(3, 4, 6, b"first")
    state.write_change(3, 6, 7, b"second")
    assert state.read_change(3, 4) == Snapshot(6, b"first")
    assert (state.newest(), state.last_generation(), state.leaves_generation(3)) == ((3, 7), 7, 4)
    (state.path / "change-3-6.snap").write_bytes(b"rubbish")
    assert (state.newest(), state.last_generation()) == ((3, 6), 6)
    with pytest.raises(SnapshotError, match="too few"):
        state.read_change(3, 6)
    state.write_change(33, 4, 8, b"of another base")
    state.remove_changes(3)
    assert state.read_change(3, 4) is None
    assert state.read_change(33, 4) == Snapshot(8, b"of another base")
    state.clean(set())
    assert not list(state.path.glob("*.snap"))
    state.close()


def test_the_generation_of_leaves_is_known_without_reading_them(state: StateFolder) -> None:
    with pytest.raises(SnapshotError, match="No such file"):
        state.leaves_generation(3)
    state.write_leaves(3, 9, b"leaves")
    assert state.leaves_generation(3) == 9
    state.close()


def spoil(path: Path, at: int, value: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + len(value)] = value
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [
        (0, b"NOTASNAP", "not a snapshot of this kind"),
        (8, b"\0\3", "is of format 3, by a newer gslb"),
        (10, b"leaf", "not a snapshot of this kind"),
        (22, b"\xff", "its checksum does not hold"),
        (40, b"\xff\xff", "its checksum does not hold"),
        (62, b"X", "its checksum does not hold"),
    ],
)
def test_damage_is_found_and_the_older_one_serves(
    state: StateFolder, caplog: pytest.LogCaptureFixture, at: int, value: bytes, why: str
) -> None:
    for generation in (1, 2):
        state.write_base(generation, b"payload")
        state.write_leaves(generation, generation, b"payload")
    state.close()
    spoil(state.path / "base-2.snap", at, value)
    with pytest.raises(SnapshotError, match=why):
        state.read_base(2)
    with caplog.at_level(logging.WARNING):
        assert state.newest() == (1, 1)
    assert "base-2.snap" in caplog.text


def test_a_short_or_absent_file_is_no_snapshot(state: StateFolder) -> None:
    (state.path / "base-1.snap").write_bytes(b"GSLBSNAP")
    with pytest.raises(SnapshotError, match="8 bytes are too few"):
        state.read_base(1)
    with pytest.raises(SnapshotError, match="No such file"):
        state.read_leaves(1)


def test_a_write_that_fails_says_so_and_leaves_the_old(state: StateFolder) -> None:
    state.write_base(1, b"old")
    state.close()
    (state.path / ".base-1.snap.tmp").mkdir()
    with pytest.raises(StateError, match=re.escape(f"{state.path}/base-1.snap cannot be written: Is a directory")):
        state.write_base(1, b"new")
    assert state.read_base(1).payload == b"old"


def test_a_disk_that_does_not_sync_is_logged(
    state: StateFolder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with caplog.at_level(logging.ERROR):
        state.write_base(1, b"x")
        state.close()
    assert "may not be on disk yet: Input/output error" in caplog.text


def test_a_snapshot_that_was_replaced_needs_no_sync(state: StateFolder, caplog: pytest.LogCaptureFixture) -> None:
    state.write_base(1, b"x")
    state.clean(())
    state.close()
    assert not caplog.records


def test_the_run_file(state: StateFolder) -> None:
    me = ProcessId.me()
    state.write_run({"workers": [me, (me.pid, me.start + 1), "junk"], "control": []})
    run = state.read_run()
    assert process_ids(run, "workers") == [me]
    assert process_ids(run, "control") == process_ids(run, "supervisor") == []
    state.remove_run()
    assert state.read_run() == {}


@pytest.mark.parametrize("text", ["", "{", json.dumps([1])])
def test_a_run_file_that_cannot_be_read_is_none(state: StateFolder, text: str) -> None:
    (state.path / "run.json").write_text(text)
    assert state.read_run() == {}
