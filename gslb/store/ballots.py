"""Votes across nodes: each prober's ballot under its own lease, and what the mirror has of the others.

A ballot is a head and some parts, each a key of its own, so that little is written when one verdict changes. Every
write includes the head and compares its revision: one that comes late, over another member, changes nothing.
"""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

from gslb.errors import StoreError
from gslb.health.states import Observation, TargetKey
from gslb.health.votes import Ballot, Ballots
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Compare, Delete, Item, Put, Read
from gslb.store.mirror import Mirror
from gslb.store.session import Session
from gslb.store.valuetext import HEAD, dump_ballot, load_head, load_part, shown
from gslb.store.votes import LEASE

TRIES: Final = 3  # at a write that finds the head elsewhere than it was known to be
_CATCH_UP: Final = 0.5  # seconds that the mirror has to show why
_MOST: Final = 50  # keys that are removed at once; etcd takes 128 writes

Verdicts = Mapping[TargetKey, Observation]


class _Leased(NamedTuple):
    """What a key of a ballot held when it was last understood, and its lease."""

    lease: int
    content: Ballot | Verdicts


class SharedVotes:
    """Implements gslb.store.votes.Votes. `prefix` is where ballots are, `own` the name of this node.

    As long as the store answers, a ballot lives while its key does; once it is silent, for LEASE seconds after it was
    heard last, by this node's monotonic clock.
    """

    def __init__(self, etcd: Etcd, mirror: Mirror, session: Session, prefix: str, own: str) -> None:
        self.alarms: dict[str, str] = {}  # by key: what is wrong with a value; the last good one is used
        self._etcd = etcd
        self._mirror = mirror
        self._session = session
        self._prefix = prefix
        self._own = own
        self._place = f"{prefix}{own}/"
        self._cast: Mapping[str, bytes] = {}  # what was written last, at the revision `_written`, with `_lease`
        self._lease = 0
        self._written = 0
        self._parts: dict[str, dict[str, _Leased]] = {}  # by prober and part, the head included
        self._ballots: dict[str, Ballot] = {}
        self._told: Callable[[], None] = lambda: None

    @property
    def lost(self) -> bool:
        """See Votes."""
        return time.monotonic() >= self._mirror.heard + LEASE

    async def cast(self, ballot: Ballot) -> None:
        """Write what is new in the ballot, or not as it should be; the rest lives by the lease. Raises StoreError."""
        texts = dump_ballot(ballot)
        for _ in range(TRIES):
            lease, have = self._session.lease, self._have()
            gone = sorted(have.keys() - texts.keys())[:_MOST]
            if not gone and all(have.get(part) == text for part, text in texts.items()):
                if self._mirror.lost:
                    raise StoreError("the store does not answer")
                return
            new = {part: text for part, text in texts.items() if have.get(part) != text or part == HEAD}
            puts = [Put(self._place + part, text, lease) for part, text in new.items()]
            if await self._write([*puts, *(Delete(self._place + part) for part in gone)]):
                self._cast, self._lease = texts, lease
                return
        raise StoreError("another one writes the ballot of this node", hint="give each node a name of its own")

    def _have(self) -> Mapping[str, bytes | None]:
        """The own ballot as it is in the store, by part; None = there, but not as it must be."""
        if self._mirror.revision < self._written:
            return self._cast if self._lease == self._session.lease else dict.fromkeys(self._cast)
        items = [item for key, item in self._mirror.items.items() if key.startswith(self._place)]
        lease = self._session.lease
        return {item.key.removeprefix(self._place): item.value if item.lease == lease else None for item in items}

    async def _write(self, writes: list[Put | Delete]) -> bool:
        """Whether it was written; if not, what is known of the own ballot was old. Raises StoreError."""
        head = self._place + HEAD
        known = self._mirror.items.get(head)
        last = self._written if self._mirror.revision < self._written else known.mod_revision if known else 0
        compares = [self._session.guard(), Compare(head, "mod_revision", "=", last)]
        reads = [Read(self._session.key), Read(head)]
        done = await self._etcd.txn(compares, writes, reads, repeat=True)
        if done.succeeded:
            self._written = done.revision
            return True
        if not any(item.key == self._session.key and item.lease == compares[0].value for item in done.items):
            raise self._session.lapsed()
        self._written = 0
        await self._mirror.reaches(
            max((item.mod_revision for item in done.items if item.key == head), default=0), _CATCH_UP
        )
        return False

    def ballots(self) -> Ballots:
        """See Votes."""
        return {} if self.lost else self._ballots

    def watch(self, told: Callable[[], None]) -> None:
        """See Votes."""
        self._told = told

    def changed(self, keys: Collection[str]) -> None:
        """Read what the mirror has under these keys of ballots."""
        probers = set()
        for key in keys:
            prober, _, part = key.removeprefix(self._prefix).rpartition("/")
            if prober != self._own:
                probers.add(prober)
                self._read(key, self._parts.setdefault(prober, {}), part)
        if probers:
            self._ballots = dict(self._ballots)  # who holds the former keeps it as it was
            for prober in probers:
                self._gather(prober)
            self._told()

    def _read(self, key: str, into: dict[str, _Leased], part: str) -> None:
        item = self._mirror.items.get(key)
        self.alarms.pop(key, None)
        if item is None:
            into.pop(part, None)
            return
        try:
            into[part] = _load(item, part)
        except ValueError as error:
            self.alarms[key] = f"{shown(key)}: {error}"

    def _gather(self, prober: str) -> None:
        """What was written by one session of the prober: what an earlier one left behind says nothing."""
        parts = self._parts[prober]
        if not parts:
            del self._parts[prober]
        head = parts.get(HEAD)
        if head is None or not isinstance(head.content, Ballot):
            self._ballots.pop(prober, None)
            return
        same = [part.content for part in parts.values() if part.lease == head.lease]
        verdicts = {key: seen for content in same if not isinstance(content, Ballot) for key, seen in content.items()}
        blind = head.content.blind
        self._ballots[prober] = head.content._replace(prober=prober, verdicts={} if blind else verdicts)


def _load(item: Item, part: str) -> _Leased:
    """Raises ValueError."""
    if not item.lease:
        raise ValueError("has no lease, and would never end")
    return _Leased(item.lease, load_head(item.value) if part == HEAD else load_part(item.value))
