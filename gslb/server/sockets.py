"""Listening sockets: one per concrete address and transport, each worker its own by SO_REUSEPORT."""

import errno
import socket
import struct
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Literal, NamedTuple

from gslb.errors import StateError
from gslb.server.batch import IP_PKTINFO
from gslb.server.processes import port_holders

Address = tuple[str, int]
Transport = Literal["udp", "tcp"]

_KINDS: dict[Transport, socket.SocketKind] = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
_RECEIVE_BUFFER = 4 << 20
_TCP_BUFFER = 64 << 10  # each way; else the kernel would keep megabytes for one who never reads
_BACKLOG = 1024

# Linux, not in Python's socket module
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_OMIT = 10, 23, 5
_IP_FREEBIND, _IPV6_FREEBIND = 15, 78
_SO_RCVBUFFORCE = 33
_SO_MEMINFO, _MEMINFO_DROPS = 55, 8


class Endpoint(NamedTuple):
    """One listening socket's place."""

    transport: Transport
    host: str
    port: int

    def __str__(self) -> str:
        return f"{address_text((self.host, self.port))} ({self.transport.upper()})"


def address_text(address: Address) -> str:
    """`192.0.2.1:53`, `[2001:db8::1]:53`."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def endpoints(addresses: Iterable[Address]) -> list[Endpoint]:
    """UDP and TCP on each address."""
    return [Endpoint(transport, host, port) for host, port in addresses for transport in _KINDS]


def open_endpoint(endpoint: Endpoint, *, share: bool) -> socket.socket:
    """A bound, non-blocking socket, listening if it is TCP. `share` lets other processes of this user bind there too.

    Raises StateError that names the address, and the process that holds it where it can be found.
    """
    transport, host, port = endpoint
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, _KINDS[transport])
    try:
        sock.setblocking(False)
        if share:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _set_options(sock, transport, host)
        sock.bind((host, port))
        if transport == "tcp":
            sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise _explained(endpoint, error) from error
    return sock


def _set_options(sock: socket.socket, transport: Transport, host: str) -> None:
    v6 = sock.family == socket.AF_INET6
    level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
    if v6:
        sock.setsockopt(level, socket.IPV6_V6ONLY, 1)
    sock.setsockopt(level, _IPV6_FREEBIND if v6 else _IP_FREEBIND, 1)  # a virtual address may come later
    if transport == "tcp":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):  # connections inherit them
            sock.setsockopt(socket.SOL_SOCKET, buffer, _TCP_BUFFER)
        return
    # No path MTU discovery and no fragments (RFC 9715): our replies fit, and forged ICMP cannot shrink them.
    sock.setsockopt(level, _IPV6_MTU_DISCOVER if v6 else _IP_MTU_DISCOVER, _PMTUDISC_OMIT)
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        sock.setsockopt(level, socket.IPV6_RECVPKTINFO if v6 else IP_PKTINFO, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:  # then as much as the system allows everyone
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)


def _explained(endpoint: Endpoint, error: OSError) -> StateError:
    if error.errno == errno.EADDRINUSE:
        pids = sorted(_holders(endpoint))
        holder = f"process {pids[0]}" if pids else "another process"
        return StateError(f"{endpoint} is in use by {holder}", hint="stop it, or change listen.dns in the node file")
    hint = "ports below 1024 need root or CAP_NET_BIND_SERVICE" if error.errno == errno.EACCES else ""
    return StateError(f"{endpoint} cannot be opened: {error.strerror}", hint=hint)


def _holders(endpoint: Endpoint) -> set[int]:
    return port_holders(_KINDS[endpoint.transport], endpoint.host, endpoint.port)


def check_free(addresses: Iterable[Address], ours: Collection[int] = ()) -> None:
    """Prove that the addresses are ours to take, since SO_REUSEPORT would share them with anyone silently.

    `ours` are the pids of our own orphans, who may hold them. Raises StateError.
    """
    for endpoint in endpoints(addresses):
        try:
            open_endpoint(endpoint, share=False).close()
        except StateError:
            if not ours or not _holders(endpoint).issubset(ours):
                raise
            open_endpoint(endpoint, share=True).close()


def open_addresses(
    addresses: Iterable[Address], adopted: Mapping[Endpoint, socket.socket], *, share: bool
) -> dict[Endpoint, socket.socket]:
    """All sockets of a worker by their place, those in `adopted` as they are. A port 0 becomes one free port for both
    transports.

    Raises StateError and leaves nothing open.
    """
    opened = dict(adopted)
    try:
        for host, port in addresses:
            if port == 0:
                opened.update(_open_free_port(host))
                continue
            for endpoint in endpoints([(host, port)]):
                if endpoint not in opened:
                    opened[endpoint] = open_endpoint(endpoint, share=share)
    except StateError:
        for sock in opened.values():
            sock.close()
        raise
    return opened


def _open_free_port(host: str) -> dict[Endpoint, socket.socket]:
    while True:
        tcp = open_endpoint(Endpoint("tcp", host, 0), share=False)
        port = tcp.getsockname()[1]
        udp_endpoint = Endpoint("udp", host, port)
        try:
            return {udp_endpoint: open_endpoint(udp_endpoint, share=False), Endpoint("tcp", host, port): tcp}
        except StateError:  # free for TCP only
            tcp.close()


def kernel_drops(sock: socket.socket) -> int:
    """Datagrams that found the socket's receive buffer full, since it was opened: the count behind SO_RXQ_OVFL.

    SO_MEMINFO tells it without a control message on every datagram, and when no further datagram comes.
    """
    with suppress(OSError):
        values = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * (_MEMINFO_DROPS + 1))
        return int(struct.unpack_from("=I", values, 4 * _MEMINFO_DROPS)[0])
    return 0
