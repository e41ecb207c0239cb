"""How verbs reach a running node: which one, with what token, over its API."""

import functools
import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import click

from gslb.cli.clienttls import NO_TLS_FILES, ClientTls, connected, explained
from gslb.cli.place import find_place
from gslb.cli.problems import PATIENCE, error_of, pause_of
from gslb.errors import GslbError, RequestError

DEMO_CONFIG = Path(".demo/gslb.yaml")
CONFIG_PLACES = (Path("gslb.yaml"), DEMO_CONFIG, Path("/etc/gslb/gslb.yaml"))
TIMEOUT = 15.0  # seconds; the slowest answer is a drain that waits for its workers
TRIED = 2.0  # seconds that one of several nodes has to take a connection


class Client(NamedTuple):
    """One node's API. `token_from` says where the token was found, for the message when it is refused."""

    scheme: str
    host: str
    port: int
    token: str
    token_from: str
    tls: ClientTls = NO_TLS_FILES

    def get(self, path: str, **query: str) -> Any:
        """GET a resource; empty query values are left out. Raises as `call` does."""
        return self.call("GET", _with_query(path, query))

    def delete(self, path: str, **query: str) -> Any:
        """DELETE a resource, as `get`."""
        return self.call("DELETE", _with_query(path, query))

    def each(self, path: str, items: str, **query: str) -> Iterator[Any]:
        """What stands in the list `items` of this resource, on all its pages. Raises as `call` does."""
        while True:
            page = self.get(path, **query)
            yield from page[items]
            if not page.get("next"):
                return
            query["cursor"] = page["next"]

    def call(
        self, method: str, path: str, body: object = None, timeout: float = TIMEOUT, match: str | None = None
    ) -> Any:
        """Send one request and return the decoded JSON (None where there is none); `match` is what If-Match says.

        Where the node asks to come again, it is sent again for a few seconds; what was done already is not done twice.
        Raises GslbError where no node answers, and the class of errors.py that fits the answer's status.
        """
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if match is not None:
            headers["If-Match"] = match
        if method == "POST" and "dry_run=true" not in path:
            headers["Idempotency-Key"] = os.urandom(16).hex()
        content = None if body is None else json.dumps(body)
        latest = time.monotonic() + PATIENCE
        while True:
            status, payload, later = self._exchange((method, path, content, headers), timeout)
            pause = pause_of(status, later)
            if pause is None or time.monotonic() + pause > latest:
                return self.decoded(status, payload, later)
            time.sleep(pause)

    def text(self, path: str) -> str:
        """GET something that is not JSON. Raises as `call` does."""
        headers = {"Authorization": f"Bearer {self.token}"}
        status, payload, later = self._exchange(("GET", path, None, headers), TIMEOUT)
        if status >= http.client.BAD_REQUEST:
            self.decoded(status, payload, later)
        return payload.decode()

    def decoded(self, status: int, payload: bytes, later: str | None) -> Any:
        """The JSON of an answer; `later` is its Retry-After. Raises as `call` does."""
        try:
            answer = json.loads(payload) if payload else None
        except ValueError:
            raise GslbError(
                f"{self.where} answered {status} with something that is not JSON",
                hint="does another service listen there?",
            ) from None
        if status >= http.client.BAD_REQUEST:
            raise error_of(status, answer if isinstance(answer, dict) else {}, self.token_from, later)
        return answer

    def _exchange(
        self, request: tuple[str, str, str | None, dict[str, str]], timeout: float
    ) -> tuple[int, bytes, str | None]:
        """Status, body and Retry-After."""
        try:
            with closing(self.connection(timeout)) as connection:
                connection.request(*request)
                response = connection.getresponse()
                return response.status, response.read(), response.headers["Retry-After"]
        except (OSError, http.client.HTTPException) as error:
            raise self.unreachable(error) from None

    def unreachable(self, error: Exception) -> GslbError:
        """What is to be said when no answer came."""
        what = "no TLS with" if isinstance(error, ssl.SSLError) else "no node answers at"
        return GslbError(f"{what} {self.where}: {error}", hint=self._hint(error))

    def _hint(self, error: Exception) -> str:
        if self.scheme == "https":
            return explained(error, self.tls)
        closed = isinstance(error, http.client.RemoteDisconnected | ConnectionResetError)
        return "does it want TLS? --api https://..." if closed else "is `gslb serve` running?"

    def listens(self) -> bool:
        """Whether somebody takes a connection there."""
        try:
            with socket.create_connection((self.host, self.port), TRIED):
                return True
        except OSError:
            return False

    def connection(self, timeout: float = TIMEOUT) -> http.client.HTTPConnection:
        """A connection to the node, by TLS where its URL says so. Raises OSError, RequestError, GslbError."""
        if self.scheme == "https":
            return connected(self.host, self.port, self.tls, timeout)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    @property
    def where(self) -> str:
        """Its URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def connect(config: str | None, api: str | None, token_file: str | None, tls: ClientTls = NO_TLS_FILES) -> Client:
    """The node to talk to: `api` where given, else the one whose node file `find_config` finds.

    Raises ConfigError, RequestError (no node file, no token, not a URL).
    """
    if api:
        return _by_url(api, token_file)._replace(tls=tls)
    place = find_place(find_config(config))
    token, origin = _read_token(token_file or place.token)
    scheme = "https" if place.cert else "http"
    return Client(scheme, place.host, place.port, token, origin, tls._replace(own=place.cert))


def find_config(explicit: str | None) -> str:
    """The node file: the one named, else GSLB_CONFIG, else the first of CONFIG_PLACES that exists."""
    chosen = explicit or os.environ.get("GSLB_CONFIG")
    if chosen:
        return chosen
    for place in CONFIG_PLACES:
        if place.is_file():
            return str(place)
    places = ", ".join(map(str, CONFIG_PLACES))
    raise RequestError(f"no node file: none of {places} exists here", hint="name one: --config FILE, or --api URL")


def with_client(function: Callable[..., int]) -> Callable[..., int]:
    """Give a verb the options that choose a node, and hand it the Client as its first argument."""

    @client_options
    @functools.wraps(function)
    def verb(**arguments: Any) -> int:
        return function(connect_by(arguments), **arguments)

    return verb


def with_clients(function: Callable[..., int]) -> Callable[..., int]:
    """As `with_client`, with one Client for each node that is named."""

    @client_options
    @functools.wraps(function)
    def verb(**arguments: Any) -> int:
        return function(clients_by(arguments), **arguments)

    return verb


def client_options(function: Callable[..., int]) -> Callable[..., int]:
    """Give a verb the options that choose a node; what it gets by them goes to `connect_by`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def connect_by(arguments: dict[str, Any]) -> Client:
    """The Client that the options choose; they are taken out of the arguments. See `first_of`; raises as `connect`."""
    return first_of(clients_by(arguments))


