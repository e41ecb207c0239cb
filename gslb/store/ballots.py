"""Votes across nodes: each prober's ballot under its own lease, and what the mirror has of the others."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from gslb.errors import StoreError
from gslb.health.states import Observation, TargetKey
from gslb.health.votes import Ballot, Ballots
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Delete, Item, Put
from gslb.store.mirror import Mirror
from gslb.store.session import Session
from gslb.store.valuetext import HEAD, dump_ballot, load_head, load_part
from gslb.store.votes import LEASE


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
        self._cast: Mapping[str, bytes] = {}
        self._lease = 0  # that `_cast` was written with
        self._heads: dict[str, Ballot] = {}  # by key, as the parts
        self._parts: dict[str, Mapping[TargetKey, Observation]] = {}
        self._ballots: dict[str, Ballot] = {}
        self._told: Callable[[], None] = lambda: None

    @property
    def lost(self) -> bool:
        """Whether the store has been silent for so long that no vote of others can be known to live."""
        return time.monotonic() >= self._mirror.heard + LEASE

    async def cast(self, ballot: Ballot) -> None:
        """Write what is new in the ballot; what is not lives by the lease. Raises StoreError."""
        lease, texts = self._session.lease, dump_ballot(ballot)
        place = f"{self._prefix}{self._own}/"
        if lease != self._lease:  # what an earlier session left must not be counted with it
            await self._write([Delete(place, prefix=True)])
            self._cast, self._lease = {}, lease
        puts = [Put(place + part, text, lease) for part, text in texts.items() if self._cast.get(part) != text]
        gone = [Delete(place + part) for part in self._cast.keys() - texts.keys()]
        if puts or gone:
            await self._write([*puts, *gone])
            self._cast = texts
        elif self._mirror.lost:
            raise StoreError("the store does not answer")

    async def _write(self, writes: list[Put | Delete]) -> None:
        if not (await self._etcd.txn([self._session.guard()], writes, repeat=True)).succeeded:
            raise self._session.lapsed()

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
                self._read(key, part, self._mirror.items.get(key))
        if probers:
            for prober in probers:
                self._gather(prober)
            self._told()

    def _read(self, key: str, part: str, item: Item | None) -> None:
        into: dict[str, Any] = self._heads if part == HEAD else self._parts
        if item is None:
            into.pop(key, None)
            self.alarms.pop(key, None)
            return
        try:
            into[key] = load_head(item.value) if part == HEAD else load_part(item.value)
            self.alarms.pop(key, None)
        except ValueError as error:
            self.alarms[key] = f"{key}: {error}"

    def _gather(self, prober: str) -> None:
        place = f"{self._prefix}{prober}/"
        head = self._heads.get(place + HEAD)
        if head is None:
            self._ballots.pop(prober, None)
            return
        verdicts = {key: seen for at, part in self._parts.items() if at.startswith(place) for key, seen in part.items()}
        self._ballots = {**self._ballots, prober: head._replace(prober=prober, verdicts={} if head.blind else verdicts)}
