"""Tables in the state folder: the newest that can be read, and how a new one is put there."""

import logging
from typing import NamedTuple

from gslb.errors import SnapshotError
from gslb.server.state import StateFolder
from gslb.table.entries import Base, Leaves, Table
from gslb.table.snapshot import dump_base, dump_leaves, load_base, load_leaves

log = logging.getLogger("gslb.snapshot")

_SPARE_BASES = 2  # the newest, and one to fall back on if it turns out damaged


class Loaded(NamedTuple):
    """A table and the generations that it came from."""

    table: Table
    base_generation: int
    leaves_generation: int


def load_newest(state: StateFolder) -> Loaded | None:
    """The newest table whose base and leaves can both be read; what is damaged or foreign is logged and passed over."""
    tried: list[int] = []
    while (bases := state.bases()) != tried:  # again, where a publisher put newer ones in their place meanwhile
        tried = bases
        for generation in bases:
            try:
                return _load(state, generation)
            except SnapshotError as error:
                log.warning("ignored: %s", error)
    return None


def _load(state: StateFolder, generation: int) -> Loaded:
    base = load_base(state.read_base(generation).payload)
    table, leaves_generation = load_current_leaves(state, base, generation)
    return Loaded(table, generation, leaves_generation)


def load_current_leaves(state: StateFolder, base: Base, base_generation: int) -> tuple[Table, int]:
    """A base with its newest leaves, and their generation. Raises SnapshotError: absent, damaged, of another base."""
    snapshot = state.read_leaves(base_generation)
    leaves = load_leaves(snapshot.payload)
    if leaves.base_digest != base.digest:
        raise SnapshotError(f"leaves of generation {snapshot.generation} belong to another base")
    return Table(base, leaves, snapshot.generation), snapshot.generation


class SnapshotWriter:
    """Puts tables into the state folder. Generations rise over every restart, whatever was lost in between."""

    def __init__(self, state: StateFolder, at_least: int = 0) -> None:
        self._state = state
        self.generation = max(state.last_generation(), at_least)
        self.base_generation = 0
        self._former_generation = 0
        self._base_payload = b""
        newest = state.newest()
        if newest:
            self.base_generation = newest[0]
            self._base_payload = state.read_base(newest[0]).payload

    def put_base(self, base: Base, leaves: Leaves) -> int:
        """Write a base and its leaves; where the base on disk is the same, only the leaves. Raises StateError.

        The leaves come first: a base that can be seen has its leaves.
        """
        payload = dump_base(base)
        if payload == self._base_payload:
            return self.put_leaves(leaves)
        generation = self.generation = self.generation + 1
        self._state.write_leaves(generation, generation, dump_leaves(leaves))
        self._state.write_base(generation, payload)
        self._former_generation = self.base_generation
        self.base_generation, self._base_payload = generation, payload
        return generation

    def put_leaves(self, leaves: Leaves, former: Leaves | None = None) -> int:
        """Write leaves for the base written last, and `former` for the one before it. Raises StateError."""
        self.generation += 1
        if former is not None and self._former_generation:
            self._state.write_leaves(self._former_generation, self.generation, dump_leaves(former))
        self._state.write_leaves(self.base_generation, self.generation, dump_leaves(leaves))
        return self.generation

    def clean(self, in_use: set[int]) -> None:
        """Remove bases that no worker uses, but the newest two."""
        self._state.clean(in_use.union(self._state.bases()[:_SPARE_BASES]))
