"""The record of what was done, read from files while no node answers: a store's file, or an export."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Final

from gslb.errors import StoreError
from gslb.store import rows
from gslb.store.audit import Record
from gslb.store.audittext import load_record
from gslb.store.database import read_only, require_readable

DATABASE: Final = "gslb.sqlite"  # in a state folder
_MAGIC: Final = b"SQLite format 3\0"

Chains = dict[str, list[Record]]  # by node, oldest first


def read_chains(path: str) -> Chains:
    """The records in a state folder, in the SQLite file of one, or in an export as JSON lines; nothing is changed.

    An entry that cannot be understood is there as such. Raises StoreError: there is no such file, or it is another.
    """
    file = Path(path)
    if file.is_dir():
        file = file / DATABASE
    try:
        with file.open("rb") as opened:
            is_database = opened.read(len(_MAGIC)) == _MAGIC
        return _of_database(file) if is_database else _of_export(file)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{file} cannot be read: {error}") from error


def _of_database(file: Path) -> Chains:
    with closing(read_only(str(file))) as connection:
        version = require_readable(connection, str(file), rows.FILE)
        if version < rows.FILE.version:
            raise StoreError(
                f"{file} is of format {version}, and this gslb reads {rows.FILE.version}",
                hint="an older file is brought up to date when a node starts with it",
            )
        return {
            name: list(rows.read_records(connection, name, None, rows.AUDIT))[::-1]
            for name in rows.recorders(connection)
        }


def _of_export(file: Path) -> Chains:
    chains: Chains = defaultdict(list)
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            record = load_record(line)
        except ValueError as error:
            record = Record.unreadable(f"{file} line {number}", number, 0.0, str(error))
        chains[record.node].append(record)
    return {node: sorted(records, key=lambda record: record.number) for node, records in chains.items()}
