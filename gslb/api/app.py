"""The HTTP API of a node: each line of the table of routes as a handler of aiohttp, and what holds for all of them."""

import json
import logging
import time
from typing import Any, Final

from aiohttp import web

from gslb.api import accept, body, etags, requestid, stream
from gslb.api.access import Access, Grant
from gslb.api.call import OPEN, Call, Json, Queue, Reply, Route
from gslb.api.feed import Feed
from gslb.api.idempotency import Remembered, require_key
from gslb.api.issuing import Issuing
from gslb.api.pace import Pace, Rate
from gslb.api.problems import Handler, HttpError, as_problems
from gslb.api.record import wanted_events
from gslb.api.routes import ROUTES
from gslb.api.turns import Turns
from gslb.control.controller import Controller
from gslb.errors import RequestError

KEY: Final = "Idempotency-Key"
_JSON: Final = "application/json"
_GRANT: Final = web.RequestKey("grant", Grant)
_NAME: Final = web.RequestKey("name", str)
_ROUTINE: Final = web.RequestKey("routine", bool)
_NOBODY: Final = Grant("", ())
_HEADERS: Final = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

log = logging.getLogger("gslb.api")


def make_app(controller: Controller, access: Access, issuing: Issuing, rate: Rate = Rate()) -> web.Application:  # noqa: B008 - frozen
    """The whole API of one node; everything but the open routes wants a token."""
    front = Front(controller, access, issuing, rate)
    app = web.Application(middlewares=[named, as_problems, front.guard])
    for route in ROUTES:
        handler = front.handler(route)
        if route.method == "GET":
            app.router.add_get(route.path, handler)
        else:
            app.router.add_route(route.method, route.path, handler)
    app.on_response_prepare.append(_mark)
    app.on_shutdown.append(front.close)
    return app


