"""A node's registration in the shared store: a lease, the key that it holds, and by that the right to write.

Every write compares that the key still has this lease. A process that was stopped, and goes on when its lease has run
out or another one has taken its place, is refused. Of two processes with one name the one that began last has it.
"""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Final

from gslb.errors import StoreError
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Compare, Item, Put, Read
from gslb.store.mirror import Mirror
from gslb.store.roster import Registration
from gslb.store.valuetext import dump_node
from gslb.store.votes import LEASE, RENEW

AGAIN: Final = 0.5  # seconds until the next attempt to register
_GATHER: Final = RENEW / 2  # seconds, so that what changes often is told together

log = logging.getLogger("gslb.store")


class Session:
    """Let `run` run; `announce` what others shall know. `mirror` must have `key`, the node's own."""

    def __init__(self, etcd: Etcd, mirror: Mirror, key: str) -> None:
        self.key = key
        self.problem = ""  # why this node is not registered, or not as it should be
        self.registration: Registration | None = None
        self._etcd = etcd
        self._mirror = mirror
        self._lease = 0
        self._former = 0  # the lease before, whose key is no stranger's
        self._revision = 0  # at which the key was written by this session
        self._told: Registration | None = None
        self._rival = False
        self._ended = False
        self._wake = asyncio.Event()

    def announce(self, registration: Registration) -> None:
        """Tell this from now on."""
        if registration != self.registration:
            self.registration = registration
            self._wake.set()

    @property
    def lease(self) -> int:
        """The lease that everything has which must go with this node. Raises StoreError where there is none."""
        if not self._lease:
            text = f"this node is not registered in the store{self.problem and ': '}{self.problem}"
            raise StoreError(text, hint="`gslb nodes` tells more; try again")
        return self._lease

    def guard(self) -> Compare:
        """Holds as long as the registration is this session's. Raises StoreError where there is none."""
        return Compare(self.key, "lease", "=", self.lease)

    def lapsed(self) -> StoreError:
        """The registration turned out to be no longer ours: register anew."""
        self._lose("this node's registration in the store has lapsed")
        return StoreError("this node's registration in the store has lapsed; nothing was written", hint="try again")

    async def run(self) -> None:
        """Be registered, until cancelled or ended."""
        while not self._ended:
            await self._rest()
            if self.registration is None or self._ended:
                continue
            try:
                await (self._renew(self.registration) if self._lease else self._register(self.registration))
            except StoreError as error:
                self._trouble(str(error))

    async def end(self) -> None:
        """Leave: what is bound to the lease goes at once."""
        self._ended = True
        self._wake.set()
        lease, self._lease = self._lease, 0
        if lease:
            with suppress(StoreError):
                await self._etcd.revoke(lease)

    async def _rest(self) -> None:
        """Until the next renewal, or until there is something to tell; without a lease a little less."""
        seconds = RENEW if self._lease or self.registration is None else AGAIN
        due = time.monotonic() + seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
        if self._lease and not self._ended:
            await asyncio.sleep(min(_GATHER, max(0.0, due - time.monotonic())))

    async def _register(self, registration: Registration) -> None:
        """The first time whoever has the name must give way; later only who holds it no longer does."""
        holder = self._holder()
        if self._former and holder not in (0, self._former):
            self._meet_rival()
            return
        lease = await self._etcd.grant(round(LEASE))
        compares = [Compare(self.key, "lease", "=", holder)] if self._former else []
        done = await self._etcd.txn(compares, [Put(self.key, dump_node(registration), lease)], repeat=True)
        if self._ended or not done.succeeded:  # the mirror will show who was quicker
            await self._etcd.revoke(lease)
            return
        if self.problem:
            log.warning("registered in the store again")
        self._lease = self._former = lease
        self._revision, self._told, self._rival, self.problem = done.revision, registration, False, ""

    async def _renew(self, registration: Registration) -> None:
        lease = self._lease
        alive = await self._etcd.keep(lease)
        if self._lease != lease:  # a write has found out meanwhile, or this is the end
            return
        if not alive:
            self._lose("the lease of this node's registration has run out")
        elif self._mirror.revision >= self._revision and self._holder() != lease:
            self._lose("this node's registration was taken away")
            await self._etcd.revoke(lease)
        elif registration != self._told:
            await self._tell(registration)
        else:
            self.problem = ""

    async def _tell(self, registration: Registration) -> None:
        """Write what is new. One that comes late, over another member, finds that the key has moved on."""
        compares = [self.guard(), Compare(self.key, "mod_revision", "=", self._revision)]
        put, lease = Put(self.key, dump_node(registration), self._lease), self._lease
        done = await self._etcd.txn(compares, [put], [Read(self.key)], repeat=True)
        if self._lease != lease:
            return
        if done.succeeded:
            self._revision, self._told, self.problem = done.revision, registration, ""
        elif ours := [item for item in done.items if item.lease == lease]:
            self._revision = ours[0].mod_revision
            self._wake.set()
        else:
            self._lose("this node's registration was taken away")

    def _holder(self) -> int:
        item: Item | None = self._mirror.items.get(self.key)
        return item.lease if item else 0

    def _lose(self, why: str) -> None:
        self._lease = 0
        self._trouble(why)
        self._wake.set()

    def _meet_rival(self) -> None:
        if not self._rival:
            log.error("another node has registered with the name of this one: %s", self.key)
        self._rival = True
        self.problem = "another node has the name of this one; give each a name of its own"

    def _trouble(self, problem: str) -> None:
        if not self.problem:
            log.warning("registration in the store: %s", problem)
        self.problem = problem
