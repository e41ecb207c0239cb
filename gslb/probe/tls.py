"""The `tls` monitor: connect and shake hands; the certificate must be trusted, in date, and for the right name."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import ClassVar, Final

from gslb.config.model import WARN_DAYS, Monitor
from gslb.config.monitors import Common, Kind, Source
from gslb.config.schema import MonitorShape, Port
from gslb.probe.exchange import Progress, conclude
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

# What OpenSSL calls octets that are no record of TLS.
_NOT_TLS: Final = frozenset(("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"))


@dataclass(frozen=True, slots=True)
class TlsMonitor(Monitor):
    """A handshake. `min_days`: with fewer days left to the certificate it fails."""

    kind: ClassVar[str] = "tls"

    sni: str | None = None  # the name that the certificate must carry; the address where absent
    verify: bool = True
    ca: str | None = None  # file with the trusted authorities
    min_days: int | None = None


class TlsShape(MonitorShape):
    port: Port = 443
    sni: ServerName | None = None
    verify: bool = True
    ca: str | None = None
    min_days: MinDays = None
    warn_days: WarnDays = WARN_DAYS


def build(common: Common, shape: TlsShape, source: Source) -> TlsMonitor:
    """See gslb.config.monitors.Kind."""
    check_verified(shape, source)
    return TlsMonitor(
        port=shape.port,
        sni=shape.sni,
        verify=shape.verify,
        ca=source.file("ca", shape.ca),
        min_days=shape.min_days,
        warn_days=shape.warn_days,
        **common._asdict(),
    )


async def check(monitor: TlsMonitor, address: str) -> Result:
    """Probe one address (canonical text). Raises OSError only where this machine cannot make the probe."""

    async def ask(progress: Progress) -> None:
        context = tls_context(monitor.ca, verify=monitor.verify)
        sock = await _connected(address, monitor.port)
        if trace := tracing():
            trace.note("connected", peer_text(sock.getpeername()))
        progress.stage = "connected, waiting for the TLS handshake"
        transport = await _secured(sock, context, monitor, address)
        try:
            _judge(monitor, transport, progress)
        finally:
            transport.abort()  # a polite close would leave the descriptor to the target's mercy

    return await conclude(ask, monitor.timeout)


async def _connected(address: str, port: int) -> socket.socket:
    """A connected socket. Apart from the handshake, so that the stage in which the deadline came is known."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def _secured(
    sock: socket.socket, context: ssl.SSLContext, monitor: TlsMonitor, address: str
) -> asyncio.WriteTransport:
    """The transport after the handshake. It owns the socket, which is closed where the handshake fails."""
    try:
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol,
            sock=sock,
            ssl=context,
            server_hostname=monitor.sni or address,
            ssl_handshake_timeout=monitor.timeout + 1,  # the deadline of `conclude` is the only one
        )
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError as error:
        if error.reason in _NOT_TLS:
            raise ProbeError("tls", "the answer is not TLS") from error
        raise
    except (ConnectionResetError, ConnectionAbortedError) as error:
        raise ProbeError("reset", "connection closed in the TLS handshake") from error
    return transport


def _judge(monitor: TlsMonitor, transport: asyncio.WriteTransport, progress: Progress) -> None:
    if trace := tracing():
        note_tls(trace, transport.get_extra_info("ssl_object"))
    certificate = transport.get_extra_info("peercert")
    if certificate:  # empty where it was not checked
        progress.tls_days = days_left(certificate)
    require_days(progress.tls_days, monitor.min_days)


KIND = Kind(TlsShape, build, check)
