"""Files of snapshots: of our format, of the one before and of the next."""

from pathlib import Path

import pytest

from gslb.errors import SnapshotError
from gslb.server import snapfile
from gslb.server.snapfile import BASE, LEAVES, Snapshot, header, read_generation, read_snapshot

MADE = Snapshot(7, b"payload")


def written(path: Path, *, version: int, oldest: int) -> Path:
    """A snapshot as a program of that format writes it."""
    data = bytearray(header(BASE, MADE))
    data[8:10] = oldest, version
    file = path / "base-7.snap"
    file.write_bytes(bytes(data) + MADE.payload)
    return file


def test_what_is_written_says_nothing_of_other_readers() -> None:
    assert header(BASE, MADE)[:10] == b"GSLBSNAP\0\2"


@pytest.mark.parametrize(("version", "oldest"), [(1, 0), (2, 0), (2, 2), (3, 2), (3, 1)])
def test_one_back_and_one_forth_are_read(tmp_path: Path, version: int, oldest: int) -> None:
    file = written(tmp_path, version=version, oldest=oldest)
    assert read_snapshot(file, BASE) == MADE
    assert read_generation(file, BASE) == 7
    with pytest.raises(SnapshotError, match="not a snapshot of this kind"):
        read_generation(file, LEAVES)


@pytest.mark.parametrize(
    ("version", "oldest", "why"),
    [
        (0, 0, "is of format 0; this one reads from 1 on"),
        (3, 0, "for readers of format 3 or newer; this one reads 2"),
        (3, 3, "for readers of format 3 or newer; this one reads 2"),
        (4, 2, "for readers of format 3 or newer; this one reads 2"),
    ],
)
def test_others_are_told(tmp_path: Path, version: int, oldest: int, why: str) -> None:
    file = written(tmp_path, version=version, oldest=oldest)
    for read in (read_snapshot, read_generation):
        with pytest.raises(SnapshotError, match=f"base-7.snap.* {why}; the next is made from the configuration"):
            read(file, BASE)


def test_the_next_version_reads_ours_and_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = written(tmp_path, version=2, oldest=0)
    monkeypatch.setattr(snapfile, "_FORMAT", 3)
    monkeypatch.setattr(snapfile, "_OLDEST", 2)
    assert read_snapshot(ours, BASE) == MADE
    (tmp_path / "next").write_bytes(header(BASE, MADE) + MADE.payload)
    assert read_snapshot(tmp_path / "next", BASE) == MADE
    monkeypatch.undo()
    assert read_snapshot(tmp_path / "next", BASE) == MADE
