"""Handing out tables: to worker processes through the state folder and the shared pages, or to a worker in-process."""

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from gslb.server.pages import STATE_NAMES, Pages
from gslb.server.processes import ProcessId
from gslb.server.snapshots import Loaded, SnapshotWriter, load_newest
from gslb.server.state import StateFolder
from gslb.server.stats import COUNTER_NAMES, named
from gslb.server.tallies import Ledger, Tallied, packed
from gslb.server.tap import Wanted
from gslb.server.worker import Worker
from gslb.table.entries import Base, Leaves, Table
from gslb.table.rows import Rows

_POLL = 0.005
_LATE = 1.0  # seconds after which a worker that did not follow gets the whole, in case a change is what it cannot read


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker as status and metrics show it. `generation` is that of the leaves it answers from."""

    slot: int
    pid: int
    generation: int
    alive: bool
    state: str
    counters: dict[str, int]


class Publisher(Protocol):
    """Where the controller puts what it compiled. Generations are one rising series for bases and leaves."""

    def publish_base(self, base: Base, leaves: Leaves) -> int:
        """Hand out a new base with its leaves; returns the generation. Raises StateError; then nothing has changed."""

    def publish_leaves(self, leaves: Leaves, former: Leaves | None = None) -> int:
        """Hand out leaves for the base published last; returns the generation. Raises StateError.

        `former` are leaves for the base before it, as long as workers may answer from that one.
        """

    async def wait_acknowledged(self, generation: int, timeout: float) -> bool:  # noqa: ASYNC109 - late is no error
        """Whether, within `timeout` seconds, every worker that can answer answers from `generation` or later."""

    def served(self) -> Table | None:
        """The newest table published, by this process or one before it; None where there is none."""

    def workers(self) -> list[WorkerStatus]:
        """The workers there are."""

    def totals(self) -> dict[str, int]:
        """Counters of all workers, past ones included."""

    def tallied(self) -> Tallied:
        """What was answered by zone, name, type and site, since this process began. Call it in a thread."""

    def tap(self, wanted: Wanted) -> None:
        """Let workers copy what they are asked and answer, soon and until it is told otherwise."""

    def close(self) -> None:
        """Let another process publish."""


class SharedPublisher:
    """Publishes to worker processes. One process at a time may do so in a state folder."""

    def __init__(self, state: StateFolder) -> None:
        """Raises StateError where another process publishes here."""
        self._state = state
        self._lock = state.lock_publisher()
        self._pages = Pages(state.pages_path)
        control = self._pages.control
        self._writer = SnapshotWriter(state, max(control.base_generation, control.leaves_generation))
        self._base_digest = b""
        self._ledger = Ledger()

    def publish_base(self, base: Base, leaves: Leaves) -> int:
        """See Publisher. A base equal to the one on disk replaces no worker: only its leaves are handed out."""
        self._writer.clean({page.base_generation for _, page in self._pages.used()})
        Table(base, leaves)  # refuses leaves of another base before anything is written
        generation = self._writer.put_base(base, leaves)
        self._base_digest = base.digest
        self._ledger.follow(base)
        self._announce(generation)
        return generation

    def publish_leaves(self, leaves: Leaves, former: Leaves | None = None) -> int:
        """See Publisher."""
        if leaves.base_digest != self._base_digest:
            raise ValueError("these leaves were compiled for another base than the one published last")
        generation = self._writer.put_leaves(leaves, former, whole=self._somebody_is_late())
        self._announce(generation)
        return generation

    def _somebody_is_late(self) -> bool:
        control = self._pages.control
        if time.time_ns() < control.stamp + _LATE * 1e9:
            return False
        return any(page.leaves_generation < control.leaves_generation for page in self._pages.answering())

    def _announce(self, generation: int) -> None:
        control = self._pages.control
        control.stamp = time.time_ns()
        control.base_generation = self._writer.base_generation
        control.leaves_generation = generation

    async def wait_acknowledged(self, generation: int, timeout: float) -> bool:  # noqa: ASYNC109
        """See Publisher. Workers that start meanwhile do so from the newest table."""
        deadline = time.monotonic() + timeout
        while any(page.leaves_generation < generation for page in self._pages.answering()):
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_POLL)
        return True

    def served(self) -> Table | None:
        """See Publisher."""
        return _table(load_newest(self._state))

    def workers(self) -> list[WorkerStatus]:
        """See Publisher."""
        return [
            WorkerStatus(
                slot,
                page.pid,
                page.leaves_generation,
                page.process.alive(),
                STATE_NAMES[page.state],
                named(page.counters),
            )
            for slot, page in self._pages.used()
        ]

    def totals(self) -> dict[str, int]:
        """See Publisher."""
        return self._pages.totals()

    def tallied(self) -> Tallied:
        """See Publisher."""
        self._ledger.read(self._state.path)
        return self._ledger.sums

    def tap(self, wanted: Wanted) -> None:
        """See Publisher."""
        self._pages.control.tap = wanted.word

    def close(self) -> None:
        """See Publisher."""
        self._pages.close()
        self._state.close()
        self._lock.release()


class LocalPublisher:
    """Publishes to a worker in this process (`workers: 0`); with a state folder, for the next start too."""

    def __init__(self, worker: Worker, state: StateFolder | None = None) -> None:
        self._worker = worker
        self._state = state
        self._writer = SnapshotWriter(state) if state else None
        self._generation = 0
        self._table: Table | None = None
        self._ledger = Ledger()
        self._counted: tuple[str, bytes, Rows] = ("", b"", [])  # generation and digest of the base, its rows

    def publish_base(self, base: Base, leaves: Leaves) -> int:
        """See Publisher."""
        Table(base, leaves)  # refuses leaves of another base before anything is written
        self._note_rows()
        self._ledger.follow(base)
        self._generation = self._writer.put_base(base, leaves) if self._writer else self._generation + 1
        self._swap(base, leaves)
        self._counted = f"{self._generation}", base.digest, self._worker.rows
        return self._generation

    def publish_leaves(self, leaves: Leaves, former: Leaves | None = None) -> int:
        """See Publisher."""
        assert self._table is not None
        base = self._table.base
        Table(base, leaves)  # refuses leaves of another base before anything is written
        self._generation = self._writer.put_leaves(leaves) if self._writer else self._generation + 1
        return self._swap(base, leaves)

    def _note_rows(self) -> None:
        source, digest, rows = self._counted
        self._ledger.note(source, digest, packed(rows))

    def _swap(self, base: Base, leaves: Leaves) -> int:
        self._table = Table(base, leaves, self._generation)
        self._worker.swap(self._table)
        return self._generation

    async def wait_acknowledged(self, generation: int, timeout: float) -> bool:  # noqa: ASYNC109
        """See Publisher. The swap was immediate."""
        return generation <= self._generation

    def served(self) -> Table | None:
        """See Publisher."""
        if self._table is None and self._state:
            return _table(load_newest(self._state))
        return self._table

    def workers(self) -> list[WorkerStatus]:
        """See Publisher."""
        me = ProcessId.me().pid
        return [WorkerStatus(0, me, self._generation, True, "serving", named(self._worker.counters()))]

    def totals(self) -> dict[str, int]:
        """See Publisher."""
        return named(self._worker.counters())

    def tallied(self) -> Tallied:
        """See Publisher."""
        self._note_rows()
        return self._ledger.sums

    def tap(self, wanted: Wanted) -> None:
        """See Publisher."""
        self._worker.tap(wanted)

    def close(self) -> None:
        """See Publisher."""
        if self._state:
            self._state.close()


class NoPublisher:
    """For a node that answers no queries: what is compiled goes nowhere."""

    def __init__(self) -> None:
        self._generation = 0

    def publish_base(self, base: Base, leaves: Leaves) -> int:
        """See Publisher."""
        self._generation += 1
        return self._generation

    def publish_leaves(self, leaves: Leaves, former: Leaves | None = None) -> int:
        """See Publisher."""
        self._generation += 1
        return self._generation

    async def wait_acknowledged(self, generation: int, timeout: float) -> bool:  # noqa: ASYNC109
        """See Publisher. Nobody has to."""
        return True

    def served(self) -> Table | None:
        """See Publisher."""
        return None

    def workers(self) -> list[WorkerStatus]:
        """See Publisher."""
        return []

    def totals(self) -> dict[str, int]:
        """See Publisher."""
        return named([0] * len(COUNTER_NAMES))

    def tallied(self) -> Tallied:
        """See Publisher."""
        return Tallied({}, {})

    def tap(self, wanted: Wanted) -> None:
        """See Publisher. Nobody answers here."""

    def close(self) -> None:
        """See Publisher."""


def _table(loaded: Loaded | None) -> Table | None:
    return loaded.table if loaded else None
