"""The demo's two data centres: real HTTP servers that can be broken and mended while they run."""

import asyncio
import json

from aiohttp import web
from aiohttp.typedefs import Handler

from gslb.cli.demo_files import Mode

JSON_RPC = "/api_jsonrpc.php"
_CLOSE_AT_ONCE = 0.1  # seconds that hanging requests get when their server ends


class Site:
    """One data centre: a page at /, and a Zabbix-style JSON-RPC at /api_jsonrpc.php.

    refuse: the port is closed. error: the page is fine and JSON-RPC answers 200 with an error, as a front end with a
    dead database does. hang: connections are accepted and nothing is ever answered.
    """

    def __init__(self, name: str, address: str, port: int) -> None:
        self.name = name
        self.mode: Mode = "ok"
        self._place = (address, port)
        self._mended = asyncio.Event()
        application = web.Application(middlewares=[self._hang])
        application.router.add_get("/", self._page)
        application.router.add_post(JSON_RPC, self._json_rpc)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_CLOSE_AT_ONCE)
        self._listener: web.TCPSite | None = None

    async def start(self) -> None:
        """Listen. Raises OSError where the address is taken."""
        await self._runner.setup()
        await self.switch("ok")

    async def close(self) -> None:
        """Close the port and every connection."""
        await self._runner.cleanup()

    async def switch(self, mode: Mode) -> None:
        """Break the site in one of WAYS, or mend it ("ok")."""
        self.mode = mode
        if mode == "hang":
            self._mended.clear()
        else:
            self._mended.set()
        if mode == "refuse":
            if self._listener:
                await self._listener.stop()
            self._listener = None
        elif self._listener is None:
            self._listener = web.TCPSite(self._runner, *self._place)
            await self._listener.start()

    @web.middleware
    async def _hang(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        await self._mended.wait()
        return await handler(request)

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=f"Welcome to {self.name}\n")

    async def _json_rpc(self, request: web.Request) -> web.Response:
        try:
            call = json.loads(await request.read())
            method, number = call["method"], call.get("id")
        except (ValueError, TypeError, KeyError):
            return _reply(None, error=(-32600, "Invalid Request.", "not a JSON-RPC call"))
        if self.mode == "error":
            return _reply(number, error=(-32500, "Application error.", "Error connecting to database"))
        if method != "apiinfo.version":
            return _reply(number, error=(-32601, "Method not found.", f"the demo has apiinfo.version, not {method}"))
        return _reply(number, result="7.0.0")


def _reply(number: object, *, result: str = "", error: tuple[int, str, str] | None = None) -> web.Response:
    outcome: dict[str, object] = {"result": result}
    if error is not None:
        code, message, data = error
        outcome = {"error": {"code": code, "message": message, "data": data}}
    return web.json_response({"jsonrpc": "2.0", **outcome, "id": number})
