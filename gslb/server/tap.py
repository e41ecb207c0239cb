"""Copies of what a worker is asked and answers, for dnstap: a ring in a file that the control process reads.

    | head, tail, dropped | record | record | ...          | skip to the beginning |

The worker writes and moves `head`, the reader moves `tail`; each word has one writer. A full ring costs the copy, which
is counted, never the answer. A worker opens no connection for it, and waits for nobody.
"""

import logging
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from gslb.context import Context

log = logging.getLogger("gslb.worker")

ROOM: Final = 1 << 20  # octets of records: 5,000 to 10,000 answers
QUERY: Final = 1
RESPONSE: Final = 2
_HEADER: Final = 64
_HEAD, _TAIL, _DROPPED = range(3)  # words of the header; head and tail only ever grow
_RECORD: Final = struct.Struct("<IBBBx16sdd")  # length of the message, kind, transport, length of the address, ...
_LENGTH: Final = struct.Struct("<I")
_SKIP: Final = 0xFFFFFFFF  # in the place of a length: the next record is at the beginning
_ALIGNED: Final = 8

Respond = Callable[[Context, bytes, bytes, int], bytes | None]


class Wanted(NamedTuple):
    """What is copied: queries, responses, of one message in `sample`. As `word`, a number; 0 for nothing at all."""

    queries: bool = False
    responses: bool = False
    sample: int = 1

    @property
    def word(self) -> int:
        """For a shared page."""
        return (self.sample << 2 | self.queries << 1 | self.responses) if self.queries or self.responses else 0

    @classmethod
    def of(cls, word: int) -> "Wanted":
        """The inverse of `word`."""
        return cls(bool(word & 2), bool(word & 1), max(word >> 2, 1))


class Copy(NamedTuple):
    """One message as it was received or sent. Times are epoch seconds; `answered` is 0 for a query."""

    kind: int
    transport: int
    source: bytes
    asked: float
    answered: float
    message: bytes


class Ring:
    """A ring that this process writes. The file is made anew. Raises OSError: no room on the disk, for example."""

    def __init__(self, path: Path) -> None:
        self.path = path
        temporary = path.with_name(f".{path.name}.tmp")
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(fd, 0, _HEADER + ROOM)  # or a full disk would end the process at the first write
            self._map = mmap.mmap(fd, _HEADER + ROOM)
        except OSError:
            temporary.unlink()
            raise
        finally:
            os.close(fd)
        temporary.rename(path)
        self._words = memoryview(self._map).cast("Q")
        self._head = self._tail = 0

    def put(self, kind: int, transport: int, source: bytes, asked: float, message: bytes) -> None:
        """Append a copy, or count it as dropped. Never waits."""
        need = (_RECORD.size + len(message) + _ALIGNED - 1) & -_ALIGNED
        head = self._head
        left = ROOM - head % ROOM
        end = head + need + (left if need > left else 0)
        if end - self._tail > ROOM:
            self._tail = self._words[_TAIL]
            if end - self._tail > ROOM:
                self._words[_DROPPED] += 1
                return
        at = _HEADER + head % ROOM
        if need > left:
            _LENGTH.pack_into(self._map, at, _SKIP)
            at = _HEADER
        answered = time.time() if kind == RESPONSE else 0.0
        _RECORD.pack_into(self._map, at, len(message), kind, transport, len(source), source, asked, answered)
        at += _RECORD.size
        self._map[at : at + len(message)] = message
        self._head = self._words[_HEAD] = end

    def close(self) -> None:
        """Remove the file; who reads it keeps what is in it."""
        self._words.release()
        self._map.close()
        self.path.unlink(missing_ok=True)


class RingReader:
    """A ring that another process writes. Raises OSError where there is none."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self.inode = os.fstat(file.fileno()).st_ino
            self._map = mmap.mmap(file.fileno(), _HEADER + ROOM)
        self._words = memoryview(self._map).cast("Q")

    @property
    def dropped(self) -> int:
        """Copies for which there was no room."""
        return self._words[_DROPPED]

    def take(self, most: int) -> list[Copy]:
        """The oldest copies, at most so many; their room is free again."""
        head, at = self._words[_HEAD], self._words[_TAIL]
        found: list[Copy] = []
        while at < head and len(found) < most:
            start = _HEADER + at % ROOM
            if _LENGTH.unpack_from(self._map, start)[0] == _SKIP:
                at += ROOM - at % ROOM
                continue
            length, kind, transport, width, source, asked, answered = _RECORD.unpack_from(self._map, start)
            start += _RECORD.size
            message = self._map[start : start + length]
            found.append(Copy(kind, transport, source[:width], asked, answered, message))
            at += (_RECORD.size + length + _ALIGNED - 1) & -_ALIGNED
        self._words[_TAIL] = at
        return found

    def discard(self) -> int:
        """Free the whole ring; how many copies that cost."""
        count = 0
        while taken := self.take(ROOM):
            count += len(taken)
        return count

    def close(self) -> None:
        """Unmap it; the file stays."""
        self._words.release()
        self._map.close()


class Tap:
    """Puts a ring behind a `respond`, and takes it away again. While it is off, nothing is looked at or tested."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ring: Ring | None = None

    def around(self, respond: Respond, wanted: Wanted) -> Respond:
        """`respond`, with copies of what is wanted. Where there can be no ring, the log says so: answers go on."""
        if not wanted.word:
            self.close()
            return respond
        try:
            self._ring = self._ring or Ring(self._path)
        except OSError as error:
            log.error("dnstap: no copies from this worker: %s: %s", self._path, error.strerror)
            return respond
        return tapped(respond, self._ring, wanted)

    def close(self) -> None:
        """Let go of the ring."""
        if self._ring:
            self._ring.close()
            self._ring = None


def tapped(respond: Respond, ring: Ring, wanted: Wanted) -> Respond:
    """`respond` that copies what is wanted into the ring, of the first message and each `sample`-th after it."""
    put, sample, left = ring.put, wanted.sample, 1
    queries, responses = wanted.queries, wanted.responses

    def answer(ctx: Context, wire: bytes, source: bytes, transport: int) -> bytes | None:
        nonlocal left
        reply = respond(ctx, wire, source, transport)
        left -= 1
        if left:
            return reply
        left = sample
        if queries:
            put(QUERY, transport, source, ctx.now, wire)
        if responses and reply is not None:
            put(RESPONSE, transport, source, ctx.now, reply)
        return reply

    return answer
