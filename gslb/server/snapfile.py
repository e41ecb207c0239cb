"""The file of a snapshot: a header, and a payload that can never execute and that a checksum vouches for.

    magic 8, oldest reader 1, format 1, kind 4, generation 8, length of the payload 8, its BLAKE2b-256 32; big-endian

Format 1 kept nodes in the payload as they are, 2 keeps each as bytes of its own; see gslb.table.snapshot. An oldest
reader of 0 is the format itself. What a newer format adds to a payload stands behind what is known: gslb.formats.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from gslb.errors import SnapshotError
from gslb.formats import refusal

BASE: Final = b"base"
LEAVES: Final = b"leaf"
CHANGE: Final = b"chng"
_MAGIC: Final = b"GSLBSNAP"
_FORMAT: Final = 2
_OLDEST: Final = 0
_HEADER: Final = struct.Struct(">8sBB4sQQ32s")


class Snapshot(NamedTuple):
    """A payload that passed its checksum, and the generation at which it was published."""

    generation: int
    payload: bytes


class _Header(NamedTuple):
    magic: bytes
    oldest: int
    version: int
    kind: bytes
    generation: int
    length: int
    digest: bytes


def header(kind: bytes, snapshot: Snapshot) -> bytes:
    """What stands before the payload."""
    generation, payload = snapshot
    digest = blake2b(payload, digest_size=32).digest()
    return _HEADER.pack(_MAGIC, _OLDEST, _FORMAT, kind, generation, len(payload), digest)


def read_snapshot(path: Path, kind: bytes) -> Snapshot:
    """Raises SnapshotError: absent, damaged, foreign, too new or too old."""
    with _opened(path) as file:
        found = _read_header(path, file, kind)
        payload = file.read()
    if found.length != len(payload) or found.digest != blake2b(payload, digest_size=32).digest():
        raise SnapshotError(f"{path}: damaged, its checksum does not hold")
    return Snapshot(found.generation, payload)


def read_generation(path: Path, kind: bytes) -> int:
    """What the header says, of which nothing vouches for the rest. Raises SnapshotError."""
    with _opened(path) as file:
        return _read_header(path, file, kind).generation


def _read_header(path: Path, file: BinaryIO, kind: bytes) -> _Header:
    data = file.read(_HEADER.size)
    if len(data) < _HEADER.size:
        raise SnapshotError(f"{path}: {len(data)} bytes are too few for a snapshot")
    found = _Header(*_HEADER.unpack(data))
    if found.magic != _MAGIC or found.kind != kind:
        raise SnapshotError(f"{path}: not a snapshot of this kind")
    why = refusal(found.version, found.oldest or found.version, _FORMAT)
    if found.version < _FORMAT - 1:
        why = f"is of format {found.version}; this one reads from {_FORMAT - 1} on"
    if why:
        raise SnapshotError(f"{path} {why}; the next is made from the configuration")
    return found


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror}") from error
