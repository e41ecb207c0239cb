"""The `icmp` monitor: echo requests, and whether one of them comes back (RFC 792, RFC 4443 section 4).

A ping socket needs no privilege where net.ipv4.ping_group_range allows it; elsewhere a raw socket does the same.
"""

import asyncio
import errno
import secrets
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, NamedTuple

from pydantic import Field

from gslb.config.model import Monitor
from gslb.config.monitors import Common, Kind, Source
from gslb.config.schema import MonitorShape
from gslb.probe.exchange import Progress, conclude
from gslb.probe.result import Result
from gslb.probe.trace import tracing

TOKEN: Final = 16  # random octets by which a reply is known
_HEADER: Final = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_MAX_REPLY: Final = 4096
_NOT_ALLOWED: Final = frozenset((errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT))
_RECVERR: Final = 1
_FORBIDDEN: Final = (
    "this process may not send echo requests: have net.ipv4.ping_group_range include its group, or give it CAP_NET_RAW"
)


@dataclass(frozen=True, slots=True)
class IcmpMonitor(Monitor):
    """Echo requests, of which one must come back. `size` is octets of payload."""

    kind: ClassVar[str] = "icmp"

    count: int = 1
    size: int = 32


class IcmpShape(MonitorShape):
    count: Annotated[int, Field(ge=1, le=20)] = 1
    size: Annotated[int, Field(ge=TOKEN, le=1452)] = 32  # the most that fits an Ethernet frame with IPv6


def build(common: Common, shape: IcmpShape, _: Source) -> IcmpMonitor:
    """See gslb.config.monitors.Kind."""
    return IcmpMonitor(count=shape.count, size=shape.size, **common._asdict())


class _Family(NamedTuple):
    """What differs between ICMP for IPv4 and for IPv6. `errors` is the socket option by which errors are reported."""

    family: socket.AddressFamily
    protocol: int
    request: int
    reply: int
    errors: tuple[int, int]


_IPV4: Final = _Family(socket.AF_INET, socket.IPPROTO_ICMP, 8, 0, (socket.IPPROTO_IP, 11))
_IPV6: Final = _Family(socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129, (socket.IPPROTO_IPV6, 25))


async def check(monitor: IcmpMonitor, address: str) -> Result:
    """Probe one address (canonical text). Raises OSError where this machine cannot make the probe, or may not."""
    family = _IPV6 if ":" in address else _IPV4
    with _socket(family) as sock:

        async def ask(progress: Progress) -> None:
            sock.connect((address, 0))  # so that the kernel tells errors, and sorts out what others send
            await _ask(_Exchange(sock, family, address, monitor.size), monitor, progress)

        return await conclude(ask, monitor.timeout)


def _socket(family: _Family) -> socket.socket:
    sock = _open(family, socket.SOCK_DGRAM) or _open(family, socket.SOCK_RAW)
    if sock is None:
        raise PermissionError(errno.EPERM, _FORBIDDEN)
    sock.setblocking(False)
    sock.setsockopt(*family.errors, _RECVERR)
    return sock


def _open(family: _Family, kind: socket.SocketKind) -> socket.socket | None:
    """A socket, or None where the kernel does not let this process have one of the kind."""
    try:
        return socket.socket(family.family, kind, family.protocol)
    except OSError as error:
        if error.errno not in _NOT_ALLOWED:
            raise
        return None


async def _ask(exchange: "_Exchange", monitor: IcmpMonitor, progress: Progress) -> None:
    """Send up to `count` requests at even distances, and return when one came back.

    The wait for the last has no end of its own. An error, such as "no route to host", ends the last wait alone: an
    earlier one is a lost request like any other, and told if nothing better follows.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    progress.stage = "waiting for an echo"
    for number in range(1, monitor.count):
        until = started + monitor.timeout * number / monitor.count
        try:
            async with asyncio.timeout_at(until):
                await exchange.echo(number)
            return
        except TimeoutError:
            continue
        except OSError as error:
            progress.stage = f"{(error.strerror or str(error)).lower()}, then waiting for an echo"
            await asyncio.sleep(until - loop.time())
    await exchange.echo(monitor.count)


class _Exchange:
    """Requests with one random token, and the replies that bear it."""

    def __init__(self, sock: socket.socket, family: _Family, address: str, size: int) -> None:
        self._sock = sock
        self._family = family
        self._peer = socket.inet_ntop(family.family, socket.inet_pton(family.family, address))
        self._token = secrets.token_bytes(TOKEN)
        self._identifier = secrets.randbelow(1 << 16)  # a ping socket has its own instead
        self._padding = bytes(size - TOKEN)

    async def echo(self, number: int) -> None:
        """Send a request; return when it, or one before it, came back. Raises OSError where somebody refused it."""
        self._forget_errors()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._sock, self._request(number))
        while True:
            packet, source = await loop.sock_recvfrom(self._sock, _MAX_REPLY)
            if source[0] == self._peer and self._is_ours(packet):
                break
        if trace := tracing():
            way = "ping socket" if self._sock.type == socket.SOCK_DGRAM else "raw socket"
            trace.note("answer", f"echo from {self._peer}, {number} sent, by {way}")

    def _forget_errors(self) -> None:
        """Empty the queue of errors: those in it are about earlier requests, and make the socket look readable."""
        with suppress(BlockingIOError):
            while True:
                self._sock.recvmsg(_MAX_REPLY, 512, socket.MSG_ERRQUEUE)

    def _request(self, number: int) -> bytes:
        payload = self._token + self._padding
        header = _HEADER.pack(self._family.request, 0, 0, self._identifier, number)
        right = 0 if self._family is _IPV6 else checksum(header + payload)  # the kernel fills in that of ICMPv6
        return _HEADER.pack(self._family.request, 0, right, self._identifier, number) + payload

    def _is_ours(self, packet: bytes) -> bool:
        if self._sock.type == socket.SOCK_RAW and self._family is _IPV4 and packet:
            packet = packet[(packet[0] & 15) * 4 :]  # a raw socket shows the IP header too
        token = packet[_HEADER.size : _HEADER.size + TOKEN]
        return packet[:1] == bytes((self._family.reply,)) and token == self._token


def checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of octets, or of an odd one with a zero behind it."""
    words = struct.unpack(f"!{(len(octets) + 1) // 2}H", octets + bytes(len(octets) % 2))
    total: int = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


KIND = Kind(IcmpShape, build, check)
