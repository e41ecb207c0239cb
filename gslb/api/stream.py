"""Server-sent events over HTTP: what `Feed` tells, written to one connection until it or its token ends."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from aiohttp import web

from gslb.api.feed import Feed, News
from gslb.api.problems import HttpError
from gslb.api.reports import event_view
from gslb.errors import InvalidError, RequestError, StoreError
from gslb.store.historyfile import Wanted

STREAMS: Final = 256
SLOW: Final = 10.0  # seconds that one write may wait for a reader; then it is cut
TYPE: Final = "text/event-stream"
_RETRY: Final = b"retry: 2000\n\n"  # milliseconds
_HEARTBEAT: Final = b": still here\n\n"
_GAP: Final = b"event: gap\ndata: {}\n\n"

log = logging.getLogger("gslb.api")


def resumed_from(header: str | None) -> int | None:
    """The number in Last-Event-ID. Raises InvalidError."""
    if header is None or not header:
        return None
    if not header.isascii() or not header.isdigit() or len(header) > 18:
        raise InvalidError("Last-Event-ID must be the id of an event")
    return int(header)


async def serve(request: web.Request, feed: Feed, wanted: Wanted, still: Callable[[], object]) -> web.StreamResponse:
    """Write events until the client goes, reads too slowly, or `still` raises. Raises HttpError, StoreError."""
    if feed.followers >= STREAMS:
        raise HttpError(
            503, "Too many streams", f"{STREAMS} follow the events of this node already", headers={"Retry-After": "10"}
        )
    after = resumed_from(request.headers.get("Last-Event-ID"))
    response = web.StreamResponse(headers={"Content-Type": TYPE, "Cache-Control": "no-store"})
    async with feed.joined() as extent, aclosing(feed.follow(wanted, after, extent)) as news:
        await response.prepare(request)
        try:
            await _write(response, _RETRY)
            async for one in news:
                still()
                await _write(response, text_of(one))
        except (RequestError, StoreError) as error:
            log.info("a stream of events ends: %s", error.message)
        except (TimeoutError, ConnectionError):
            if request.transport:
                request.transport.abort()
    return response


def text_of(news: News) -> bytes:
    """What stands on the wire."""
    if news.gap:
        return _GAP
    events = (f"id: {event.number}\ndata: {json.dumps(event_view(event))}\n\n" for event in news.events)
    return "".join(events).encode() or _HEARTBEAT


async def _write(response: web.StreamResponse, text: bytes) -> None:
    async with asyncio.timeout(SLOW):
        await response.write(text)
