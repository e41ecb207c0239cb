"""Server-sent events over real HTTP."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from gslb.api import stream
from gslb.api.feed import News
from gslb.errors import InvalidError
from gslb.health.record import Event
from tests.whole_node import Node

ACCEPT = {"Accept": "text/event-stream"}


class Stream:
    """A connection that follows events."""

    def __init__(self, session: aiohttp.ClientSession, response: aiohttp.ClientResponse) -> None:
        self.session = session
        self.response = response

    @classmethod
    async def open(cls, node: Node, query: str = "", **headers: str) -> "Stream":
        session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {node.token}", **ACCEPT, **headers})
        return cls(session, await session.get(f"{node.api}/api/v1/events{query}"))

    async def events(self, count: int) -> list[tuple[int, dict[str, Any]]]:
        """The next so many."""
        found: list[tuple[int, dict[str, Any]]] = []
        number = 0
        async with asyncio.timeout(5):
            async for line in self.response.content:
                if line.startswith(b"id: "):
                    number = int(line[4:])
                elif line.startswith(b"data: ") and number:
                    found.append((number, json.loads(line[6:])))
                    if len(found) == count:
                        break
        return found

    async def close(self) -> None:
        self.response.close()
        await self.session.close()


async def test_events_as_they_happen_and_again_after_a_break(node: Node) -> None:
    follower = await Stream.open(node, "?site=tokyo")
    assert (follower.response.status, follower.response.content_type) == (200, "text/event-stream")
    assert follower.response.headers["X-Request-Id"]
    await node.sites["tokyo"].break_()
    (first, event), (second, _) = await follower.events(2)
    assert (event["id"], event["site"], event["after"]) == (first, "tokyo", "down")
    await follower.close()
    resumed = await Stream.open(node, "?site=tokyo", **{"Last-Event-ID": str(first)})
    assert [number for number, _ in await resumed.events(1)] == [second]
    await resumed.close()
    listed = (await node.call("GET", "/api/v1/events?site=tokyo&limit=2"))[1]["events"]
    assert [one["id"] for one in listed] == [second, first]


async def test_head_has_no_stream(node: Node) -> None:
    headers = {"Authorization": f"Bearer {node.token}", **ACCEPT}
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(5):
        for _ in range(2):  # over the same connection
            async with session.head(f"{node.api}/api/v1/events") as response:
                assert (response.status, await response.read()) == (200, b"")


async def test_what_is_lost_is_told(node: Node) -> None:
    follower = await Stream.open(node, **{"Last-Event-ID": "999999"})
    text = b""
    async with asyncio.timeout(5):
        while b"id: " not in text:
            text += await follower.response.content.readany()
    assert text.startswith(b"retry: 2000\n\nevent: gap\n")
    await follower.close()


async def test_a_token_that_ends_ends_the_stream(node: Node) -> None:
    _, made = await node.call("POST", "/api/v1/tokens", {"name": "leaver", "scope": "read"})
    headers = {"Authorization": f"Bearer {made['token']}"}
    follower = await Stream.open(node, **headers)
    await node.call("DELETE", f"/api/v1/tokens/{made['id']}")
    await node.sites["tokyo"].break_()
    assert await follower.events(1) == []
    await follower.close()


async def test_there_are_not_too_many(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STREAMS", 1)
    follower = await Stream.open(node)
    await follower.response.content.readany()
    async with asyncio.timeout(5):
        status, problem = await node.call("GET", "/api/v1/events", headers=ACCEPT)
    assert (status, problem["title"]) == (503, "Too many streams")
    await follower.close()


async def test_the_node_ends_although_somebody_follows(node: Node) -> None:
    follower = await Stream.open(node)
    async with asyncio.timeout(3):
        await node.stop()
    await follower.close()


def test_where_to_go_on() -> None:
    assert stream.resumed_from(None) is stream.resumed_from("") is None
    assert stream.resumed_from("12") == 12
    for bad in ("-1", "a", "1" * 19, "\u0661"):
        with pytest.raises(InvalidError):
            stream.resumed_from(bad)


def test_the_text_of_news() -> None:
    event = Event(5.0, "web", "tokyo", "jp", "192.0.2.1", "observed", "up", "down", "a\nb", 12)
    text = stream.text_of(News([event, event])).decode()
    assert text.count("id: 12\ndata: {") == 2
    assert text.count("\n") == 6, "a cause with a line of its own breaks no frame"
    assert stream.text_of(News([])).startswith(b":")
    assert b"gap" in stream.text_of(News([], gap=True))
