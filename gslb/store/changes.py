"""What nodes change in the store that they share: each change one transaction, tried again where others overtake it."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from math import ceil
from typing import Final, NamedTuple, TypeVar

from gslb.errors import ConflictError, NotFoundError, RequestError, StaleError, StoreError
from gslb.intents import Intent
from gslb.store import Document
from gslb.store.audit import Deed
from gslb.store.conflicts import missing, require_next, require_version
from gslb.store.etcd import Etcd
from gslb.store.etcdtext import Compare, Delete, Item, Put, absent, unchanged
from gslb.store.intentview import IntentView
from gslb.store.keptview import document_text
from gslb.store.keys import Keys
from gslb.store.mirror import Mirror
from gslb.store.valuetext import dump_intent, load_intent
from gslb.store.writer import Write, Writer

TRIES: Final = 5  # at a write that others overtake
_LOCAL: Final = "with --local it is for this node alone, at once"
_LATER: Final = "it can be changed or ended when the store answers; it lasts until its expiry at most"

T = TypeVar("T")


class _Former(NamedTuple):
    """An intent, and its key where it has not ended."""

    intent: Intent
    item: Item | None


class Changes:
    """Changes of the shared store through one node. What is done is known here when a method returns."""

    def __init__(self, etcd: Etcd, mirror: Mirror, writer: Writer, view: IntentView, keys: Keys) -> None:
        self._etcd = etcd
        self._mirror = mirror
        self._writer = writer
        self._view = view
        self._keys = keys
        self._one_at_a_time = asyncio.Lock()

    @property
    def revision(self) -> int:
        """That of all intents, as it is known here."""
        item = self._mirror.items.get(self._keys.intents)
        return item.mod_revision if item else 0

    async def find(self, intent_id: str) -> Intent:
        """See Store."""
        return (await self._find(intent_id)).intent

    async def add(self, intent: Intent, after: int | None, deed: Deed) -> Intent:
        """See Store."""
        self._require(_LOCAL)
        kept = _as_kept(intent)
        async with self._one_at_a_time:
            return await _hinted(self._put(kept, after, deed), _LOCAL)

    async def change(self, intent: Intent, after: int | None, deed: Deed) -> Intent:
        """See Store."""
        kept = _as_kept(intent)
        async with self._one_at_a_time:
            return await self._put(kept, after, deed, replaces=True)

    async def remove(self, intent_id: str, now: float, deed: Deed, changed: int | None = None) -> Intent:
        """See Store."""
        async with self._one_at_a_time:
            for _ in range(TRIES):
                former, item = await self._find(intent_id)
                if item is None:
                    return former
                require_version(former, changed)
                word = f"un{former.kind} {intent_id}"
                write = Write(deed.about(former, None), Delete(item.key), (unchanged(item),), word)
                if await self._writer.write(write):
                    await self._revoke(item.lease)
                    ended = self._view.get(intent_id)
                    return ended if ended and ended.removed is not None else replace(former, removed=now)
        raise StaleError(f"{intent_id} keeps changing", hint="try again")

    async def keep(self, kind: str, name: str, value: Document | None, deed: Deed | None) -> None:
        """See Store."""
        text = b"" if value is None else document_text(kind, name, value).encode()
        self._require("what is kept for all nodes needs the store")
        key = self._keys.document(kind, name)
        async with self._one_at_a_time:
            for _ in range(TRIES):
                if value is None and key not in self._mirror.items:
                    await self._writer.catch_up()
                item = self._mirror.items.get(key)
                if value is None and item is None:
                    raise NotFoundError(f"there is nothing under {name!r} among the {kind}")
                write = Delete(key) if value is None else Put(key, text)
                known = (unchanged(item) if item else absent(key),)
                if await (self._writer.write(Write(deed, write, known)) if deed else self._writer.put(write, known)):
                    return
        raise StaleError(f"{kind} {name} keeps changing", hint="try again")

    async def record(self, deed: Deed) -> None:
        """Record it for all nodes. Raises StoreError."""
        self._require("")
        async with self._one_at_a_time:
            for _ in range(TRIES):
                if await self._writer.write(Write(deed)):
                    return
        raise StaleError("the record of this node keeps changing", hint="give each node a name of its own")

    async def _put(self, intent: Intent, after: int | None, deed: Deed, *, replaces: bool = False) -> Intent:
        """Write it, unless other intents came that it was not judged by."""
        for _ in range(TRIES):
            former = await self._find(intent.id) if replaces else None
            if self._view.conflict(intent, time.time()):
                await self._writer.catch_up()  # it may have ended
            seen = self.revision if after is None else after  # before anything is awaited: it goes with what is judged
            if former:
                require_next(intent, former.intent)
            if refused := self._view.conflict(intent, time.time()):
                raise refused
            if await self._write(intent, former, seen, deed):
                return self._view.get(intent.id) or intent
            if after not in (None, self.revision):
                break
        raise StaleError("other intents came meanwhile, and this one was judged without them", hint="try again")

    async def _write(self, intent: Intent, former: _Former | None, seen: int, deed: Deed) -> bool:
        """Put the key with the lease that ends it: the former one where the expiry is the same, else a new one."""
        item = former.item if former else None
        if former and item is None:
            raise ConflictError(f"{intent.id} has ended", hint="add a new one")
        same = former and former.intent.expires == intent.expires
        lease = item.lease if item and same else await self._grant(intent)
        key = self._keys.intent(intent.kind, intent.id)
        judged = Compare(self._keys.intents, "mod_revision", "=", seen)
        compares = (judged, unchanged(item) if item else absent(key))
        about = deed.about(former.intent if former else None, intent)
        word = f"{'change' if item else intent.kind} {intent.id}"
        done = await self._writer.write(Write(about, Put(key, dump_intent(intent), lease), compares, word))
        old = item.lease if item else 0
        if lease != old:
            await self._revoke(old if done else lease)
        return done

    async def _grant(self, intent: Intent) -> int:
        """A lease until the expiry; 0 where there is none. Seconds are rounded up: nothing ends too early."""
        if intent.expires is None:
            return 0
        return await self._etcd.grant(max(1, ceil(intent.expires - time.time())))

    async def _revoke(self, lease: int) -> None:
        if lease:
            with suppress(StoreError):
                await self._etcd.revoke(lease)

    async def _find(self, intent_id: str) -> _Former:
        """Raises NotFoundError, StoreError."""
        intent = self._view.get(intent_id)
        if intent is None or intent.removed is None:
            self._require(_LATER)
        if intent is None or (intent.removed is None and self._item(intent) is None):
            await self._writer.catch_up()  # it may be new
            intent = self._view.get(intent_id)
        if intent is None:
            raise missing(intent_id)
        return _Former(intent, self._item(intent))

    def _item(self, intent: Intent) -> Item | None:
        return self._mirror.items.get(self._keys.intent(intent.kind, intent.id))

    def _require(self, hint: str) -> None:
        if self._mirror.lost:
            problem = self._mirror.problem or "nothing was heard of it yet"
            raise StoreError(f"the store does not answer: {problem}", hint=hint)


def _as_kept(intent: Intent) -> Intent:
    """As every node will read it. Raises RequestError where it cannot be kept."""
    try:
        return load_intent(intent.kind, dump_intent(intent))
    except ValueError as error:
        raise RequestError(f"the {intent.kind} cannot be kept: {error}") from error


async def _hinted(doing: Awaitable[T], hint: str) -> T:
    """What comes of it; a StoreError without a hint gets this one."""
    try:
        return await doing
    except StoreError as error:
        error.hint = error.hint or hint
        raise
