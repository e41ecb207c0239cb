"""The memory that processes of one node share: one page for control, one for every worker.

A page is 512 words of 64 bits, each stored in one instruction, so a reader sees an old or a new value, never a mixture.
Each word has one writer: the publisher (generations), the worker (its page) or the supervisor (the number of workers,
retired totals).
"""

import mmap
import os
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from gslb.server.processes import ProcessId
from gslb.server.stats import COUNTER_NAMES, add, bequeathed, named

PAGE = 4096
SLOTS = 256  # pages of workers
_SIZE = PAGE * (SLOTS + 1)
_WORDS = PAGE // 8
_COUNTERS = 64  # first word of the counters
_MAGIC = int.from_bytes(b"GSLBPG") << 16 | 1  # the last two bytes: layout version

EMPTY, LOADING, SERVING, RETIRING = range(4)
STATE_NAMES = ("empty", "loading", "serving", "retiring")


class _Word:
    """One word of a page as an attribute."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __get__(self, page: "_Page", owner: type) -> int:
        return page.words[self._index]

    def __set__(self, page: "_Page", value: int) -> None:
        page.words[self._index] = value


class _Page:
    __slots__ = ("words",)

    def __init__(self, words: "memoryview[int]") -> None:
        self.words = words

    @property
    def counters(self) -> list[int]:
        """Values in the order of COUNTER_NAMES."""
        return self.words[_COUNTERS : _COUNTERS + len(COUNTER_NAMES)].tolist()

    @counters.setter
    def counters(self, values: Sequence[int]) -> None:
        self.words[_COUNTERS : _COUNTERS + len(values)] = memoryview(array("Q", values))


class ControlPage(_Page):
    """What is published; its counters are the totals of workers that are gone."""

    __slots__ = ()
    magic = _Word(0)
    base_generation = _Word(1)  # 0 = nothing published yet
    leaves_generation = _Word(2)
    stamp = _Word(3)  # when it was published, nanoseconds since the epoch
    workers = _Word(4)  # how many serve together
    tap = _Word(5)  # what workers are to copy: gslb.server.tap.Wanted.word


class WorkerPage(_Page):
    """What one worker says of itself."""

    __slots__ = ()
    pid = _Word(0)
    start = _Word(1)
    state = _Word(2)
    heartbeat = _Word(3)  # CLOCK_MONOTONIC, nanoseconds
    busy = _Word(4)  # 1 while it loads leaves: no heartbeat is to be expected
    base_generation = _Word(5)
    leaves_generation = _Word(6)

    @property
    def process(self) -> ProcessId:
        """Whose page it is."""
        return ProcessId(self.pid, self.start)

    def beat(self) -> None:
        """Show that the loop turns."""
        self.heartbeat = time.monotonic_ns()

    def clear(self) -> None:
        """Make the page ready for another worker."""
        self.words[:] = memoryview(array("Q", bytes(PAGE)))


class Pages:
    """The file `pages`, mapped. It is made anew where it is absent or has another layout."""

    def __init__(self, path: Path) -> None:
        self._map = _map(path)
        self._view = memoryview(self._map).cast("Q")
        self.control = ControlPage(self._view[:_WORDS])
        self.slots = tuple(WorkerPage(self._view[i * _WORDS : (i + 1) * _WORDS]) for i in range(1, SLOTS + 1))
        self.control.magic = _MAGIC

    def used(self) -> Iterator[tuple[int, WorkerPage]]:
        """Slots that a worker took, whether it still lives or not."""
        return ((slot, page) for slot, page in enumerate(self.slots) if page.state != EMPTY)

    def answering(self) -> list[WorkerPage]:
        """Pages of living workers that may answer a query."""
        return [page for _, page in self.used() if page.state in (SERVING, RETIRING) and page.process.alive()]

    def retire(self, slot: int) -> None:
        """A worker is gone: its counters live on in the totals, its slot is free."""
        page = self.slots[slot]
        if page.state != EMPTY:
            self.control.counters = add(self.control.counters, bequeathed(page.counters))
        page.clear()

    def totals(self) -> dict[str, int]:
        """Counters of all workers there ever were, by name."""
        total = self.control.counters
        for _, page in self.used():
            total = add(total, page.counters)
        return named(total)

    def close(self) -> None:
        """Unmap the file."""
        for page in (self.control, *self.slots):
            page.words.release()
        self._view.release()
        self._map.close()


def fits(path: Path) -> bool:
    """Whether the file has the layout of this program, so that both can look after the same workers."""
    try:
        with path.open("rb") as file:
            known = int.from_bytes(file.read(8), "little") in (0, _MAGIC)
            return known and os.fstat(file.fileno()).st_size == _SIZE
    except FileNotFoundError:
        return False


def _map(path: Path) -> mmap.mmap:
    if not fits(path):
        temporary = path.with_name(f".{path.name}.tmp")
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.ftruncate(fd, _SIZE)
        os.close(fd)
        temporary.rename(path)  # never resize the old file: whoever still maps it would crash
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), _SIZE)
