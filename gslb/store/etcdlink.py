"""The way to etcd: its JSON gateway over HTTP, through one of several endpoints, with failover and login.

One endpoint is current for everything, so that a watch and the calls beside it see the same member; who finds that it
fails moves on to the next for all. Every request but that for a member's state says that the member must know a leader:
one that is cut off from the others says so at once instead of keeping the caller waiting.

A call that writes is given to a second endpoint only where the first is known not to have taken it, or where the caller
says that to repeat it does no harm. A time-out leaves that open.
"""

import asyncio
import io
import json
import os
import ssl
import time
from collections.abc import AsyncGenerator
from typing import Any, Final

import aiohttp

from gslb.errors import StoreError
from gslb.store.etcdaccess import Access
from gslb.store.etcderrors import AttemptError, LoginError, TooLongError, UnsureError, refuse, unreachable
from gslb.store.etcdtext import Json

MAX_ANSWER: Final = 16 << 20  # octets of one answer, or of one message of a stream
ROUNDS: Final = 2  # times that a call goes round the endpoints
_PAUSE: Final = 0.1  # seconds between rounds: an election takes a moment
_CONNECT: Final = 0.8  # the share of an attempt's time within which the connection must stand
_CONNECTIONS: Final = 64
_LEADER: Final = {"Grpc-Metadata-hasleader": "true"}
STATUS: Final = "maintenance/status"  # what a member can always say
_WRITE: Final = "kv/txn"
_PROOF: Final = {"kv/range", "kv/txn", "lease/grant"}  # answered only with the consent of a majority


class Link:
    """Calls and streams. Make it inside the running loop, close it there."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._current = 0
        self._token: str | None = None  # None = log in first, "" = etcd wants no login
        self._logging_in = asyncio.Lock()
        self.heard = float("-inf")  # time.monotonic when a majority last consented to a call
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    @property
    def endpoint(self) -> str:
        """The one that the next call goes to."""
        return self._access.endpoints[self._current]

    @property
    def endpoints(self) -> tuple[str, ...]:
        """All that may be asked."""
        return self._access.endpoints

    def leave(self, endpoint: str) -> None:
        """Go to the next endpoint from now on, where this one is still current."""
        if endpoint == self.endpoint:
            self._current = (self._current + 1) % len(self.endpoints)

    def forget_login(self) -> None:
        """Log in again before the next call."""
        self._token = None

    async def close(self) -> None:
        """End every connection."""
        await self._session.close()

    async def call(self, path: str, body: Json, *, repeat: bool = True) -> Json:
        """Ask one endpoint after the other until one answers.

        Without `repeat` an endpoint that may have done it ends the search: UnsureError. Raises StoreError otherwise.
        """
        deadline = time.monotonic() + self._access.total
        failures: dict[str, AttemptError] = {}
        taken = False  # whether one of them may have done it
        for turn in range(ROUNDS * len(self.endpoints)):
            if turn and not turn % len(self.endpoints):
                await asyncio.sleep(_PAUSE)
            left = deadline - time.monotonic()
            if left <= 0:
                break
            endpoint = self.endpoint
            try:
                return await self._attempt(endpoint, path, body, min(left, self._access.patience))
            except AttemptError as failure:
                self.leave(endpoint)
                failures[endpoint] = failure
                taken |= failure.taken
                if failure.taken and not repeat:
                    text = f"{endpoint}: {failure}; the write may have taken place or not"
                    raise UnsureError(text, hint="read what is there, then try again") from failure
        raise unreachable(failures, unsure=taken and path == _WRITE)

    async def ask(self, endpoint: str, path: str, body: Json) -> Json:
        """Ask this endpoint and no other. Raises StoreError."""
        try:
            return await self._attempt(endpoint, path, body, self._access.patience)
        except AttemptError as failure:
            raise unreachable({endpoint: failure}) from failure

    async def stream(self, path: str, body: Json) -> AsyncGenerator[Json, None]:
        """The results that the current endpoint sends, until the caller closes the generator (contextlib.aclosing).

        The first must come within `patience`; nothing else is timed. Raises StoreError at the end of the stream, and
        leaves the endpoint where that was its doing.
        """
        endpoint, patience = self.endpoint, self._access.patience
        response: aiohttp.ClientResponse | None = None
        try:
            async with asyncio.timeout(patience):
                response = await self._post(endpoint, path, body, await self._login(endpoint, patience))
                lines = _Lines(endpoint, response)
                line = await lines.next()
            while line:
                yield _result(endpoint, response.status, line)
                line = await lines.next()
            raise AttemptError("the stream ended", taken=False)
        except LoginError:
            self.forget_login()
            raise
        except (AttemptError, aiohttp.ClientError, OSError, ValueError) as error:
            self.leave(endpoint)
            raise unreachable({endpoint: _failure(error, patience)}) from error
        finally:
            if response is not None:
                response.close()

    async def _attempt(self, endpoint: str, path: str, body: Json, seconds: float) -> Json:
        try:
            async with asyncio.timeout(seconds):
                answer = await self._known(endpoint, path, body, seconds)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            if isinstance(error, aiohttp.ServerDisconnectedError):
                self._token = None  # 3.4.23 ends the connection of whom it no longer knows
            raise _failure(error, seconds) from error
        if path in _PROOF:
            self.heard = time.monotonic()
        return answer

    async def _known(self, endpoint: str, path: str, body: Json, seconds: float) -> Json:
        """Ask with the token, with a new one where etcd no longer knows it: what it does not know it has not done."""
        token = await self._login(endpoint, seconds)
        try:
            return await self._exchange(endpoint, path, body, token)
        except LoginError:
            if self._access.login is None:
                raise
            if self._token == token:
                self._token = None
        return await self._exchange(endpoint, path, body, await self._login(endpoint, seconds))

    async def _login(self, endpoint: str, seconds: float) -> str:
        """The token, a new one where there is none; "" where none is needed."""
        if self._access.login is None:
            return ""
        async with self._logging_in:
            if self._token is None:
                user, password = self._access.login
                body = {"name": user, "password": password}
                try:
                    self._token = str((await self._exchange(endpoint, "auth/authenticate", body, ""))["token"])
                except StoreError as error:
                    if "not enabled" not in error.message:
                        raise
                    self._token = ""
            return self._token

    async def _exchange(self, endpoint: str, path: str, body: Json, token: str) -> Json:
        async with await self._post(endpoint, path, body, token) as response:
            octets = await _Lines(endpoint, response).whole()
            return _result(endpoint, response.status, octets)

    async def _post(self, endpoint: str, path: str, body: Json, token: str) -> aiohttp.ClientResponse:
        headers = {} if path == STATUS else dict(_LEADER)
        if token:
            headers["Authorization"] = token
        return await self._session.post(
            f"{endpoint}/v3/{path}",
            data=io.BytesIO(json.dumps(body).encode()),  # so that a long one is sent in pieces
            headers=headers,
            ssl=self._access.tls or True,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT * self._access.patience),
        )


class _Lines:
    """The body of a response, line by line, never more than MAX_ANSWER octets of it in memory."""

    def __init__(self, endpoint: str, response: aiohttp.ClientResponse) -> None:
        self._endpoint = endpoint
        self._content = response.content
        self._buffer = bytearray()

    async def next(self) -> bytes:
        """The next line that is not empty, b"" at the end."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if not await self._more():
                end = searched
                break
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    async def whole(self) -> bytes:
        """All of it."""
        while await self._more():
            pass
        return bytes(self._buffer)

    async def _more(self) -> bool:
        if len(self._buffer) > MAX_ANSWER:
            raise TooLongError(f"{self._endpoint}: the answer is longer than {MAX_ANSWER >> 20} MiB")
        chunk = await self._content.readany()
        self._buffer += chunk
        return bool(chunk)


