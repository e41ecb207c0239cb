"""A receiver of webhooks: a real web server that keeps what it is sent, and answers as it is told to."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

SECRET = "T0/B0/secret"  # a part of its URL


class Receiver:
    """A web server: `answers` are given one after another, the last for ever; `got` are the bodies."""

    def __init__(self) -> None:
        self.answers: list[Callable[[], Awaitable[web.StreamResponse]]] = [said(200)]
        self.got: list[Any] = []
        self.headers: list[Any] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        self.got.append(await request.json())
        self.headers.append(request.headers)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer()


def said(status: int, **headers: str) -> Callable[[], Awaitable[web.StreamResponse]]:
    """An answer of that status."""

    async def answer() -> web.StreamResponse:
        return web.Response(status=status, text="what nobody reads: " + SECRET, headers=headers)

    return answer


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of webhooks, at work."""
    made = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook/{SECRET}"
    yield made
    await runner.cleanup()
