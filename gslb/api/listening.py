"""Where the API is reached: one socket from start to end, and TLS on it that can be replaced while it listens.

Each set of certificates gets a server of its own on a copy of the socket's descriptor; the former one is closed after
that. The kernel's queue of connections belongs to the socket, so none is refused meanwhile, and whoever is connected
goes on with what the connection began with.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gslb.api.certificates import Marks, marks, server_context
from gslb.api.problems import problem
from gslb.config.settings import ApiTls
from gslb.errors import StateError

LOOK_EVERY: Final = 1.0  # seconds between looks at the files
_FINISH: Final = 1.0  # seconds for requests under way at the end
_HANDSHAKE: Final = 10.0  # seconds
_AGAIN: Final[Marks] = (None,)  # what no settings have
HEAD: Final = 10.0  # seconds from the beginning of a connection until the head of a first request is here
_IDLE: Final = 75.0  # seconds after an answer until the head of another one is
_BACKLOG: Final = 128

log = logging.getLogger("gslb.api")


class Listening:
    """Serves an application at one address. `open` it, let `keep_current` run, `close` it."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_FINISH)
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._marks: Marks = ()

    async def open(self, address: tuple[str, int], tls: ApiTls | None) -> None:
        """Listen. Raises StateError: the address is taken, or a file of `tls` cannot be used."""
        self._marks = marks(tls)
        context = server_context(tls) if tls else None
        host, port = address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server(address, family=family, backlog=_BACKLOG)
        except OSError as error:
            raise StateError(f"API address {host} port {port}: {error.strerror}", hint="change listen.api") from error
        self._socket.setblocking(False)
        await self._runner.setup()
        await self._serve(context)
        log.info("API on %s port %d%s", host, port, " with TLS" if tls else "")

    async def keep_current(self, wanted: Callable[[], ApiTls | None]) -> None:
        """Answer with what is `wanted` and in its files, from a second after either changes, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            tls = wanted()
            seen = await asyncio.to_thread(marks, tls)
            if seen == self._marks:
                continue
            self._marks = seen
            try:
                await self._serve(await asyncio.to_thread(server_context, tls) if tls else None)
            except StateError as error:
                log.error("the API goes on with the certificate that it has: %s", error.message)
            except OSError as error:  # no descriptor is left, for example: that may pass
                self._marks = _AGAIN
                log.error("the API goes on with the certificate that it has, and tries again: %s", error)
            else:
                log.info("new connections to the API get %s", "the new certificate" if tls else "no TLS")

    async def close(self) -> None:
        """Finish what is under way, and let go of the address."""
        if self._server:
            await retire(self._server)
        await self._runner.cleanup()
        if self._socket:
            self._socket.close()

    async def _serve(self, context: ssl.SSLContext | None) -> None:
        assert self._socket
        former, self._server = (
            self._server,
            await asyncio.get_running_loop().create_server(
                self._handler,
                sock=self._socket.dup(),
                ssl=context,
                ssl_handshake_timeout=_HANDSHAKE if context else None,
                backlog=_BACKLOG,
            ),
        )
        if former:
            await retire(former)

    def _handler(self) -> "_Handler":
        server = self._runner.server
        assert server
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {"access_log": None, "keepalive_timeout": _IDLE, "auto_decompress": False}
        return _Handler(server, loop=loop, **options)


async def retire(server: asyncio.Server) -> None:
    """Close a server and lose no connection that it has accepted.

    asyncio makes such a connection's transport an iteration of the loop later, and drops it where the server is closed
    by then. So the server first accepts no more, and is closed when what it has accepted is made.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    await asyncio.sleep(0)
    server.close()


class _Handler(web.RequestHandler):
    """One connection. What is no HTTP is answered as a problem and not logged: it may hold a token, and come often."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See aiohttp, which has one time for the first request and for those that follow."""
        super().connection_made(transport)
        if self._keepalive_handle:
            self._keepalive_handle.cancel()
        self._next_keepalive_close_time = self._loop.time() + HEAD
        self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """See aiohttp; `message` quotes the request, and goes nowhere."""
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return super().handle_error(request, status, exc, message)
        response = problem(status, "Bad request", "this is not a request in HTTP/1.1")
        response.force_close()
        return response
