"""How something is written to the shared store: in one transaction with the record of it.

The transaction compares the registration of this node, so that who was stopped and has lost it is refused; that the
next entry of this node's chain does not exist, so that nothing is written twice; and what the caller judged by.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from gslb.errors import StoreError
from gslb.store.audit import Deed, Record, chained
from gslb.store.audittext import dump_record, load_record
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Compare, Delete, Item, Put, Read, absent, prefix_end, to_octets
from gslb.store.keys import Keys
from gslb.store.mirror import Mirror
from gslb.store.session import Session

CATCH_UP: Final = 1.0  # seconds that the mirror has to show what was written
KEPT: Final = 1_000  # records of a node
_PRUNE_EVERY: Final = 100  # records
_PRUNE_MOST: Final = 120  # records at once; etcd takes 128 writes
_PAGE: Final = 100  # records that are read at once


class Place(NamedTuple):
    """Where the store is for one node: the keys, and the node's name."""

    keys: Keys
    node: str


class Write(NamedTuple):
    """What is to be written where the comparisons hold; `write` None: the record alone.

    `word`: what is said of an intent, for those who only see that it is gone; "" = it is about something else.
    """

    deed: Deed
    write: Put | Delete | None = None
    compares: tuple[Compare, ...] = ()
    word: str = ""


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

    async def write(self, wanted: Write) -> bool:
        """Whether it was written; if not, the mirror has what stood in the way.

        Raises StoreError: nothing was written; UnsureError: perhaps it was.
        """
        guard, end = self._session.guard(), self._end or await self._read_end()
        entry = chained(Record.of(self._node, time.time(), wanted.deed), end.last, end.number + 1)
        record, text = self._keys.record(self._node, entry.number), dump_record(entry)
        told = [Put(self._keys.intents, wanted.word.encode())] if wanted.word else []
        writes = [*([wanted.write] if wanted.write else []), *told, Put(record, text)]
        reads = [Read(key) for key in (self._session.key, *(write.key for write in writes))]
        self._end = None  # until it is known what became of it
        done = await self._etcd.txn([guard, absent(record), *wanted.compares], writes, reads, repeat=True)
        found = {item.key: item for item in done.items}
        ours = record in found and found[record].value == text  # a first try, whose answer was lost
        if done.succeeded or ours:
            if wanted.write:
                await self._mirror.reaches(found[record].mod_revision if ours else done.revision, CATCH_UP)
            self._end = _End(entry, entry.number)
            await self._prune(entry.number)
            return True
        if record not in found:
            self._end = end
        if self._session.key not in found or found[self._session.key].lease != guard.value:
            raise self._session.lapsed()
        await self._mirror.reaches(self._reason(wanted.write, found, done.revision), CATCH_UP)
        return False

    async def put(self, write: Put | Delete, compares: tuple[Compare, ...]) -> bool:
        """Write without a record: whether it was done, or had been. Raises as `write` does."""
        guard = self._session.guard()
        reads = [Read(self._session.key), Read(write.key)]
        done = await self._etcd.txn([guard, *compares], [write], reads, repeat=True)
        found = {item.key: item for item in done.items}
        if not done.succeeded and (self._session.key not in found or found[self._session.key].lease != guard.value):
            raise self._session.lapsed()
        await self._mirror.reaches(
            done.revision if done.succeeded else self._reason(write, found, done.revision), CATCH_UP
        )
        return done.succeeded

    async def catch_up(self) -> None:
        """Know here what was acknowledged anywhere before. Raises StoreError."""
        _, item = await self._etcd.get(self._keys.intents)
        if item and not await self._mirror.reaches(item.mod_revision, CATCH_UP):
            raise StoreError("what this node knows of the store is behind", hint="try again")

    async def nodes(self) -> list[str]:
        """The nodes that have a record. Raises StoreError."""
        place, found = self._keys.audit(""), list[str]()
        first = place
        while items := await self._etcd.span(first, prefix_end(place), 1, keys_only=True):
            found.append(items[0].key.removeprefix(place).partition("/")[0])
            first = prefix_end(self._keys.audit(found[-1])).decode(errors="surrogateescape")
        return found

    async def records(self, node: str, below: int | None, limit: int) -> tuple[Record, ...]:
        """The last entries of a node with numbers below one, newest first; there are some unless there are no more.

        What cannot be understood is among them as such. Raises StoreError.
        """
        end = prefix_end(self._keys.audit(node)) if below is None else to_octets(self._keys.record(node, below))
        while items := await self._etcd.span(self._keys.record(node, 0), end, limit, newest_first=True):
            if found := tuple(self._understood(node, items)):
                return found
            end = to_octets(items[-1].key)
        return ()

    def _understood(self, node: str, items: Iterable[Item]) -> Iterable[Record]:
        """The entries; keys that are none are left out."""
        at = time.time()
        for item in items:
            tail = item.key.removeprefix(self._keys.audit(node))
            if not (tail.isascii() and tail.isdigit() and item.key == self._keys.record(node, int(tail[:20]))):
                continue
            try:
                record = load_record(item.value)
                if (record.node, record.number) != (node, int(tail)):
                    raise ValueError(f"is entry {record.number} of {ascii(record.node)[:40]}")
            except ValueError as error:
                record = Record.unreadable(node, int(tail), at, str(error))
            at = record.at
            yield record

    def _reason(self, write: Put | Delete | None, found: Mapping[str, Item], now: int) -> int:
        """The revision by which the mirror has what stood in the way."""
        if write is None:
            return 0
        if write.key in self._mirror.items and write.key not in found:
            return now  # it was removed, which leaves no trace
        reasons = (found[one].mod_revision for one in (write.key, self._keys.intents) if one in found)
        return max(reasons, default=0)

    async def _read_end(self) -> _End:
        """Numbers that something else has taken are left out: what is there is not overwritten."""
        number, below = 0, None
        while records := await self.records(self._node, below, _PAGE):
            number, below = number or records[0].number, records[-1].number
            for record in records:
                if record.hash:
                    return _End(record, number)
        return _End(None, number)

    async def _prune(self, number: int) -> None:
        """Forget what was done long ago, and what could not be forgotten before."""
        if number % _PRUNE_EVERY == 0 and number > KEPT:
            first, end = (self._keys.record(self._node, one) for one in (0, number - KEPT))
            with suppress(StoreError):
                old = await self._etcd.span(first, to_octets(end), _PRUNE_MOST, keys_only=True)
                await self._etcd.txn([self._session.guard()], [Delete(item.key) for item in old], repeat=True)