def _result(endpoint: str, status: int, octets: bytes) -> Json:
    """The JSON of an answer, or of what is in one line of a stream. Raises as `refuse` does, ValueError."""
    if status != 200:
        refuse(endpoint, status, octets)
    values: Any = json.loads(octets)
    if not isinstance(values, dict):
        raise ValueError("not an object")
    if "error" in values:
        refuse(endpoint, status, octets)
    result = values.get("result", values)
    if not isinstance(result, dict):
        raise ValueError("not an object")
    return result


def _failure(error: Exception, seconds: float) -> AttemptError:
    """What went wrong with one endpoint, in words, and whether it may have done what it was asked all the same."""
    match error:
        case AttemptError():
            return error
        case aiohttp.ClientConnectorCertificateError(certificate_error=cause):
            hint = "check ca, and that the server's certificate names the endpoint's host"
            return AttemptError(f"its certificate is not trusted: {_reason(cause)}", taken=False, hint=hint)
        case aiohttp.ClientConnectorError(os_error=cause):
            return AttemptError(f"cannot connect: {_reason(cause)}", taken=False, hint=_tls_hint(cause))
        case aiohttp.ConnectionTimeoutError():
            return AttemptError(f"no connection within {seconds:g} s", taken=False)
        case TimeoutError():
            return AttemptError(f"no answer within {seconds:g} s", taken=True)
        case aiohttp.ServerDisconnectedError():
            hint = "check that it is etcd's client URL, with https:// where it wants TLS"
            return AttemptError("the connection was closed without an answer", taken=True, hint=hint)
        case OSError():
            return AttemptError(f"the connection broke: {_reason(error)}", taken=True, hint=_tls_hint(error))
        case aiohttp.ClientPayloadError():
            return AttemptError("the connection ended within the answer", taken=True)
        case aiohttp.ClientError():
            return AttemptError(f"the connection broke: {error or type(error).__name__}", taken=True)
        case _:
            return AttemptError(f"not an answer of etcd's: {error}", taken=True, hint="check that it is etcd")


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno:
        return os.strerror(error.errno).lower()
    return str(error) or "the connection was closed"


def _tls_hint(error: BaseException) -> str:
    text = str(error).lower()
    if "alert" in text:
        return "the server refuses the client certificate: give one that its authority has signed"
    mixed_up = isinstance(error, (ssl.SSLError, ConnectionResetError, ConnectionAbortedError))
    return "check http:// and https:// of the endpoint" if mixed_up else ""
