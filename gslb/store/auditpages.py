"""Reading the record of what was done page by page, newest first, from several chains at once.

A cursor holds for each chain the number below which to go on. Entries never change, so pages that follow each other
miss nothing and repeat nothing, whatever is added meanwhile.
"""

import base64
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Final, NamedTuple

from gslb.errors import RequestError
from gslb.store.audit import Record

EXAMINED: Final = 2_000  # entries that are looked at for one page; what a filter wants may be rare
AT_ONCE: Final = 100  # entries of a chain that are read at once

Read = Callable[[int | None, int], Awaitable[tuple[Record, ...]]]  # (below, limit): entries, newest first


class AuditWanted(NamedTuple):
    """What is to be read: at most `limit` entries that fit in everything that is given; on from `cursor`."""

    limit: int = 100
    node: str = ""
    action: str = ""
    target: str = ""
    subject: str = ""
    cursor: str = ""

    def fits(self, record: Record) -> bool:
        """Whether a record is among what is wanted."""
        pairs = ((self.action, record.action), (self.target, record.target), (self.subject, record.subject))
        return all(wanted in ("", found) for wanted, found in pairs)


class AuditPage(NamedTuple):
    """Entries, newest first, each chain in its order. While there is a `cursor`, there may be more, even after none."""

    records: tuple[Record, ...]
    cursor: str = ""


async def read_page(chains: Mapping[str, Read], wanted: AuditWanted) -> AuditPage:
    """A page of these chains, by the names of their nodes. Raises RequestError (cursor), StoreError."""
    below: dict[str, int | None] = dict(_decode(wanted.cursor)) if wanted.cursor else dict.fromkeys(chains)
    names = [name for name in chains if name in below and wanted.node in ("", name)]
    found: list[Record] = []
    async with AsyncExitStack() as stack:
        streams = {
            name: await stack.enter_async_context(aclosing(_entries(chains[name], below[name]))) for name in names
        }
        heads = {name: await anext(stream, None) for name, stream in streams.items()}
        for _ in range(EXAMINED):
            left = [record for record in heads.values() if record]
            if not left or len(found) >= wanted.limit:
                break
            newest = max(left, key=lambda record: (record.at, record.node))
            if wanted.fits(newest):
                found.append(newest)
            heads[newest.node] = await anext(streams[newest.node], None)
    return AuditPage(tuple(found), _encode({name: head.number + 1 for name, head in heads.items() if head}))


async def _entries(read: Read, below: int | None) -> AsyncGenerator[Record, None]:
    while records := await read(below, AT_ONCE):
        for record in records:
            yield record
        below = records[-1].number


def _encode(below: Mapping[str, int]) -> str:
    text = json.dumps(below, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") if below else ""


def _decode(cursor: str) -> dict[str, int]:
    try:
        values = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        good = isinstance(values, dict) and all(type(value) is int and 0 < value < 1 << 62 for value in values.values())
    except (ValueError, RecursionError):
        good = False
    if not good:
        raise RequestError("the cursor is not one that was given out", pointer="/cursor", hint="begin without one")
    return dict(values)
