"""The HTTP API: thin. Each handler reads a request, asks the controller, and shows a view."""

import asyncio
import copy
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TypeVar

from aiohttp import web

from gslb.api.metrics import CONTENT_TYPE, Page
from gslb.api.problems import Handler, as_problems
from gslb.api.reports import events_view, report_view
from gslb.api.requests import (
    AuditQuery,
    DrainRequest,
    DrainsQuery,
    EventsQuery,
    ExplainQuery,
    PushRequest,
    ReportsQuery,
    ResumeRequest,
    push_key,
)
from gslb.api.tokens import require_token
from gslb.api.views import Json, drain_view, nodes_view, ready_view, status_view
from gslb.control.controller import Controller
from gslb.control.explain import explain
from gslb.control.line import uncollected
from gslb.errors import NotFoundError, RequestError, StateError
from gslb.intents import Drain

BODY_LIMIT = 64 * 1024
_GUARDED = "/api"

T = TypeVar("T")


def make_app(controller: Controller, token: str) -> web.Application:
    """The whole API of one node; everything below /api wants the token."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(_GUARDED):
            require_token(request.headers.get("Authorization", ""), token)
        return await handler(request)

    api = Api(controller)
    app = web.Application(middlewares=[as_problems, guard], client_max_size=BODY_LIMIT)
    app.add_routes(
        [
            web.get("/livez", api.live),
            web.get("/readyz", api.ready),
            web.get("/metrics", api.metrics),
            web.get("/api/v1/status", api.status),
            web.get("/api/v1/explain", api.explain),
            web.get("/api/v1/nodes", api.nodes),
            web.get("/api/v1/audit", api.audit),
            web.get("/api/v1/events", api.events),
            web.get("/api/v1/reports", api.reports),
            web.get("/api/v1/drains", api.drains),
            web.post("/api/v1/drains", api.add_drain),
            web.get("/api/v1/drains/{id}", api.drain),
            web.delete("/api/v1/drains/{id}", api.remove_drain),
            web.post("/api/v1/resume", api.resume),
            web.post("/api/v1/push/{monitor}/{address}", api.push),
        ]
    )
    return app


class Api:
    """The handlers."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._writing = asyncio.Lock()

    async def live(self, _: web.Request) -> web.Response:
        """The process turns its loop."""
        return web.json_response({"live": True})

    async def ready(self, _: web.Request) -> web.Response:
        """Serving decides the status; a node that serves old health is still better than none."""
        ready = ready_view(self._controller)
        return web.json_response(ready, status=200 if ready["serving"] else 503)

    async def metrics(self, _: web.Request) -> web.Response:
        """Counters and states for Prometheus."""
        body = await self._written(Page(self._controller).text)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def status(self, _: web.Request) -> web.Response:
        """Everything about the node."""
        moment = copy.copy(self._controller)  # what it shows is replaced on a change, never changed in place
        text = await self._written(lambda: _piecemeal(status_view(moment), "pools"))
        return web.Response(text=text, content_type="application/json")

    async def explain(self, request: web.Request) -> web.Response:
        """One query, answered and explained."""
        query = ExplainQuery.model_validate(_parameters(request))
        if self._controller.served is None:
            raise StateError(
                "nothing is published yet", hint="the first round of probes is under way: ask again in a moment"
            )
        council = self._controller.council
        served = self._controller.served._replace(belief=self._controller.belief, ballots=council.ballots)
        return web.json_response(await asyncio.to_thread(explain, served, query.question()))

    async def nodes(self, _: web.Request) -> web.Response:
        """Who is there."""
        return web.json_response(nodes_view(self._controller))

    async def audit(self, request: web.Request) -> web.Response:
        """What was done, newest first."""
        query = AuditQuery.model_validate(_parameters(request))
        found = await self._controller.store.audit(query.limit)
        return web.json_response({"records": [asdict(record) for record in found]})

    async def events(self, request: web.Request) -> web.Response:
        """What changed, newest first."""
        wanted = EventsQuery.model_validate(_parameters(request)).wanted()
        found = await self._controller.recorder.events(wanted)
        return web.json_response(events_view(found))

    async def reports(self, request: web.Request) -> web.Response:
        """How available members, pools or sites were."""
        query = ReportsQuery.model_validate(_parameters(request))
        at, rows = await self._controller.recorder.report(time.time())
        text = await self._written(lambda: _piecemeal(report_view(at, rows, query.by, query.span), "rows"))
        return web.Response(text=text, content_type="application/json")

    async def drains(self, request: web.Request) -> web.Response:
        """Active drains, or all that are kept."""
        query = DrainsQuery.model_validate(_parameters(request))
        kept = self._controller.store.held().drains if query.all else self._controller.intents.drains
        now = time.time()
        return web.json_response({"drains": [self._view(drain) for drain in kept if query.all or drain.active(now)]})

    async def drain(self, request: web.Request) -> web.Response:
        """One drain."""
        wanted = request.match_info["id"]
        for drain in self._controller.store.held().drains:
            if drain.id == wanted:
                return web.json_response(self._view(drain))
        raise NotFoundError(f"there is no drain {wanted!r}", hint="GET /api/v1/drains?all=true lists them")

    async def add_drain(self, request: web.Request) -> web.Response:
        """Begin a drain."""
        now = time.time()
        wanted = DrainRequest.model_validate_json(await request.read(), context={"now": now})
        drain, acknowledged = await self._controller.add_drain(wanted.wish(now))
        body = {**self._view(drain), "acknowledged": acknowledged}
        return web.json_response(body, status=201, headers={"Location": f"/api/v1/drains/{drain.id}"})

    async def resume(self, request: web.Request) -> web.Response:
        """Members that wait for failback or damping are served again."""
        wanted = ResumeRequest.model_validate_json(await request.read())
        return web.json_response({"resumed": self._controller.resume(wanted.target)})

    async def remove_drain(self, request: web.Request) -> web.Response:
        """End a drain."""
        drain, acknowledged = await self._controller.remove_drain(request.match_info["id"])
        return web.json_response({**self._view(drain), "acknowledged": acknowledged})

    async def push(self, request: web.Request) -> web.Response:
        """An agent tells the state of its target."""
        key = push_key(request.match_info["monitor"], request.match_info["address"])
        said = PushRequest.model_validate_json(await request.read()).push()
        lasts = self._controller.loads.post(self._controller.plan.config, key, said)
        return web.json_response({"monitor": key.monitor, "address": key.address, "expires": time.time() + lasts})

    async def _written(self, page: Callable[[], T]) -> T:
        """A long page, written in a thread so that no probe waits for it; one at a time, since each slows the loop."""
        async with self._writing:
            return await asyncio.to_thread(_collected_later, page)

    def _view(self, drain: Drain) -> Json:
        return drain_view(drain, self._controller.plan.config, time.time())


def _collected_later(page: Callable[[], T]) -> T:
    # Its thousands of short-lived objects would set off full collections, which hold up every thread.
    with uncollected():
        return page()


def _piecemeal(document: Json, long: str) -> str:
    """JSON, with the list `long` last and written item by item: one call for all would hold up every thread."""
    head = json.dumps({key: value for key, value in document.items() if key != long})
    return f"{head[:-1]}, {json.dumps(long)}: [{', '.join(map(json.dumps, document[long]))}]}}"


def _parameters(request: web.Request) -> Mapping[str, str]:
    repeated = {key for key in request.query if len(request.query.getall(key)) > 1}
    if repeated:
        raise RequestError(f"parameter {', '.join(sorted(repeated))} is given more than once")
    return dict(request.query)
