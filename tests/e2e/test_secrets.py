"""A megabyte of secrets in an answer: nothing that a node shows or writes repeats it."""

import http.client
import http.server
import json
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.kit import SITES, ZONE, Node

pytestmark = pytest.mark.e2e

SECRET = "hunter2-"


class Leaky(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = (SECRET * 131_072).encode()
        self.send_response(200, SECRET)
        self.send_header("X-Secret", SECRET)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def leaky() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.11", 0), Leaky)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def page(node: Node, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", node.api, timeout=5)
    token = (node.state / "token").read_text().strip()
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_nothing_repeats_an_answer(make_node: Callable[[], Node], leaky: int) -> None:
    monitor = f"monitors:\n  web: {{type: http, port: {leaky}, interval: 200ms, expect: {{body: absent}}}}\n"
    pool = "pools:\n  web: {monitors: [web], members: {tokyo: {site: tokyo, addresses: [127.0.0.11]}}}\n"
    node = make_node().write(SITES + monitor + pool + ZONE + "      www: {pool: web, ttl: 5}\n").start().ready()
    status = page(node, "/api/v1/status")
    assert "octets without 'absent'" in status
    assert json.loads(status)["pools"][0]["members"][0]["addresses"][0]["observed"] == "down"
    told = [status, page(node, "/api/v1/explain?name=www.gslb.example.com"), page(node, "/metrics"), node.log()]
    told += [page(node, "/api/v1/events"), *(file.read_bytes().decode("latin-1") for file in _files(node))]
    assert all(told[:4])
    assert [SECRET in text for text in told] == [False] * len(told)


def _files(node: Node) -> list:
    return [path for path in node.state.rglob("*") if path.is_file() and path.name != "token"]
