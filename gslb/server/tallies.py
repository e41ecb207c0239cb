"""Counters by zone, name, type and site, from the workers to the page of metrics: a file for each worker process.

A worker writes the rows that moved, a few at each tick, so that a large table costs no more than a small one. The
control process adds up what is new in every file, and removes those of workers that are gone.
"""

import logging
import os
import struct
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from gslb.server.processes import ProcessId
from gslb.table.entries import Base
from gslb.table.rows import Labels, Rows, labels_of

log = logging.getLogger("gslb.worker")

_PREFIX: Final = "counts-"
_DIGEST: Final = struct.Struct("16s")
_WORD: Final = 8
_TURN: Final = 64  # rows that are looked at in one tick
_KNOWN: Final = 4  # bases whose labels are kept: workers of the one before may still answer


class Tallied(NamedTuple):
    """What was answered: by (zone, type), and what pools answered, by (zone, name, site)."""

    zones: Mapping[tuple[str, str], int]
    answers: Mapping[tuple[str, str, str], int]


class Sheet:
    """The file of this process. Where it cannot be written, the log says so once: answering goes on."""

    def __init__(self, folder: Path, base: Base, rows: Rows) -> None:
        self._path = folder / "{}{}-{}".format(_PREFIX, *ProcessId.me())
        self._rows = rows
        self._sums = [0] * len(rows)
        self._at = 0
        self._fd = -1
        try:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.pwrite(self._fd, _DIGEST.pack(base.digest), 0)
        except OSError as error:
            self._give_up(error)

    def step(self) -> None:
        """Write what moved in the next few rows."""
        self._write(self._at, self._at + _TURN)
        self._at = self._at + _TURN if self._at + _TURN < len(self._rows) else 0

    def close(self) -> None:
        """Write all that moved. The file stays for whoever adds it up."""
        self._write(0, len(self._rows))
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _write(self, start: int, end: int) -> None:
        if self._fd < 0:
            return
        try:
            for at, row in enumerate(self._rows[start:end], start):
                total = sum(row)
                if total != self._sums[at]:
                    os.pwrite(self._fd, array("Q", row), _DIGEST.size + at * len(row) * _WORD)
                    self._sums[at] = total
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        log.error("%s cannot be written, this worker's answers are not counted by name: %s", self._path, error.strerror)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


class Ledger:
    """The sums over all workers since this process began, those that are gone included. For any thread."""

    def __init__(self) -> None:
        self._labels: dict[bytes, Labels] = {}
        self._seen: dict[str, bytes] = {}  # what was added up already, by file
        self._zones: dict[tuple[str, str], int] = defaultdict(int)
        self._answers: dict[tuple[str, str, str], int] = defaultdict(int)
        self._lock = Lock()

    def follow(self, base: Base) -> None:
        """Learn the labels of a base."""
        if base.digest not in self._labels:
            labels = labels_of(base)
            with self._lock:
                self._labels[base.digest] = labels
                for digest in list(self._labels)[:-_KNOWN]:
                    del self._labels[digest]

    def read(self, folder: Path) -> None:
        """Add up what the workers' files have new. Files of workers that are gone are removed."""
        for path in sorted(folder.glob(f"{_PREFIX}*")):
            lives = _writer(path).alive()  # looked at first: what is written after the end is nothing
            try:
                data = path.read_bytes()
            except OSError:  # somebody else removed it
                continue
            self.note(path.name, data[: _DIGEST.size], data[_DIGEST.size :])
            if not lives:
                path.unlink(missing_ok=True)
                self._seen.pop(path.name, None)

    def note(self, source: str, digest: bytes, data: bytes) -> None:
        """Add up what one source has counted since it was noted last: its rows one after another, in words."""
        with self._lock:
            labels, before = self._labels.get(digest), self._seen.get(source, b"")
            if labels is not None and data != before:
                self._seen[source] = data
                self._add(labels, data, before)

    def _add(self, labels: Labels, data: bytes, before: bytes) -> None:
        size = len(labels.columns) * _WORD
        for (zone, name), new, old in zip(labels.rows, _parts(data, size), _padded(before, size), strict=False):
            if new == old:
                continue
            for place, now, then in zip(labels.columns, _words(new), _words(old), strict=False):
                if now != then:
                    self._zones[zone, place.type] += now - then
                    if place.chosen:
                        self._answers[zone, name or "other", place.site] += now - then

    @property
    def sums(self) -> Tallied:
        """The sums as they are now."""
        with self._lock:
            return Tallied(dict(self._zones), dict(self._answers))


def packed(rows: Rows) -> bytes:
    """Rows as `note` reads them."""
    return b"".join(array("Q", row).tobytes() for row in rows)


def _writer(path: Path) -> ProcessId:
    pid, _, start = path.name.removeprefix(_PREFIX).partition("-")
    return ProcessId(int(pid), int(start)) if pid.isdigit() and start.isdigit() else ProcessId(0, 0)


def _parts(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def _padded(data: bytes, size: int) -> Iterator[bytes]:
    """Rows of which some were never written before: as zeros."""
    yield from (part + bytes(size - len(part)) for part in _parts(data, size))
    while True:
        yield bytes(size)


def _words(part: bytes) -> "array[int]":
    return array("Q", part[: len(part) // _WORD * _WORD])
