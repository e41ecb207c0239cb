"""Errors as problem documents, over real HTTP."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from pydantic import BaseModel

from gslb.api.problems import as_problems, problem
from gslb.errors import ConfigError, ConflictError, GslbError, Problem, StoreError, UnauthorizedError


class Body(BaseModel):
    """Two fields, one with a name that RFC 6901 must escape."""

    reason: str
    both: dict[str, int] = {}


RAISED: dict[str, Exception] = {
    "store": StoreError("disk full", hint="make room"),
    "conflict": ConflictError("taken", pointer="/target"),
    "token": UnauthorizedError("a token is needed"),
    "config": ConfigError([Problem("a.yaml:1:2", "pools.x", "wrong"), Problem("b.yaml:3:4", "", "bad", "try")]),
    "bug": RuntimeError("secret detail"),
    "http": web.HTTPUnsupportedMediaType(text="only JSON here"),
}


async def raising(request: web.Request) -> web.Response:
    raise RAISED[request.match_info["what"]]


async def reading(request: web.Request) -> web.Response:
    Body.model_validate_json(await request.read())
    return problem(200, "fine", "fine")


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    app = web.Application(middlewares=[as_problems], client_max_size=1024)
    app.add_routes([web.get("/raise/{what}", raising), web.post("/body", reading)])
    async with TestServer(app) as server, ClientSession(server.make_url("/")) as session:
        yield session


async def document(client: ClientSession, method: str, path: str, **options: Any) -> dict[str, Any]:
    async with client.request(method, path, **options) as response:
        assert response.content_type == "application/problem+json"
        found: dict[str, Any] = await response.json(content_type=None)
        assert found["status"] == response.status
        assert set(found) == {"type", "title", "status", "detail", "hint", "errors"}
        return {**found, "headers": response.headers}


async def test_our_errors(client: ClientSession) -> None:
    store = await document(client, "GET", "/raise/store")
    assert (store["status"], store["detail"], store["hint"], store["errors"]) == (503, "disk full", "make room", [])
    conflict = await document(client, "GET", "/raise/conflict")
    assert conflict["status"] == 409
    assert conflict["errors"] == [{"pointer": "/target", "detail": "taken"}]
    token = await document(client, "GET", "/raise/token")
    assert (token["status"], token["headers"]["WWW-Authenticate"]) == (401, "Bearer")
    config = await document(client, "GET", "/raise/config")
    assert [fault["detail"] for fault in config["errors"]] == ["a.yaml:1:2: pools.x: wrong", "b.yaml:3:4: bad (try)"]


async def test_a_bug_is_logged_and_not_shown(client: ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    found = await document(client, "GET", "/raise/bug")
    assert found["status"] == 500
    assert "secret" not in json.dumps(found, default=str)
    assert "secret detail" in caplog.text


async def test_http_errors(client: ClientSession) -> None:
    missing = await document(client, "GET", "/nowhere")
    assert (missing["status"], missing["detail"]) == (404, "there is no /nowhere")
    method = await document(client, "PUT", "/body")
    assert method["status"] == 405
    assert method["headers"]["Allow"] == "POST"
    other = await document(client, "GET", "/raise/http")
    assert (other["status"], other["detail"]) == (415, "only JSON here")
    large = await document(client, "POST", "/body", data=b"x" * 2000)
    assert (large["status"], large["detail"]) == (413, "the body is larger than 64 KiB")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"reason": NaN'])
async def test_what_is_not_json(client: ClientSession, body: bytes) -> None:
    found = await document(client, "POST", "/body", data=body)
    assert found["status"] == 400
    assert found["errors"] == [{"pointer": "", "detail": "the body is not JSON"}]


@pytest.mark.parametrize("body", [b"[]", b"7", b'"text"'])
async def test_what_is_not_an_object(client: ClientSession, body: bytes) -> None:
    found = await document(client, "POST", "/body", data=body)
    assert found["status"] == 422
    assert found["errors"] == [{"pointer": "", "detail": "the body must be an object"}]


async def test_faults_of_fields(client: ClientSession) -> None:
    found = await document(client, "POST", "/body", data=b'{"both": {"a/b~c": "x"}}')
    assert found["status"] == 422
    assert found["detail"] == "the request has 2 problems"
    assert {fault["pointer"] for fault in found["errors"]} == {"/reason", "/both/a~1b~0c"}
    assert {"pointer": "/reason", "detail": "is required"} in found["errors"]
    single = await document(client, "POST", "/body", data=b'{"reason": 1}')
    assert single["detail"] == "the request has 1 problem"


def test_an_error_of_ours_has_a_status() -> None:
    assert GslbError("x").http_status == 500
