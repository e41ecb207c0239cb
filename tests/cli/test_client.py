"""Finding the node and talking to its API, against a real HTTP server."""

import json
import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gslb.cli.client import Client, clients_by, connect, find_config, first_of
from gslb.cli.main import main
from gslb.errors import (
    ConflictError,
    GslbError,
    NotFoundError,
    RequestError,
    StoreError,
    TooManyRequestsError,
    UnauthorizedError,
)
from tests.certificates import Issuer

PROBLEM = {"title": "Bad", "detail": "it is bad", "hint": "mend it", "errors": []}
ANSWERS = {
    "/fine?name=a.b": (200, {"ok": True}),
    "/empty": (204, None),
    "/400": (
        400,
        {**PROBLEM, "errors": [{"pointer": "/for", "detail": "too long"}, {"pointer": "/x", "detail": "it is bad"}]},
    ),
    "/401": (401, PROBLEM),
    "/404": (404, PROBLEM),
    "/409": (409, PROBLEM),
    "/503": (503, PROBLEM),
    "/429": (429, PROBLEM),
    "/list": (500, ["no object"]),
}


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def answer(self) -> None:
        Handler.asked.append((self.path, self.headers["Idempotency-Key"]))
        length = int(self.headers.get("Content-Length", 0))
        status, value = ANSWERS.get(self.path, (200, None))
        body = b"" if value is None else json.dumps(value).encode()
        if self.path == "/echo":
            body = json.dumps(
                [self.command, self.headers["Authorization"], json.loads(self.rfile.read(length))]
            ).encode()
        if self.path == "/text":
            body = b"hello"
        if self.path == "/later" and sum(path == "/later" for path, _ in Handler.asked) < 3:
            status = 429
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "999" if self.path == "/429" else "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def client(port: int) -> Client:
    return Client("http", "127.0.0.1", port, "secret", "a file")


def test_get_leaves_empty_parameters_out(client: Client) -> None:
    assert client.get("/fine", name="a.b", client="") == {"ok": True}
    assert client.get("/empty") is None


def test_call_sends_token_and_json(client: Client) -> None:
    assert client.call("POST", "/echo", {"a": 1}) == ["POST", "Bearer secret", {"a": 1}]


@pytest.mark.parametrize(
    ("path", "kind", "message", "hint"),
    [
        ("/400", RequestError, "it is bad; for: too long", "mend it"),
        ("/401", UnauthorizedError, "it is bad", "the token came from a file"),
        ("/404", NotFoundError, "it is bad", "mend it"),
        ("/409", ConflictError, "it is bad", "mend it"),
        ("/503", StoreError, "it is bad", "mend it"),
        ("/list", StoreError, "HTTP status 500", ""),
    ],
)
def test_problems_become_our_errors(client: Client, path: str, kind: type[GslbError], message: str, hint: str) -> None:
    with pytest.raises(kind) as caught:
        client.get(path)
    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_request_is_sent_again_as_the_node_says_and_done_once(client: Client) -> None:
    client.call("POST", "/later")
    keys = [key for path, key in Handler.asked if path == "/later"]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert keys[0]
    with pytest.raises(TooManyRequestsError) as caught:
        client.get("/429")
    assert caught.value.retry_after == 999


def test_text_is_handed_on_as_it_is(client: Client) -> None:
    assert client.text("/text") == "hello"
    with pytest.raises(UnauthorizedError):
        client.text("/401")