def first_of(clients: Sequence[Client]) -> Client:
    """The first of these nodes that takes a connection; the last where none does."""
    return next((one for one in clients[:-1] if one.listens()), clients[-1])


def clients_by(arguments: dict[str, Any]) -> Sequence[Client]:
    """One Client for each node that the options choose, as `connect_by`."""
    tls = ClientTls.given(*(arguments.pop(name) for name in ("ca", "cert", "key")))
    config, apis, token_file = (arguments.pop(name) for name in ("config", "api", "token_file"))
    if not apis and not config:
        apis = tuple(filter(None, os.environ.get("GSLB_API", "").replace(" ", "").split(",")))
    return [connect(config, api, token_file, tls) for api in apis or (None,)]


_OPTIONS = (
    click.option(
        "--config", metavar="FILE", help="Node file; also GSLB_CONFIG. Tells where the API and the token are."
    ),
    click.option(
        "--api",
        metavar="URL",
        multiple=True,
        help="API of a node elsewhere, also GSLB_API; its token comes from GSLB_TOKEN or --token-file. May be given"
        " several times: of several the first that answers is asked, by status and progress every one.",
    ),
    click.option("--token-file", metavar="FILE", help="File with the API token."),
    click.option("--ca", metavar="FILE", help="Who may have signed the node's certificate (PEM); also GSLB_CA."),
    click.option("--cert", metavar="FILE", help="Certificate to show the node (PEM); also GSLB_CERT."),
    click.option("--key", metavar="FILE", help="Its key, where that is in another file; also GSLB_KEY."),
)


def _with_query(path: str, query: Mapping[str, str]) -> str:
    filled = {key: value for key, value in query.items() if value}
    return f"{path}?{urlencode(filled)}" if filled else path


def _by_url(api: str, token_file: str | None) -> Client:
    parts = urlsplit(api)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RequestError(f"--api {api!r} is not a URL", hint="for example http://127.0.0.1:8053")
    if token_file:
        token, origin = _read_token(token_file)
    else:
        token, origin = os.environ.get("GSLB_TOKEN", ""), "GSLB_TOKEN"
    if not token:
        raise RequestError("--api needs a token", hint="set GSLB_TOKEN, or name a file with --token-file")
    return Client(parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), token, origin)


def _read_token(path: str) -> tuple[str, str]:
    try:
        return Path(path).read_text(encoding="ascii").strip(), path
    except FileNotFoundError:
        raise RequestError(f"no token at {path}", hint="the first `gslb serve` creates it; has it run?") from None
    except (OSError, UnicodeError) as error:
        raise RequestError(
            f"token {path} cannot be read: {error}", hint="it belongs to the user who runs serve"
        ) from None
