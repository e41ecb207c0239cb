"""Bodies that are too large, too slow, too deep or of another type, over real HTTP."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from pydantic import BaseModel

from gslb.api import body
from gslb.api.problems import as_problems


class Any1(BaseModel):
    """One field."""

    a: int


async def reading(request: web.Request) -> web.Response:
    octets = await body.read(request)
    return web.json_response({"octets": len(octets)})


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    app = web.Application(middlewares=[as_problems])
    app.add_routes([web.post("/body", reading)])
    async with TestServer(app) as server, ClientSession(server.make_url("/")) as session:
        yield session


async def post(client: ClientSession, data: Any, kind: str = "application/json") -> tuple[int, dict[str, Any]]:
    async with client.post("/body", data=data, headers={"Content-Type": kind} if kind else {}) as response:
        return response.status, await response.json(content_type=None)


async def test_what_fits(client: ClientSession) -> None:
    assert await post(client, b"x" * body.LIMIT) == (200, {"octets": body.LIMIT})
    assert await post(client, b"{}", "application/json; charset=utf-8") == (200, {"octets": 2})
    assert await post(client, b"{}", "application/merge-patch+json") == (200, {"octets": 2})
    assert await post(client, b"", "text/plain") == (200, {"octets": 0})


async def test_what_is_too_large_is_refused_at_once(client: ClientSession) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 4096

    began = time.monotonic()
    for data in (b"x" * (body.LIMIT + 1), pieces(), io.BytesIO(b"x" * 10_000_000)):
        try:
            status, problem = await post(client, data)
        except ConnectionError:
            continue  # it was cut while the client still wrote
        assert (status, problem["detail"]) == (413, "the body is larger than 64 KiB")
    assert time.monotonic() - began < 1


async def test_another_type_is_refused_with_what_to_do(client: ClientSession) -> None:
    status, problem = await post(client, b"{}", "application/x-www-form-urlencoded")
    assert (status, problem["title"]) == (415, "Not JSON")
    assert "--json" in problem["hint"]


async def test_what_is_nested_too_deep(client: ClientSession) -> None:
    began = time.monotonic()
    for text in ("[" * 60_000, '{"a":' * 10_000, "[" * 17 + "]" * 17):
        status, problem = await post(client, text.encode())
        assert (status, "deep" in problem["detail"]) == (400, True)
    assert time.monotonic() - began < 1
    assert (await post(client, b"[" * 16 + b"]" * 16))[0] == 200


async def test_a_slow_body_times_out(client: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "TIME", 0.2)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(1)

    status, problem = await post(client, pieces())
    assert (status, problem["title"]) == (408, "Too slow")


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("1", 0),
        ("[]", 1),
        ('{"a": [1, {"b": []}]}', 4),
        ('{"[[[": "]]]{{{"}', 1),
        (r'["\"[[", "\\"]', 1),
        ('"[[[[', 0),
        (r'"\"', 0),
        ('"\\', 0),
        ("]]]]", 0),
    ],
)
def test_depth(text: str, depth: int) -> None:
    assert body.depth(text.encode()) == depth


@pytest.mark.parametrize("text", ['"' * 60_000 + "[", '"\\"' + '\\"' * 30_000, '\\"' * 30_000])
def test_depth_takes_no_time_whatever_the_text(text: str) -> None:
    began = time.perf_counter()
    body.depth(text.encode())
    assert time.perf_counter() - began < 0.5


def test_parsed() -> None:
    assert body.parsed(json.dumps({"a": 1}).encode(), Any1, 0.0) == Any1(a=1)
