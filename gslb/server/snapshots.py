"""Tables in the state folder: the newest that can be read, and how a new one is put there."""

import logging
from typing import NamedTuple

from gslb.errors import SnapshotError
from gslb.server.state import StateFolder
from gslb.table.changes import PackedLeaves, changed, dump_change, load_change
from gslb.table.entries import Base, Leaves, Table
from gslb.table.pack import digest
from gslb.table.snapshot import dump_base, load_base, load_leaves

log = logging.getLogger("gslb.snapshot")

_SPARE_BASES = 2  # the newest, and one to fall back on if it turns out damaged
_MOST_CHANGES = 64  # files that a worker's start reads at most


class Loaded(NamedTuple):
    """A table and the generations that it came from."""

    table: Table
    base_generation: int
    leaves_generation: int


def load_newest(state: StateFolder, *, lean: bool = False) -> Loaded | None:
    """The newest table whose base and leaves can both be read; what is damaged or foreign is logged and passed over.

    `lean`: without what only the compiler needs.
    """
    tried: list[int] = []
    while (bases := state.bases()) != tried:  # again, where a publisher put newer ones in their place meanwhile
        tried = bases
        for generation in bases:
            try:
                base = load_base(state.read_base(generation).payload, lean=lean)
                table = load_leaves_of(state, base, generation, lean=lean)
            except SnapshotError as error:
                log.warning("ignored: %s", error)
            else:
                return Loaded(table, generation, table.generation)
    return None


def load_leaves_of(state: StateFolder, base: Base, base_generation: int, *, lean: bool = False) -> Table:
    """A base with its newest leaves: a whole, and what changed since, as far as it can be read.

    Raises SnapshotError where the whole is absent, damaged, or of another base.
    """
    snapshot = state.read_leaves(base_generation)
    leaves = load_leaves(snapshot.payload, lean=lean)
    if leaves.base_digest != base.digest:
        raise SnapshotError(f"leaves of generation {snapshot.generation} belong to another base")
    table, damage = _advanced(state, Table(base, leaves, snapshot.generation), base_generation, lean)
    if damage:
        log.warning("ignored: %s", damage)
    return table


def newer_leaves(state: StateFolder, table: Table, base_generation: int, announced: int) -> Table:
    """The table with the newest leaves of its base, lean; the same one where it has them already.

    Changes are applied where they lead on from it to the generation that was announced; else the whole is read, if that
    is newer. Raises SnapshotError where what is there cannot be read.
    """
    newer, damage = _advanced(state, table, base_generation, lean=True)
    if newer.generation >= announced:
        return newer
    if state.leaves_generation(base_generation) > newer.generation:
        return load_leaves_of(state, table.base, base_generation, lean=True)
    if damage and newer is table:
        raise damage
    return newer


def _advanced(state: StateFolder, table: Table, base_generation: int, lean: bool) -> tuple[Table, SnapshotError | None]:
    """Follow the changes from a table's generation on, until none follows, or one that cannot be read: why."""
    leaves, generation, damage = table.leaves, table.generation, None
    try:
        while snapshot := state.read_change(base_generation, generation):
            change = load_change(snapshot.payload)
            if change.since != generation or snapshot.generation <= generation:
                raise SnapshotError(f"a change since generation {change.since} cannot follow generation {generation}")
            leaves, generation = changed(leaves, change, lean=lean), snapshot.generation
    except SnapshotError as error:
        damage = error
    return table if generation == table.generation else Table(table.base, leaves, generation), damage


class LeavesSeries:
    """The leaves of one base on disk: a whole, and what changed since, each in a file of its own.

    Changes are written until together they are as large as the whole, or too many files for a start to read.
    """

    def __init__(self, state: StateFolder, base_generation: int) -> None:
        self._state = state
        self._base_generation = base_generation
        self._packed: PackedLeaves | None = None
        self._generation = 0
        self._changes = 0
        self._room = 0  # octets

    def put(self, leaves: Leaves, generation: int, *, whole: bool = False) -> None:
        """Write leaves of our base; `whole`: for somebody who cannot follow changes. Raises StateError."""
        if self._packed is None or whole or self._changes >= _MOST_CHANGES:
            self._put_whole(PackedLeaves(leaves), generation)
            return
        change = self._packed.change(leaves, self._generation)
        payload = dump_change(change)
        if len(payload) > self._room:
            self._put_whole(self._packed.moved(leaves, change), generation)
            return
        self._state.write_change(self._base_generation, self._generation, generation, payload)
        self._packed = self._packed.moved(leaves, change)
        self._generation = generation
        self._changes += 1
        self._room -= len(payload)

    def _put_whole(self, packed: PackedLeaves, generation: int) -> None:
        payload = packed.whole()
        self._state.write_leaves(self._base_generation, generation, payload)
        self._state.remove_changes(self._base_generation)
        self._packed, self._generation = packed, generation
        self._changes, self._room = 0, len(payload)


class SnapshotWriter:
    """Puts tables into the state folder. Generations rise over every restart, whatever was lost in between."""

    def __init__(self, state: StateFolder, at_least: int = 0) -> None:
        self._state = state
        self.generation = max(state.last_generation(), at_least)
        self.base_generation = 0
        self._base_digest = b""
        self._former: LeavesSeries | None = None
        newest = state.newest()
        if newest:
            self.base_generation = newest[0]
            self._base_digest = digest(state.read_base(newest[0]).payload)
        self._current = LeavesSeries(state, self.base_generation)

    def put_base(self, base: Base, leaves: Leaves) -> int:
        """Write a base and its leaves; where the base on disk is the same, only the leaves. Raises StateError.

        The leaves come first: a base that can be seen has its leaves.
        """
        if base.digest == self._base_digest:
            return self.put_leaves(leaves, whole=True)
        generation = self.generation = self.generation + 1
        series = LeavesSeries(self._state, generation)
        series.put(leaves, generation)
        self._state.write_base(generation, dump_base(base))
        self._former = self._current if self.base_generation else None
        self.base_generation, self._base_digest, self._current = generation, base.digest, series
        return generation

    def put_leaves(self, leaves: Leaves, former: Leaves | None = None, *, whole: bool = False) -> int:
        """Write leaves for the base written last, and `former` for the one before it. Raises StateError.

        `whole`: not only what changed, for workers that could not follow.
        """
        self.generation += 1
        if former is not None and self._former:
            self._former.put(former, self.generation, whole=whole)
        self._current.put(leaves, self.generation, whole=whole)
        return self.generation

    def clean(self, in_use: set[int]) -> None:
        """Remove bases that no worker uses, but the newest two."""
        self._state.clean(in_use.union(self._state.bases()[:_SPARE_BASES]))
