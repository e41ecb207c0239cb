"""The OpenAPI 3.1 document of a table of routes, made from the models that validate requests."""

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gslb.api.call import OPEN, Route
from gslb.api.shapes import Problem
from gslb.api.stream import TYPE as EVENT_STREAM

Json = dict[str, Any]
Routes = Sequence[Route[Any, Any]]

_REF: Final = "#/components/schemas/{model}"
_PROBLEM: Final = "application/problem+json"
_TAGS: Final = r"\*|(W/)?\"[!#-~]*\"( *, *(W/)?\"[!#-~]*\")*"
_WHY: Final = {
    304: "What the client has is current.",
    400: "The body is not JSON, or a parameter is given twice.",
    401: "No token, or one that is not good.",
    403: "The token is good, but not for this.",
    404: "There is no such thing.",
    405: "Not a method of this path; `Allow` lists those.",
    406: "The client takes no form that there is.",
    408: "The body came too slowly.",
    409: "It contradicts what is now; the answer says what, and what would remain.",
    412: "It has changed since the client looked (`If-Match`).",
    413: "The body is too large.",
    415: "The body is not JSON by its Content-Type.",
    422: "A field or parameter is missing, unknown or has a wrong value: all of them are listed.",
    429: "Too many requests, or too many wrong tokens; `Retry-After` says when to come again.",
    503: "The store, the history or the first round of probes is out of reach; nothing was changed.",
}
_ABOUT: Final = (
    "One node of gslb. Times are seconds since the epoch. Lists come in pages: `next` of an answer is the `cursor` of "
    "the next request, null at the end. Every change takes `dry_run=true`: it is judged, and nothing is done."
)


def document(routes: Routes) -> Json:
    """The document. Equal tables give equal documents."""
    models = [Problem, *(route.answer for route in routes), *(route.body for route in routes)]
    known = [model for model in dict.fromkeys(models) if isinstance(model, type) and issubclass(model, BaseModel)]
    _, schemas = models_json_schema([(model, "validation") for model in known], ref_template=_REF)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(plain_path(route.path), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "gslb", "version": "1.0.0", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(map(tag_of, routes))],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "responses": {str(status): _refusal(status, why) for status, why in _WHY.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def plain_path(path: str) -> str:
    """A path without what parts of it must look like."""
    return re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", r"{\1}", path)


def tag_of(route: Route[Any, Any]) -> str:
    """The resource that a route is about."""
    parts = route.path.split("/")
    return parts[3].partition(":")[0] or "about" if len(parts) > 3 else "process"


def _operation(route: Route[Any, Any]) -> Json:
    described: Json = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "tags": [tag_of(route)],
        "parameters": [*_in_path(route), *_in_query(route), *_in_headers(route)],
        "responses": {str(status): response for status, response in sorted(_responses(route))},
    }
    if route.scope == OPEN:
        described["security"] = []
    else:
        described["description"] = f"Scope: `{route.scope}`."
    if route.body is not type(None):
        content = {"application/json": {"schema": _ref(route.body)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _in_path(route: Route[Any, Any]) -> Iterator[Json]:
    for name in re.findall(r"\{(\w+)\}", plain_path(route.path)):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[^/{}:?#]+$"}}


def _in_query(route: Route[Any, Any]) -> Iterator[Json]:
    schema = route.query.model_json_schema()
    for name, one in schema.get("properties", {}).items():
        found = {key: value for key, value in one.items() if key != "title"}
        options = [option for option in found.get("anyOf", ()) if option != {"type": "null"}]
        if len(options) == 1:
            found = {**{key: value for key, value in found.items() if key != "anyOf"}, **options[0]}
        elif options:
            found["anyOf"] = options
        if found.get("default", "") in (None, ""):
            found.pop("default", None)
        yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": found}


def _in_headers(route: Route[Any, Any]) -> Iterator[Json]:
    if route.method == "GET" and route.scope != OPEN:
        yield _header("If-None-Match", "")
    if route.conditions:
        yield _header("If-Match", f"^({_TAGS})$")
    if route.method == "POST" and route.remembered:
        yield _header("Idempotency-Key", "^[!-~]{1,128}$")
    if route.stream:
        yield _header("Last-Event-ID", "")  # of the stream alone: nobody looks at it with a page


def _header(name: str, pattern: str) -> Json:
    limits = {"pattern": pattern} if pattern else {}
    return {"name": name, "in": "header", "required": False, "schema": {"type": "string", **limits}}


def _responses(route: Route[Any, Any]) -> Iterator[tuple[int, Json]]:
    for status in (route.status, *route.others):
        yield status, {"description": HTTPStatus(status).phrase, "content": _content(route)}
    if route.scope == OPEN:
        return
    for status in _refusals(route):
        yield status, {"$ref": f"#/components/responses/{status}"}


def _content(route: Route[Any, Any]) -> Json:
    if isinstance(route.answer, str):
        return {route.answer.partition(";")[0]: {"schema": {"type": "string"}}}
    found: Json = {"application/json": {"schema": _ref(route.answer)}}
    return {**found, EVENT_STREAM: {"schema": {"type": "string"}}} if route.stream else found


def _refusals(route: Route[Any, Any]) -> Iterator[int]:
    yield from (400, 401, 403, 405, 406, 422, 429, 503, *route.refuses)
    if "{" in route.path or route.body is not type(None):
        yield 404
    if route.method == "GET":
        yield 304
    else:
        yield 409
    if route.body is not type(None):
        yield from (408, 413, 415)
    if route.conditions:
        yield 412


def _refusal(status: int, why: str) -> Json:
    if status == HTTPStatus.NOT_MODIFIED:
        return {"description": why}
    return {"description": why, "content": {_PROBLEM: {"schema": _ref(Problem)}}}


def _ref(model: type[BaseModel]) -> Json:
    return {"$ref": _REF.format(model=model.__name__)}