def test_of_several_nodes_the_first_that_listens(client: Client, free_port, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = client._replace(port=free_port())
    assert first_of([gone, client]) is client
    assert first_of([client, gone]) is client
    assert first_of([gone]) is gone


def test_something_else_listens_there(client: Client) -> None:
    with pytest.raises(GslbError, match="not JSON"):
        client.get("/text")


def test_nobody_listens_there(free_port) -> None:
    port = free_port()
    with pytest.raises(GslbError, match=rf"no node answers at http://\[::1\]:{port}"):
        Client("http", "::1", port, "", "").get("/")


def test_a_url_takes_its_token_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GSLB_TOKEN", "t")
    assert connect(None, "http://node:8053", None) == Client("http", "node", 8053, "t", "GSLB_TOKEN")
    assert connect(None, "https://[2001:db8::1]", None) == Client("https", "2001:db8::1", 443, "t", "GSLB_TOKEN")
    assert connect(None, "http://node", None).port == 80
    (tmp_path / "token").write_text("file\n")
    assert connect(None, "http://node", str(tmp_path / "token")).token == "file"


@pytest.mark.parametrize("url", ["node:8053", "ftp://node", "http://"])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(RequestError, match="not a URL"):
        connect(None, url, None)


def test_a_url_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GSLB_TOKEN", raising=False)
    with pytest.raises(RequestError, match="needs a token"):
        connect(None, "http://node", None)


@pytest.mark.parametrize(("content", "message"), [(None, "no token at"), (b"\xff", "cannot be read")])
def test_a_token_file_that_is_none(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RequestError, match=message):
        connect(None, "http://node", str(path))


def test_find_config_takes_the_first_that_exists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GSLB_CONFIG", raising=False)
    with pytest.raises(RequestError, match="no node file"):
        find_config(None)
    (tmp_path / ".demo").mkdir()
    for place in (".demo/gslb.yaml", "gslb.yaml"):
        Path(place).touch()
        assert find_config(None) == place
    monkeypatch.setenv("GSLB_CONFIG", "env.yaml")
    assert find_config(None) == "env.yaml"
    assert find_config("named.yaml") == "named.yaml"


NODE = "node: {name: n, site: s}\nlisten: {dns: ['127.0.0.1:5300']%s}\nzones: zones/\nstate: state/\n"


def test_the_node_file_tells_where_the_api_is(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "token").write_text("abc")
    (tmp_path / "gslb.yaml").write_text(NODE % ", api: '0.0.0.0:8053'")
    client = connect(str(tmp_path / "gslb.yaml"), None, None)
    assert client == Client("http", "127.0.0.1", 8053, "abc", str(tmp_path / "state" / "token"))


def test_a_node_without_an_api(tmp_path: Path) -> None:
    (tmp_path / "gslb.yaml").write_text(NODE % "")
    with pytest.raises(RequestError, match=r"no listen\.api"):
        connect(str(tmp_path / "gslb.yaml"), None, None)


def test_a_node_with_tls_is_reached_from_its_folder_and_from_elsewhere(
    tmp_path: Path,
    write_node: Callable[..., str],
    start_gslb: Callable[..., Any],
    eventually: Callable[..., None],
    free_port: Callable[[], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    issuer, port = Issuer(tmp_path / "pki"), free_port()
    pair, mine = issuer.pair("127.0.0.1"), issuer.pair("me", "me")
    config = Path(write_node(tmp_path, free_port(), port))
    tls = f", api_tls: {{cert: {pair.cert}, key: {pair.key}, client_ca: {issuer.ca}}}}}"
    config.write_text(config.read_text().replace(f"{port}'}}", f"{port}'{tls}"))
    process = start_gslb("serve", "--config", str(config))
    shown = ["--cert", mine.cert, "--key", mine.key]
    here = ["nodes", "--config", str(config), *shown]
    eventually(lambda: process.poll() is not None or main(here) == 0, 20)
    away = ["nodes", "--api", f"https://127.0.0.1:{port}", "--token-file", str(tmp_path / "state" / "token")]
    assert main([*away, "--ca", issuer.ca, *shown]) == 0
    capsys.readouterr()
    assert main([*away, *shown]) == 1
    assert "--ca FILE" in capsys.readouterr().err
    assert main(["nodes", "--config", str(config)]) == 1
    assert "--cert FILE and --key FILE" in capsys.readouterr().err
    former = Path(pair.cert).read_text()
    issuer.pair("127.0.0.1")
    process.send_signal(signal.SIGHUP)
    eventually(lambda: main(here) == 0)
    assert (
        ssl.get_server_certificate(("127.0.0.1", port)).split() == Path(pair.cert).read_text().split() != former.split()
    )
    assert process.poll() is None


def test_several_nodes_and_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GSLB_TOKEN", "t")
    monkeypatch.setenv("GSLB_API", "http://a:1, http://b:2,")
    nothing = dict.fromkeys(("ca", "cert", "key", "config", "token_file"))
    assert [one.host for one in clients_by({**nothing, "api": ()})] == ["a", "b"]
    assert [one.host for one in clients_by({**nothing, "api": ("http://c",)})] == ["c"]
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "token").write_text("abc")
    (tmp_path / "gslb.yaml").write_text(NODE % ", api: '127.0.0.1:8053'")
    named = {**nothing, "api": (), "config": str(tmp_path / "gslb.yaml")}
    assert [one.port for one in clients_by(named)] == [8053]
