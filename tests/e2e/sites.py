"""Data centres that can be broken: real HTTP servers that answer as a Zabbix front end does."""

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Literal

Mode = Literal["ok", "error", "hang"]

GOOD = b'{"jsonrpc":"2.0","result":"7.0.0","id":1}'
BAD = b'{"jsonrpc":"2.0","error":{"code":-32500,"data":"Error connecting to database"},"id":1}'


class Site:
    """One HTTP server. `asked` are the monotonic times of the probes that reached it."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.mode: Mode = "ok"
        self.asked: list[float] = []
        self.released = threading.Event()
        self._server: _Server | None = None
        self.mend()

    def refuse(self) -> float:
        """Close the port. Returns the moment from which nothing answers."""
        server, self._server = self._server, None
        self.released.set()
        if server:
            server.shutdown()
            server.server_close()
        return time.monotonic()

    def answer(self, mode: Mode) -> float:
        """Status 200 with an error in it, or accept and never answer."""
        self.released.clear()
        self.mode = mode
        return time.monotonic()

    def mend(self) -> float:
        """Answer well."""
        self.mode = "ok"
        self.released.set()
        if self._server is None:
            self._server = _Server((self.address, self.port), _Handler)
            self._server.site = self
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return time.monotonic()


class _Server(ThreadingHTTPServer):
    site: Site
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A prober that lost its patience is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # type: ignore[assignment]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answers: ClassVar[dict[Mode, bytes]] = {"ok": GOOD, "error": BAD}

    def do_POST(self) -> None:
        site = self.server.site
        site.asked.append(time.monotonic())
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if site.mode == "hang":
            site.released.wait(60)
            self.close_connection = True
            return
        body = self.answers[site.mode]
        self.close_connection = True
        with suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silence."""