@web.middleware
async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its name for as long as it lasts, and tell the log what it changed."""
    name = requestid.name_of(request.headers.get(requestid.HEADER))
    request[_NAME] = name
    token = requestid.current.set(name)
    began = time.perf_counter()
    try:
        response = await handler(request)
        if request.method not in ("GET", "HEAD") and not request.get(_ROUTINE):
            who = request[_GRANT].name if _GRANT in request else "nobody"
            took = (time.perf_counter() - began) * 1e3
            told = (request.method, request.path, response.status, who, request.remote, took, name)
            log.info("%s %r: %d, for %s at %s, %.0f ms, request %s", *told)
        return response
    finally:
        requestid.current.reset(token)


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    response.headers[requestid.HEADER] = request.get(_NAME) or requestid.name_of(None)
    for header, value in _HEADERS.items():
        response.headers.setdefault(header, value)


class Front:
    """What stands between HTTP and the handlers."""

    def __init__(self, controller: Controller, access: Access, issuing: Issuing, rate: Rate) -> None:
        self._controller = controller
        self._access = access
        self._issuing = issuing
        self._pace = Pace(rate)
        self._feed = Feed(controller.recorder)
        self._remembered: Remembered[web.Response] = Remembered()
        self._turns: dict[Queue, Turns] = {"pages": Turns(64), "scrapes": Turns(8), "what-if": Turns(16)}
        self._open = {route.path for route in ROUTES if route.scope == OPEN}

    async def close(self, _: web.Application) -> None:
        """End what would last for ever."""
        self._feed.close()

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nobody comes too often, and nobody learns without a token what is there."""
        if request.path in self._open:
            return await handler(request)
        who = request.remote or ""
        if request.path.startswith("/api"):
            request[_GRANT] = grant = self._check(request)  # first, so that nobody's wrong tokens hold up a right one
            who = f"{grant.name} {who}"
        self._pace.take(who)
        return await handler(request)

    def _check(self, request: web.Request) -> Grant:
        return self._access.check(request.headers.get("Authorization", ""), request.remote or "")

    def handler(self, route: Route[Any, Any]) -> Handler:
        """One route as aiohttp has it."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if route.scope != OPEN:
                request[_GRANT].require(route.scope)
            request[_ROUTINE] = route.routine
            kind = _form(request, route)
            call, said = await self._call(request, route)
            if kind == stream.TYPE and request.method == "GET":
                wanted = wanted_events(call.query)
                return await stream.serve(request, self._feed, wanted, lambda: self._check(request))
            if not _remembers(request, route, call):
                return self._conditional(request, route, await self._answer(route, call))
            place = (call.grant.id or call.grant.name, f"{route.method} {request.path}", request.headers[KEY])
            answer = await self._remembered.once(place, said, lambda: self._answer(route, call))
            return _copied(answer)

        return handle

    async def _call(self, request: web.Request, route: Route[Any, Any]) -> tuple[Call[Any, Any], bytes]:
        """The request as its handler wants it; and all that it says, as bytes."""
        now = time.time()
        query = route.query.model_validate(_parameters(request, route))
        octets = await body.read(request, route.largest) if route.body is not type(None) else b""
        content = body.parsed(octets, route.body, now) if route.body is not type(None) else None
        match = etags.wanted(request.headers.get("If-Match")) if route.conditions else None
        call = Call(
            self._controller,
            request.get(_GRANT, _NOBODY),
            request.remote or "",
            request.match_info,
            query,
            content,
            now,
            match,
            routes=ROUTES,
            accept=request.headers.get("Accept", ""),
            issuing=self._issuing,
        )
        return call, request.query_string.encode() + b"\0" + octets

    async def _answer(self, route: Route[Any, Any], call: Call[Any, Any]) -> web.Response:
        reply = await route.handler(call)
        text = await self._text(reply)
        headers = dict(reply.headers)
        if route.scope != OPEN and (route.method == "GET" or reply.version):
            headers["ETag"] = etags.tag_of(text, reply.version)
        headers["Content-Type"] = f"{_JSON}; charset=utf-8" if reply.content_type == _JSON else reply.content_type
        return web.Response(body=text.encode() if isinstance(text, str) else text, status=reply.status, headers=headers)

    async def _text(self, reply: Reply) -> str | bytes:
        document, long = reply.document, reply.long
        if callable(document):
            return await self._turns[reply.queue].take(lambda: _text_of(document(), long))
        return _text_of(document, long)

    def _conditional(self, request: web.Request, route: Route[Any, Any], answer: web.Response) -> web.Response:
        """304 where the client has this already (RFC 9110 section 13.1.2)."""
        tag = answer.headers.get("ETag")
        if route.method != "GET" or tag is None or answer.status != 200:
            return answer
        if etags.fresh(etags.known(request.headers.get("If-None-Match")), tag):
            return web.Response(status=304, headers={"ETag": tag})
        return answer


def _form(request: web.Request, route: Route[Any, Any]) -> str:
    """The media type of the answer. Raises HttpError: the client takes none of those that there are."""
    plain = route.answer.partition(";")[0] if isinstance(route.answer, str) else _JSON
    offered = [plain, stream.TYPE] if route.stream else [plain]
    if route.scope == OPEN:
        return plain
    found = accept.best(request.headers.get("Accept"), offered)
    if found is None:
        raise HttpError(406, "Not acceptable", f"the answer is {' or '.join(offered)}")
    return found


def _copied(answer: web.Response) -> web.Response:
    """A response can be sent once."""
    assert isinstance(answer.body, bytes)
    return web.Response(body=answer.body, status=answer.status, headers=answer.headers)


def _text_of(document: Json | str | bytes, long: str) -> str | bytes:
    if isinstance(document, dict):
        return _piecemeal(document, long) if long else json.dumps(document)
    return document


def _piecemeal(document: Json, long: str) -> str:
    """JSON, with the list `long` last and written item by item: one call for all would hold up every thread."""
    head = json.dumps({key: value for key, value in document.items() if key != long})
    return f"{head[:-1]}, {json.dumps(long)}: [{', '.join(map(json.dumps, document[long]))}]}}"


def _remembers(request: web.Request, route: Route[Any, Any], call: Call[Any, Any]) -> bool:
    if KEY not in request.headers or route.method != "POST" or not route.remembered:
        return False
    require_key(request.headers[KEY])
    return not getattr(call.query, "dry_run", False)


def _parameters(request: web.Request, route: Route[Any, Any]) -> dict[str, str | list[str]]:
    """The query; what is said twice is refused, except where the model takes a list."""
    fields = route.query.model_fields.items()
    lists = {field.alias or name for name, field in fields if field.default == []}
    repeated = {key for key in request.query if len(request.query.getall(key)) > 1} - lists
    if repeated and fields:
        raise RequestError(f"parameter {', '.join(sorted(repeated))} is given more than once")
    return {key: request.query.getall(key) if key in lists else value for key, value in request.query.items()}
