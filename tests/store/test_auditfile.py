"""The record, read from files."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gslb.errors import StoreError
from gslb.store.audit import Actor, Deed, broken
from gslb.store.auditfile import read_chains
from gslb.store.auditpages import AuditWanted
from gslb.store.audittext import dump_record
from gslb.store.rows import FILE
from gslb.store.sqlite import SqliteStore


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A state folder in which five things were recorded."""
    store = await SqliteStore.open(str(tmp_path / "gslb.sqlite"), "tokyo-1")
    for number in range(5):
        await store.record(Deed("reload", Actor("ci", "192.0.2.1"), f"CHG-{number}"))
    records = (await store.audit(AuditWanted())).records
    (tmp_path / "export.jsonl").write_bytes(b"".join(dump_record(record) + b"\n" for record in records))
    await store.close()
    return tmp_path


@pytest.mark.parametrize("name", ["", "gslb.sqlite", "export.jsonl"])
def test_every_form_is_read_oldest_first(folder: Path, name: str) -> None:
    chains = read_chains(str(folder / name))
    assert list(chains) == ["tokyo-1"]
    assert [record.reason for record in chains["tokyo-1"]] == [f"CHG-{number}" for number in range(5)]
    assert broken(chains["tokyo-1"]) == []


def test_a_file_of_the_next_format_is_read_and_a_later_one_refused(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "gslb.sqlite")) as store, store:
        store.execute(f"PRAGMA user_version = {FILE.version + 1}")
    assert len(read_chains(str(folder))["tokyo-1"]) == 5
    with closing(sqlite3.connect(folder / "gslb.sqlite")) as store, store:
        store.execute(f"PRAGMA user_version = {FILE.version + 2}")
    with pytest.raises(StoreError, match="by a newer gslb"):
        read_chains(str(folder))


def test_a_running_store_is_read(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "gslb.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert len(read_chains(str(folder))["tokyo-1"]) == 5


@pytest.mark.parametrize("change", ["CHG-9", "CHG-2 "])
def test_a_changed_octet_is_found(folder: Path, change: str) -> None:
    with closing(sqlite3.connect(folder / "gslb.sqlite")) as store, store:
        store.execute("UPDATE records SET record = replace(record, 'CHG-2', ?)", (change,))
    assert broken(read_chains(str(folder))["tokyo-1"]) == ["entry 3 of tokyo-1 was changed"]
    export = folder / "export.jsonl"
    export.write_text(export.read_text().replace("CHG-2", change))
    assert broken(read_chains(str(export))["tokyo-1"]) == ["entry 3 of tokyo-1 was changed"]


def test_a_missing_entry_is_found(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "gslb.sqlite")) as store, store:
        store.execute("DELETE FROM records WHERE number = 3")
    assert broken(read_chains(str(folder))["tokyo-1"]) == ["entry 4 of tokyo-1 does not follow entry 2"]


def test_what_is_no_record_is_told_with_its_line(folder: Path) -> None:
    export = folder / "export.jsonl"
    export.write_text(export.read_text() + "{}\n")
    chains = read_chains(str(export))
    assert broken(chains["tokyo-1"]) == []
    (fault,) = broken(chains[f"{export} line 6"])
    assert "cannot be read" in fault


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        read_chains(str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "gslb.sqlite")) as other, other:
        other.execute("CREATE TABLE a (b)")
    with pytest.raises(StoreError, match="is of format 0"):
        read_chains(str(tmp_path))
    (tmp_path / "bad").write_bytes(b"SQLite format 3\0" + bytes(100))
    with pytest.raises(StoreError, match="cannot be read"):
        read_chains(str(tmp_path / "bad"))
