"""TLS towards a node, against real TLS."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gslb.api.certificates import server_context
from gslb.cli.client import Client
from gslb.cli.clienttls import ClientTls
from gslb.config.settings import ApiTls
from gslb.errors import GslbError, RequestError
from tests.certificates import Issuer


class Handler(BaseHTTPRequestHandler):
    heard: list[str] = []  # noqa: RUF012 - of all

    def do_GET(self) -> None:
        self.heard.append(self.headers["Authorization"])
        body = json.dumps({"ok": True}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


class Quiet(ThreadingHTTPServer):
    context: ssl.SSLContext

    def finish_request(self, request, address) -> None:
        with self.context.wrap_socket(request, server_side=True) as tls:
            super().finish_request(tls, address)

    def handle_error(self, *_: object) -> None:
        """Handshakes that fail are what the tests are about."""


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "pki")


@pytest.fixture
def serve() -> Iterator[Callable[[ApiTls], int]]:
    """`serve(tls)` answers with these files, and returns the port."""
    servers: list[tuple[Quiet, threading.Thread]] = []
    Handler.heard.clear()

    def start(tls: ApiTls) -> int:
        server = Quiet(("127.0.0.1", 0), Handler)
        server.context = server_context(tls)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        return server.server_port

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(port: int, tls: ClientTls, scheme: str = "https") -> object:
    return Client(scheme, "127.0.0.1", port, "secret", "a file", tls).get("/")


def test_an_authority_that_is_named_is_believed(issuer: Issuer, serve: Callable[[ApiTls], int]) -> None:
    port = serve(ApiTls(*issuer.pair("127.0.0.1")))
    assert ask(port, ClientTls(ca=issuer.ca)) == {"ok": True}
    with pytest.raises(GslbError, match=r"no TLS with https://127\.0\.0\.1") as caught:
        ask(port, ClientTls())
    assert "--ca FILE" in caught.value.hint
    assert Handler.heard == ["Bearer secret"]


def test_a_certificate_for_another_name_is_not(issuer: Issuer, serve: Callable[[ApiTls], int]) -> None:
    port = serve(ApiTls(*issuer.pair("node.example.com")))
    with pytest.raises(GslbError, match="no TLS"):
        ask(port, ClientTls(ca=issuer.ca))
    assert Handler.heard == []


def test_the_own_node_is_believed_by_its_very_certificate(issuer: Issuer, serve: Callable[[ApiTls], int]) -> None:
    expired = issuer.pair("node.example.com", days=-1)
    assert ask(serve(ApiTls(*expired)), ClientTls(own=expired.cert)) == {"ok": True}
    other = issuer.pair("node.example.com", "other")
    with pytest.raises(GslbError, match=f"shows another certificate than {expired.cert}"):
        ask(serve(ApiTls(*other)), ClientTls(own=expired.cert))
    assert Handler.heard == ["Bearer secret"]  # the token was shown to nobody else


def test_certificates_of_clients(issuer: Issuer, serve: Callable[[ApiTls], int], tmp_path: Path) -> None:
    port = serve(ApiTls(*issuer.pair("127.0.0.1"), issuer.ca))
    mine = issuer.pair("me", "me")
    assert ask(port, ClientTls(issuer.ca, mine.cert, mine.key)) == {"ok": True}
    both = tmp_path / "both.pem"
    both.write_text(Path(mine.cert).read_text() + Path(mine.key).read_text())
    assert ask(port, ClientTls(issuer.ca, str(both))) == {"ok": True}
    with pytest.raises(GslbError) as caught:
        ask(port, ClientTls(issuer.ca))
    assert "--cert FILE and --key FILE" in caught.value.hint


def test_http_and_https_mixed_up(issuer: Issuer, serve: Callable[[ApiTls], int], free_port: Callable[[], int]) -> None:
    port = serve(ApiTls(*issuer.pair("127.0.0.1")))
    with pytest.raises(GslbError, match="no node answers") as caught:
        ask(port, ClientTls(), "http")
    assert "https" in caught.value.hint
    with pytest.raises(GslbError, match="no node answers at https"):
        ask(free_port(), ClientTls())


def test_files_that_cannot_be_used(issuer: Issuer, serve: Callable[[ApiTls], int]) -> None:
    port = serve(ApiTls(*issuer.pair("127.0.0.1")))
    for tls, said in (
        (ClientTls(ca="/none"), "/none: cannot be used as --ca: No such file"),
        (ClientTls(issuer.ca, "/none", "/other"), "/none and /other: cannot be used as --cert and --key"),
        (ClientTls(own="/none"), "/none: the node's certificate cannot be read"),
    ):
        with pytest.raises(RequestError) as caught:
            ask(port, tls)
        assert said in caught.value.message


def test_options_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CA", "CERT", "KEY"):
        monkeypatch.setenv(f"GSLB_{name}", name)
    assert ClientTls.given(None, None, None) == ("CA", "CERT", "KEY", None)
    assert ClientTls.given("a", "b", "c") == ("a", "b", "c", None)
