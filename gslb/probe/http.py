"""The `http` monitor. The URL holds the address; Host header and TLS server name are set apart from it.

Each probe has its own session and connection: no cookie, connection or TLS session of an earlier one hides a fault.
Redirects are not followed, proxies not used, compressed bodies not unpacked.
"""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

import aiohttp
from pydantic import BeforeValidator, Field
from yarl import URL

from gslb import __version__
from gslb.config.document import Findings, Path
from gslb.config.model import WARN_DAYS, Monitor
from gslb.config.monitors import Common, Kind, Source
from gslb.config.schema import HostName, Line, MonitorShape, Port, Shape, listed, matching
from gslb.config.values import shown
from gslb.probe.answer import MAX_BODY, judge_body, judge_status
from gslb.probe.exchange import Progress, conclude, under_way
from gslb.probe.result import ProbeError, Result
from gslb.probe.trace import peer_text, tracing
from gslb.probe.trust import (
    MinDays,
    ServerName,
    WarnDays,
    check_verified,
    days_left,
    note_tls,
    require_days,
    tls_context,
)

_PATIENCE: Final = 0.2  # seconds
_DEFAULT_PORT: Final = {"http": 80, "https": 443}
# The probe writes these itself: twice they would make another request than the one that was meant (RFC 9112 section 6).
_OWN_HEADERS: Final = {
    "host": "give `host` instead",
    "content-length": "it follows from `body`",
    "transfer-encoding": "it follows from `body`",
    "connection": "each probe has a connection of its own",
}


@dataclass(frozen=True, slots=True)
class HttpMonitor(Monitor):
    """An HTTP request and what must come back. Every condition that is given must hold."""

    kind: ClassVar[str] = "http"

    scheme: Literal["http", "https"] = "http"
    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    host: str | None = None  # Host header; the address where absent
    sni: str | None = None  # TLS server name; `host` where absent
    verify: bool = True
    ca: str | None = None  # file with the trusted authorities
    min_days: int | None = None  # with fewer days left to the certificate it fails
    status: tuple[int, ...] = (200,)
    contains: str | None = None
    regex: str | None = None
    json: tuple[tuple[str, object], ...] = ()  # (path, expected value): "result.version", "items.0.state"


def _scalar(value: object) -> object:
    if isinstance(value, (dict, list)):
        raise ValueError(f"must be one value (got {shown(value)})")
    return value


Status = Annotated[int, Field(ge=100, le=599)]


class ExpectShape(Shape):
    status: Annotated[list[Status], BeforeValidator(listed), Field(min_length=1)] = [200]
    body: Annotated[str | None, Field(min_length=1)] = None
    regex: Annotated[str | None, Field(min_length=1, max_length=1000)] = None
    json_: Annotated[dict[str, Annotated[Any, BeforeValidator(_scalar)]], Field(alias="json")] = {}


