"""How an intent is written to the shared store: in one transaction with the record of it.

The transaction compares the registration of this node, so that who was stopped and has lost it is refused; that the
next entry of this node's chain does not exist, so that nothing is written twice; and what the caller judged by.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from gslb.errors import StoreError
from gslb.intents import Drain
from gslb.store.audit import Record, chained
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Compare, Delete, Item, Put, Read, absent
from gslb.store.keys import Keys
from gslb.store.mirror import Mirror
from gslb.store.session import Session
from gslb.store.valuetext import dump_record, load_record

CATCH_UP: Final = 1.0  # seconds that the mirror has to show what was written
KEPT: Final = 1_000  # records of a node
_PRUNE_EVERY: Final = 100  # records


class Place(NamedTuple):
    """Where the store is for one node: the keys, and the node's name."""

    keys: Keys
    node: str


class Deed(NamedTuple):
    """What is to be done about a drain."""

    action: str
    drain: Drain
    compares: tuple[Compare, ...]
    write: Put | Delete


class _End(NamedTuple):
    """The end of this node's chain: the last entry that can be understood, and the last number that is taken."""

    last: Record | None
    number: int


class Writer:
    """One at a time: the caller sees to it."""

    def __init__(self, etcd: Etcd, mirror: Mirror, session: Session, place: Place) -> None:
        self._etcd = etcd
        self._mirror = mirror
        self._session = session
        self._keys, self._node = place
        self._end: _End | None = None  # None = to be read

    async def write(self, deed: Deed) -> bool:
        """Whether it was written; if not, the mirror has what stood in the way.

        Raises StoreError: nothing was written; UnsureError: perhaps it was.
        """
        guard, end = self._session.guard(), self._end or await self._read_end()
        entry = _entry(self._node, deed, end)
        record, text = self._keys.record(self._node, entry.number), dump_record(entry)
        told = Put(self._keys.intents, f"{deed.action} {deed.drain.id}".encode())
        reads = [Read(key) for key in (self._session.key, record, self._keys.intents, deed.write.key)]
        self._end = None  # until it is known what became of it
        compares = [guard, absent(record), *deed.compares]
        done = await self._etcd.txn(compares, [deed.write, told, Put(record, text)], reads, repeat=True)
        found = {item.key: item for item in done.items}
        ours = record in found and found[record].value == text  # a first try, whose answer was lost
        if done.succeeded or ours:
            await self._mirror.reaches(found[record].mod_revision if ours else done.revision, CATCH_UP)
            self._end = _End(entry, entry.number)
            await self._prune(entry.number)
            return True
        if record not in found:
            self._end = end
        if self._session.key not in found or found[self._session.key].lease != guard.value:
            raise self._session.lapsed()
        await self._mirror.reaches(self._reason(deed.write.key, found, done.revision), CATCH_UP)
        return False

    async def catch_up(self) -> None:
        """Know here what was acknowledged anywhere before. Raises StoreError."""
        _, item = await self._etcd.get(self._keys.intents)
        if item and not await self._mirror.reaches(item.mod_revision, CATCH_UP):
            raise StoreError("what this node knows of the store is behind", hint="try again")

    async def records(self) -> list[Record]:
        """What was done through all nodes that can be understood, each node's in order. Raises StoreError."""
        return list(_understood((await self._etcd.scan(self._keys.audit(""))).items))

    def _reason(self, key: str, found: Mapping[str, Item], now: int) -> int:
        """The revision by which the mirror has what stood in the way."""
        if key in self._mirror.items and key not in found:
            return now  # it was removed, which leaves no trace
        reasons = (found[one].mod_revision for one in (key, self._keys.intents) if one in found)
        return max(reasons, default=0)

    async def _read_end(self) -> _End:
        """Numbers that something else has taken are left out: what is there is not overwritten."""
        place = self._keys.audit(self._node)
        items = (await self._etcd.scan(place)).items
        tails = [item.key.removeprefix(place) for item in items]
        numbers = [int(tail) for tail in tails if len(tail) < 20 and tail.isascii() and tail.isdigit()]
        records = [record for record in _understood(items) if record.node == self._node]
        return _End(max(records, key=lambda record: record.number, default=None), max(numbers, default=0))

    async def _prune(self, number: int) -> None:
        """Forget what was done long ago."""
        if number % _PRUNE_EVERY == 0 and number > KEPT:
            old = range(max(1, number - KEPT - _PRUNE_EVERY), number - KEPT)
            with suppress(StoreError):
                removals = [Delete(self._keys.record(self._node, one)) for one in old]
                await self._etcd.txn([self._session.guard()], removals, repeat=True)


def _entry(node: str, deed: Deed, end: _End) -> Record:
    drain = deed.drain
    entry = Record(node, 0, time.time(), deed.action, str(drain.target), drain.id, drain.owner, drain.reason)
    return chained(entry, end.last, end.number + 1)


def _understood(items: Iterable[Item]) -> Iterable[Record]:
    for item in items:
        with suppress(ValueError):
            yield load_record(item.value)
