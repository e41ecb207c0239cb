"""A client of etcd v3, on its JSON gateway. Whatever fails raises StoreError, with the endpoint and what happened.

Reads are linearizable: they see every write that was acknowledged before, through whichever endpoint. No clock of ours
or the store's is compared with another: leases are the store's, in seconds from now.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Final, TypeVar

from gslb.errors import StoreError
from gslb.store import etcdtext
from gslb.store.etcdaccess import Access
from gslb.store.etcderrors import CompactedError, LeaseGoneError, TooLongError, refuse
from gslb.store.etcdlink import STATUS, Link
from gslb.store.etcdtext import Batch, Bounds, Compare, Delete, Item, Json, Listing, Put, Read, Status, Tally, TxnResult

PAGE: Final = 500  # keys of one page of a listing
_TRIES: Final = 3  # at a listing that compaction overtakes between two pages

T = TypeVar("T")


class Etcd:
    """The store as several nodes share it. Make it inside the running loop, and close it there."""

    def __init__(self, access: Access) -> None:
        self._link = Link(access)

    @property
    def endpoint(self) -> str:
        """The endpoint that is current: calls and watches that begin now go there."""
        return self._link.endpoint

    @property
    def heard(self) -> float:
        """When (time.monotonic) a majority of the members last stood behind an answer; -inf = never."""
        return self._link.heard

    def leave(self, endpoint: str) -> None:
        """Go elsewhere from now on, where this endpoint is still current."""
        self._link.leave(endpoint)

    async def close(self) -> None:
        """End every connection; a watch that is under way fails."""
        await self._link.close()

    async def get(self, key: str) -> tuple[int, Item | None]:
        """The store's revision and what the key holds. Raises StoreError."""
        answer = await self._link.call("kv/range", etcdtext.key_body(key))
        revision, items = self._read(_listing, answer)
        return revision, items[0] if items else None

    async def scan(self, prefix: str, bounds: Bounds | None = None) -> Listing:
        """Every key under a prefix, all as they were at one revision, read page by page.

        Raises TooLongError where there is more than `bounds` (None = those of Bounds), StoreError.
        """
        for _ in range(_TRIES - 1):
            with suppress(CompactedError):
                return await self._scan(prefix, bounds or Bounds())
        return await self._scan(prefix, bounds or Bounds())

    async def span(
        self, first: str, end: bytes, limit: int, *, newest_first: bool = False, keys_only: bool = False
    ) -> tuple[Item, ...]:
        """At most `limit` keys from `first` on, those before `end`: the first of them, or the last, last one first.

        Raises StoreError.
        """
        body = etcdtext.span_body(first, end, limit, newest_first=newest_first)
        body |= {"keys_only": True} if keys_only else {}
        return self._read(_listing, await self._link.call("kv/range", body)).items

    async def tally(self, prefix: str, since: int | None = None) -> Tally:
        """How many keys are under a prefix, which costs etcd next to nothing.

        With `since` also whether one of them was written after that revision, for which it reads them all. Raises
        StoreError.
        """
        body = etcdtext.key_body(prefix, prefix=True)
        if since is None:
            body["count_only"] = True
        else:
            body |= {"keys_only": True, "limit": "1", "min_mod_revision": str(since + 1)}
        return self._read(etcdtext.tally, await self._link.call("kv/range", body))

    async def txn(
        self,
        compares: Sequence[Compare],
        writes: Sequence[Put | Delete],
        otherwise: Sequence[Read] = (),
        *,
        repeat: bool = False,
    ) -> TxnResult:
        """Do all the writes where every comparison holds, else the reads `otherwise`, as one.

        With `repeat` it is tried at another endpoint after one that may have done it: for transactions whose
        comparisons cannot hold a second time, or that write the same again. `succeeded` false may then mean that the
        first try did it: read the keys to know. Without it UnsureError is raised instead. Raises LeaseGoneError where
        a lease is not there, StoreError.
        """
        answer = await self._link.call("kv/txn", etcdtext.txn_body(compares, writes, otherwise), repeat=repeat)
        return self._read(etcdtext.txn_result, answer)

    async def grant(self, ttl: int) -> int:
        """A new lease of `ttl` seconds (etcd makes it at least 2); one granted in vain runs out. Raises StoreError."""
        answer = await self._link.call("lease/grant", {"TTL": str(ttl)})
        return self._read(lambda values: int(values["ID"]), answer)

    async def keep(self, lease: int) -> int:
        """Begin the lease's time anew and return it in seconds, 0 where the lease is gone. Raises StoreError."""
        answer = await self._link.call("lease/keepalive", {"ID": str(lease)})
        return self._read(lambda values: max(0, etcdtext.number(values, "TTL")), answer)

    async def revoke(self, lease: int) -> None:
        """End a lease, and with it the keys that have it; one that is gone stays gone. Raises StoreError."""
        with suppress(LeaseGoneError):
            await self._link.call("lease/revoke", {"ID": str(lease)})

    async def watch(self, prefix: str, first: int) -> AsyncGenerator[Batch, None]:
        """What is written and removed under a prefix from the revision `first` on (0 = from now on), until closed.

        The first batch comes at once and is empty: the watch stands. Silence means nothing: the member may be cut off
        (ask `tally`). Raises CompactedError, and StoreError whenever the stream ends. Use contextlib.aclosing.
        """
        body = etcdtext.watch_body(prefix, first)
        async with aclosing(self._link.stream("watch", body)) as results:
            async for result in results:
                if result.get("canceled"):
                    self._canceled(result)
                yield self._read(lambda values: etcdtext.batch(values, first), result)

    async def status(self, endpoint: str | None = None) -> Status:
        """What a member says of itself (None = the current endpoint). Never raises StoreError: see `problem`."""
        endpoint = endpoint or self.endpoint
        try:
            answer = await self._link.ask(endpoint, STATUS, {})
            return self._read(lambda values: etcdtext.status(endpoint, values), answer)
        except StoreError as error:
            return Status(endpoint, problem=f"{error} ({error.hint})" if error.hint else str(error))

    async def _scan(self, prefix: str, bounds: Bounds) -> Listing:
        found: list[Item] = []
        revision, octets, limit, more = 0, 0, PAGE, True
        while more:
            body = etcdtext.page_body(prefix, found[-1].key if found else None, limit, revision)
            try:
                answer = await self._link.call("kv/range", body)
            except TooLongError:
                if limit == 1:
                    raise
                limit = max(1, limit // 8)
                continue
            page = self._read(_listing, answer)
            revision = revision or page.revision  # the pages that follow are as of the first
            found += page.items
            octets += etcdtext.octets_of(page.items)
            bounds.check(prefix, len(found), octets)
            more = bool(answer.get("more")) and bool(page.items)
        return Listing(revision, tuple(found))

    def _canceled(self, result: Json) -> None:
        revision = self._read(lambda values: etcdtext.number(values, "compact_revision"), result)
        if revision:
            raise CompactedError(revision)
        self._link.forget_login()  # it may be that; where it is not, a login does no harm
        refuse(self.endpoint, 400, str(result.get("cancel_reason") or "the watch was cancelled").encode())

    def _read(self, parse: Callable[[Json], T], answer: Json) -> T:
        try:
            return parse(answer)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            text = f"{self.endpoint}: cannot understand etcd's answer: {type(error).__name__}: {error}"
            raise StoreError(text, hint="gslb speaks to etcd 3.4 and later") from error


def _listing(answer: Json) -> Listing:
    return Listing(etcdtext.revision(answer), etcdtext.items(answer))