HeaderName = Annotated[str, matching(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", "a header name")]  # RFC 9110 section 5.1
RequestPath = Annotated[str, matching(r"/[!-~]{0,2000}", "a path from / on, without spaces and line breaks")]


class HttpShape(MonitorShape):
    port: Port | None = None
    scheme: Literal["http", "https"] = "http"
    method: Annotated[str, matching(r"[A-Z]{1,20}", "a method such as GET, HEAD or POST")] = "GET"
    path: RequestPath = "/"
    headers: dict[HeaderName, Line] = {}
    body: str | None = None
    host: HostName | None = None
    sni: ServerName | None = None
    verify: bool = True
    ca: str | None = None
    min_days: MinDays = None
    warn_days: WarnDays = WARN_DAYS
    expect: ExpectShape = ExpectShape()


def build(common: Common, shape: HttpShape, source: Source) -> HttpMonitor:
    """See gslb.config.monitors.Kind."""
    path, findings = source.path, source.findings
    _check_tls(shape, source)
    _check_regex(shape.expect.regex, (*path, "expect", "regex"), findings)
    for header in shape.headers:
        hint = _OWN_HEADERS.get(header.lower())
        if hint:
            findings.problem((*path, "headers", header), "is set by the probe", hint, key=True)
    expect = shape.expect
    return HttpMonitor(
        port=shape.port or _DEFAULT_PORT[shape.scheme],
        scheme=shape.scheme,
        method=shape.method,
        path=shape.path,
        headers=tuple(shape.headers.items()),
        body=shape.body,
        host=shape.host,
        sni=shape.sni,
        verify=shape.verify,
        ca=source.file("ca", shape.ca),
        min_days=shape.min_days,
        warn_days=shape.warn_days,
        status=tuple(expect.status),
        contains=expect.body,
        regex=expect.regex,
        json=tuple(expect.json_.items()),
        **common._asdict(),
    )


def _check_tls(shape: HttpShape, source: Source) -> None:
    if shape.scheme == "https":
        check_verified(shape, source)
        return
    for key in ("sni", "verify", "ca", "min_days", "warn_days"):
        if key in shape.model_fields_set:
            path = (*source.path, key)
            source.findings.problem(path, "is for https alone", "set scheme: https, or leave it out", key=True)


def _check_regex(regex: str | None, path: Path, findings: Findings) -> None:
    try:
        re.compile(regex or "")
    except (re.error, OverflowError, RecursionError, Warning) as error:
        findings.problem(path, f"is not a regular expression of Python: {error}")


async def check(monitor: HttpMonitor, address: str) -> Result:
    """Probe one address (canonical text). Raises OSError only where this machine cannot make the probe."""

    async def ask(progress: Progress) -> None:
        try:
            await _ask(monitor, address, progress)
        except aiohttp.ClientConnectorCertificateError as error:
            raise error.certificate_error from error
        except aiohttp.ClientConnectorError as error:
            raise error.os_error from error
        except aiohttp.ServerDisconnectedError as error:
            raise ProbeError("protocol", "connection closed without an answer") from error
        except aiohttp.ClientPayloadError as error:
            raise ProbeError("protocol", "body ended early or badly framed") from error
        except aiohttp.ClientResponseError as error:
            raise ProbeError("protocol", f"not a valid HTTP answer: {_first_line(error.message)}") from error

    return await conclude(ask, monitor.timeout)


async def _ask(monitor: HttpMonitor, address: str, progress: Progress) -> None:
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            response_class=_Answer,
            skip_auto_headers=("Content-Type",),
            timeout=aiohttp.ClientTimeout(total=None),  # the deadline of `conclude` is the only one
        ) as session,
        session.request(
            monitor.method,
            _url(monitor, address),
            headers=_headers(monitor, address),
            data=None if monitor.body is None else monitor.body.encode(),
            allow_redirects=False,
            ssl=_context(monitor),
            server_hostname=server_name(monitor, address) if monitor.scheme == "https" else None,
        ) as answer,
    ):
        assert isinstance(answer, _Answer)
        progress.tls_days = answer.tls_days
        require_days(answer.tls_days, monitor.min_days)
        try:
            judge_status(monitor, answer.status)
        except ProbeError:
            await _show_body(answer)
            raise
        progress.stage = "headers received, waiting for the body"
        body = await _body(answer)
        if trace := tracing():
            trace.body(body)
        judge_body(monitor, body)


def _context(monitor: HttpMonitor) -> ssl.SSLContext | bool:
    """What aiohttp takes as `ssl`; True is its default, which plain HTTP does not look at."""
    return monitor.scheme != "https" or tls_context(monitor.ca, verify=monitor.verify, alpn="http/1.1")


class _Answer(aiohttp.ClientResponse):
    """A response that keeps what the TLS handshake showed: a short answer gives its connection up at once."""

    tls_days: float | None = None

    async def start(self, connection: "aiohttp.connector.Connection") -> "_Answer":
        if progress := under_way():
            progress.stage = "connected, waiting for the answer"
        transport = connection.transport
        certificate = transport.get_extra_info("peercert") if transport else None
        if certificate:
            self.tls_days = days_left(certificate)
        trace = tracing()
        if trace and transport:
            trace.note("connected", peer_text(transport.get_extra_info("peername")))
            note_tls(trace, transport.get_extra_info("ssl_object"))
        await super().start(connection)
        if trace:
            version = f"{self.version.major}.{self.version.minor}" if self.version else ""
            trace.note("answer", f"HTTP/{version} {self.status} {self.reason}, {len(self.raw_headers)} headers")
        return self


async def _show_body(answer: aiohttp.ClientResponse) -> None:
    """What came with a wrong status, for onlookers; the verdict is found already."""
    if trace := tracing():
        with suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(_PATIENCE):
                trace.body(await answer.content.readany())


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """The body, or its first MAX_BODY octets and some more where it is longer."""
    body = b""
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            break
    return body


def _url(monitor: HttpMonitor, address: str) -> URL:
    return URL(f"{monitor.scheme}://{_bracketed(address)}:{monitor.port}{monitor.path}", encoded=True)


def _headers(monitor: HttpMonitor, address: str) -> list[tuple[str, str]]:
    """Headers of the request; those of the monitor win over ours, whatever their spelling."""
    port = "" if monitor.port == _DEFAULT_PORT[monitor.scheme] else f":{monitor.port}"
    ours = {
        "Host": monitor.host or _bracketed(address) + port,
        "User-Agent": f"gslb/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    given = {name.lower() for name, _ in monitor.headers}
    return [*((name, value) for name, value in ours.items() if name.lower() not in given), *monitor.headers]


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def server_name(monitor: HttpMonitor, address: str) -> str:
    """The name that the certificate must carry: `sni`, else `host` without a port, else the address itself."""
    if monitor.sni or not monitor.host:
        return monitor.sni or address
    name, colon, port = monitor.host.rpartition(":")
    has_port = colon and port.isdigit() and (":" not in name or name.endswith("]"))
    return (name if has_port else monitor.host).strip("[]")


def _first_line(message: str) -> str:
    return message.strip().partition("\n")[0].strip()


KIND = Kind(HttpShape, build, check)
