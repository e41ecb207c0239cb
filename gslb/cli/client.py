"""How verbs reach a running node: which one, with what token, over its API."""

import functools
import http.client
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import click

from gslb.errors import ConflictError, GslbError, NotFoundError, RequestError, StoreError, UnauthorizedError

DEMO_CONFIG = Path(".demo/gslb.yaml")
CONFIG_PLACES = (Path("gslb.yaml"), DEMO_CONFIG, Path("/etc/gslb/gslb.yaml"))
TIMEOUT = 15.0  # seconds; the slowest answer is a drain that waits for its workers
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - mapped away from, never bound
_CLASSES: dict[int, type[RequestError]] = {401: UnauthorizedError, 404: NotFoundError, 409: ConflictError}


class Client(NamedTuple):
    """One node's API. `token_from` says where the token was found, for the message when it is refused."""

    scheme: str
    host: str
    port: int
    token: str
    token_from: str

    def get(self, path: str, **query: str) -> Any:
        """GET a resource; empty query values are left out. Raises as `call` does."""
        filled = {key: value for key, value in query.items() if value}
        return self.call("GET", f"{path}?{urlencode(filled)}" if filled else path)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send one request and return the decoded JSON (None where there is none).

        Raises GslbError where no node answers, and the class of errors.py that fits the answer's status.
        """
        status, payload = self._exchange(method, path, body)
        try:
            answer = json.loads(payload) if payload else None
        except ValueError:
            raise GslbError(
                f"{self._where} answered {status} with something that is not JSON",
                hint="does another service listen there?",
            ) from None
        if status >= http.client.BAD_REQUEST:
            raise self._error(status, answer if isinstance(answer, dict) else {})
        return answer

    def _exchange(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        kind = http.client.HTTPSConnection if self.scheme == "https" else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=TIMEOUT)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise GslbError(f"no node answers at {self._where}: {error}", hint="is `gslb serve` running?") from None
        finally:
            connection.close()

    def _error(self, status: int, problem: dict[str, Any]) -> GslbError:
        detail = str(problem.get("detail") or problem.get("title") or f"HTTP status {status}")
        faults = [
            f"{e['pointer'].strip('/')}: {e['detail']}" for e in problem.get("errors", ()) if e["detail"] != detail
        ]
        message = "; ".join([detail, *faults])
        hint = str(problem.get("hint", ""))
        if status == http.client.UNAUTHORIZED:
            hint = f"the token came from {self.token_from}"
        if status >= http.client.INTERNAL_SERVER_ERROR:
            return StoreError(message, hint=hint)
        return _CLASSES.get(status, RequestError)(message, hint=hint)

    @property
    def _where(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def connect(config: str | None, api: str | None, token_file: str | None) -> Client:
    """The node to talk to: `api` where given, else the one whose node file `find_config` finds.

    Raises ConfigError, RequestError (no node file, no token, not a URL).
    """
    if api:
        return _by_url(api, token_file)
    from gslb.config.load import load_node

    path = find_config(config)
    node = load_node(path)
    if node.api is None:
        raise RequestError(f"{path} has no listen.api, so its node cannot be asked", hint="add listen: {api: ...}")
    host, port = node.api
    token, origin = _read_token(token_file or str(Path(node.state) / "token"))
    return Client("http", _ANY_ADDRESS.get(host, host), port, token, origin)


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

    @click.option(
        "--config", metavar="FILE", help="Node file; also GSLB_CONFIG. Tells where the API and the token are."
    )
    @click.option(
        "--api", metavar="URL", help="API of a node elsewhere; the token comes from GSLB_TOKEN or --token-file."
    )
    @click.option("--token-file", metavar="FILE", help="File with the API token.")
    @functools.wraps(function)
    def verb(config: str | None, api: str | None, token_file: str | None, **arguments: Any) -> int:
        return function(connect(config, api, token_file), **arguments)

    return verb


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
