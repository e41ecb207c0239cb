"""One check of an HttpMonitor. The URL holds the address; Host header and TLS server name are set apart from it.

Each probe has its own session and connection: no cookie, connection or TLS session of an earlier one hides a fault.
Redirects are not followed, proxies not used, compressed bodies not unpacked.
"""

import ssl
import time
from functools import lru_cache
from pathlib import Path

import aiohttp
from yarl import URL

from gslb import __version__
from gslb.config.model import HttpMonitor
from gslb.probe.answer import MAX_BODY, judge_body, judge_status
from gslb.probe.exchange import Progress, conclude
from gslb.probe.result import ProbeError, Result

_DEFAULT_PORT = {"http": 80, "https": 443}
_DAY = 86400.0


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
            ssl=_tls(monitor) if monitor.scheme == "https" else True,
            server_hostname=server_name(monitor, address) if monitor.scheme == "https" else None,
        ) as answer,
    ):
        assert isinstance(answer, _Answer)
        progress.tls_days = answer.tls_days
        judge_status(monitor, answer.status)
        progress.stage = "headers received, waiting for the body"
        judge_body(monitor, await _body(answer))


class _Answer(aiohttp.ClientResponse):
    """A response that keeps what the TLS handshake showed: a short answer gives its connection up at once."""

    tls_days: float | None = None

    async def start(self, connection: "aiohttp.connector.Connection") -> "_Answer":
        transport = connection.transport
        certificate = transport.get_extra_info("peercert") if transport else None
        if certificate:
            self.tls_days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / _DAY
        await super().start(connection)
        return self


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


def _tls(monitor: HttpMonitor) -> ssl.SSLContext:
    """The context for a monitor. A `ca` file is read again when it changes; one that cannot be read fails the probe."""
    try:
        changed = Path(monitor.ca).stat().st_mtime_ns if monitor.ca else 0
        return _context(monitor.verify, monitor.ca, changed)
    except OSError as error:  # ssl.SSLError is one
        raise ProbeError("tls", f"cannot use the ca file: {error.strerror or error}") from error


@lru_cache(maxsize=64)
def _context(verify: bool, ca: str | None, changed: int) -> ssl.SSLContext:
    """`changed` is there to be part of the cache's key: loading the authorities costs milliseconds."""
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _first_line(message: str) -> str:
    return message.strip().partition("\n")[0].strip()
