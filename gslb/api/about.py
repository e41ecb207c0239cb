"""Handlers: what the API says of itself."""

import json
from functools import cache
from typing import Any, Final

from gslb.api.call import Call, NoQuery, Reply, Route
from gslb.api.spec import document
from gslb.api.specpage import page

HTML: Final = "text/html; charset=utf-8"
_ALONE: Final = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


async def openapi(call: Call[NoQuery, None]) -> Reply:
    """The document for programs."""
    return Reply(_document(call.routes))


async def index(call: Call[NoQuery, None]) -> Reply:
    """The page for people."""
    return Reply(_page(call.routes), content_type=HTML, headers=_ALONE)


@cache
def _document(routes: tuple[Route[Any, Any], ...]) -> str:
    return json.dumps(document(routes))


@cache
def _page(routes: tuple[Route[Any, Any], ...]) -> str:
    return page(document(routes))
