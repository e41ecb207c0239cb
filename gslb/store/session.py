"""A node's registration in the shared store: a lease, the key that it holds, and by that the right to write.

Every write compares that the key still has this lease. A process that was stopped, and goes on when its lease has run
out or another one has taken its place, is refused.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from gslb.errors import StoreError
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Compare, Put
from gslb.store.roster import Registration
from gslb.store.valuetext import dump_node
from gslb.store.votes import LEASE, RENEW

AGAIN = 0.5  # seconds until the next attempt to register

log = logging.getLogger("gslb.store")


class Session:
    """Let `run` run; `announce` what others shall know. `holder` gives the lease of the key as the mirror has it."""

    def __init__(self, etcd: Etcd, key: str, holder: Callable[[], int]) -> None:
        self.key = key
        self.rival = False  # whether another process took the name of this node
        self._etcd = etcd
        self._holder = holder
        self._lease = 0
        self._registration: Registration | None = None
        self._announced = asyncio.Event()
        self._troubled = False

    def announce(self, registration: Registration) -> None:
        """Tell this from now on."""
        if registration != self._registration:
            self._registration = registration
            self._announced.set()

    @property
    def lease(self) -> int:
        """The lease that everything has which must go with this node. Raises StoreError where there is none."""
        if not self._lease:
            raise StoreError("this node is not registered in the store", hint="`gslb nodes` tells why; try again")
        return self._lease

    def guard(self) -> Compare:
        """Holds as long as the registration is this session's. Raises StoreError where there is none."""
        return Compare(self.key, "lease", "=", self.lease)

    def lapsed(self) -> StoreError:
        """The registration turned out to be no longer ours: register anew."""
        self._lease = 0
        return StoreError("this node's registration in the store has lapsed; nothing was written", hint="try again")

    async def run(self) -> None:
        """Be registered, until cancelled."""
        await self._announced.wait()
        while True:
            try:
                await self._begin()
                await self._hold()
            except StoreError as error:
                if not self._troubled:
                    log.warning("not registered in the store: %s", error)
                self._troubled = True
            self._lease = 0
            await asyncio.sleep(AGAIN)

    async def _begin(self) -> None:
        if self.rival and self._holder():
            return
        self.rival = False
        lease = await self._etcd.grant(round(LEASE))
        await self._etcd.txn([], [self._written(lease)], repeat=True)
        self._lease, self._troubled = lease, False

    def _written(self, lease: int) -> Put:
        assert self._registration
        self._announced.clear()
        return Put(self.key, dump_node(self._registration), lease)

    async def _hold(self) -> None:
        """Renew the lease and tell what is new, until the registration is lost."""
        strange = False
        while self._lease:
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEW):
                    await self._announced.wait()
                    await asyncio.sleep(RENEW / 2)  # what changes often is told together
            if not self._lease or not await self._etcd.keep(self._lease):
                log.warning("the lease of this node's registration has run out")
                return
            if self._announced.is_set():
                lease = self._lease
                if not (await self._etcd.txn([self.guard()], [self._written(lease)], repeat=True)).succeeded:
                    self.rival = True
            was, strange = strange, self._holder() not in (0, self._lease)
            if self.rival or (was and strange):
                self.rival = True
                log.error("another node has registered with the name of this one: %s", self.key)
                return

    async def end(self) -> None:
        """Leave: what is bound to the lease goes at once."""
        lease, self._lease = self._lease, 0
        if lease:
            with suppress(StoreError):
                await self._etcd.revoke(lease)
