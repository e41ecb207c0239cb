"""Bodies of requests: how large, how slow and how deep they may be, and what they are read into."""

import asyncio
import re
from typing import Final, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel

from gslb.api.problems import HttpError
from gslb.errors import RequestError

LIMIT: Final = 64 * 1024  # octets
TIME: Final = 1.0  # seconds until the whole of it is here: it fits into a few packets
LARGE_TIME: Final = 10.0  # seconds for one that may be larger than LIMIT
DEPTH: Final = 16
_JSON: Final = "application/json"
_DEEPER: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
_TOKEN: Final = re.compile(rb'[\[\]{}]|"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)  # texts whole, also one without an end

M = TypeVar("M", bound=BaseModel)


async def read(request: web.Request, limit: int = LIMIT) -> bytes:
    """The body. Raises HttpError: too large, too slow, broken off, of another type."""
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    patience = TIME if limit <= LIMIT else LARGE_TIME
    try:
        async with asyncio.timeout(patience):
            octets = await _all(request, limit)
    except TimeoutError:
        raise HttpError(408, "Too slow", f"the body was not here after {patience:g} s") from None
    except (ConnectionError, HttpProcessingError):
        raise HttpError(400, "Bad request", "the body came to no end, or not as HTTP has it") from None
    kind = request.content_type if "Content-Type" in request.headers else _JSON
    if octets and kind != _JSON and not kind.endswith("+json"):
        hint = f'with curl: --json, or -H "Content-Type: {_JSON}"'
        raise HttpError(415, "Not JSON", f"the body must be {_JSON} (got {kind})", hint)
    deep = depth(octets) if len(octets) <= LIMIT else await asyncio.to_thread(depth, octets)
    if deep > DEPTH:
        raise RequestError(f"the body is nested more than {DEPTH} deep")
    return octets


async def _all(request: web.Request, limit: int) -> bytes:
    octets = bytearray()
    async for part in request.content.iter_any():
        octets += part
        if len(octets) > limit:
            raise too_large(limit)
    return bytes(octets)


def parsed(octets: bytes, model: type[M], now: float) -> M:
    """The body as its model. Raises pydantic.ValidationError."""
    return model.model_validate_json(octets, context={"now": now})


def too_large(limit: int) -> HttpError:
    """What is said of a body over the limit; the rest of it is not read."""
    return HttpError(413, "Too large", f"the body is larger than {limit // 1024} KiB", headers={"Connection": "close"})


def depth(octets: bytes) -> int:
    """How deep arrays and objects are nested; no further than just over DEPTH."""
    level = deepest = 0
    for found in _TOKEN.finditer(octets):
        level += _DEEPER.get(found[0], 0)
        deepest = max(deepest, level)
        if deepest > DEPTH:
            break
    return deepest
