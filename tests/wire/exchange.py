"""Sockets: how a stimulus reaches a server and what comes back, over each of four ways."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from gslb.server.worker import Worker
from gslb.table.entries import Table
from tests.wire.message import Reply, UnlikeError, query, require

WAYS = ("udp4", "tcp4", "udp6", "tcp6")
SENTINEL = 0x5E17  # id of a good query that follows what deserves silence
_HOSTS = {"4": "127.0.0.1", "6": "::1"}


class Server(NamedTuple):
    """Where a server listens, by address family ("4", "6"), and whether it is ours."""

    name: str
    ports: dict[str, int]

    @property
    def ours(self) -> bool:
        """Whether what RFCs leave open is asserted too."""
        return self.name == "gslb"

    @property
    def patience(self) -> float:
        """Seconds to wait for a reply. A peer that drops a query must not cost minutes."""
        return 3.0 if self.ours else 0.7

    def address(self, family: str) -> tuple[str, int]:
        """Host and port."""
        return _HOSTS[family], self.ports[family]


class Channel:
    """One client of a server, over one way. A TCP connection is kept until the server closes it."""

    def __init__(self, server: Server, way: str) -> None:
        self.server = server
        self.udp = way.startswith("udp")
        self.family = way[-1]
        self._sock: socket.socket | None = None

    def open(self) -> socket.socket:
        """A socket of its own, connected to the server."""
        sock = socket.socket(
            socket.AF_INET6 if self.family == "6" else socket.AF_INET,
            socket.SOCK_DGRAM if self.udp else socket.SOCK_STREAM,
        )
        sock.settimeout(self.server.patience)
        sock.connect(self.server.address(self.family))
        return sock

    @property
    def source(self) -> bytes:
        """The packed address that the server sees."""
        return socket.inet_pton(
            socket.AF_INET6 if self.family == "6" else socket.AF_INET, self.server.address(self.family)[0]
        )

    def ask(self, stimulus: bytes, label: str) -> Reply:
        """Send one message and read the reply to it. No reply, or a closed connection, is UnlikeError."""
        return Reply(self.exchange(stimulus, label), stimulus, label, ours=self.server.ours)

    def exchange(self, stimulus: bytes, label: str) -> bytes:
        """The same, for a reply that dnspython cannot read."""
        try:
            self._send(stimulus)
            while True:
                wire = self._receive()
                if wire[:2] == stimulus[:2]:
                    return wire
        except TimeoutError as error:
            raise UnlikeError(f"{label}: no reply") from error
        except (ConnectionError, EOFError) as error:
            raise UnlikeError(f"{label}: closed the connection") from error
        finally:
            self._refresh()

    def silent(self, stimulus: bytes, label: str) -> None:
        """Send what deserves no reply, and prove by a good query behind it that the server is alive and has read it."""
        self._send(stimulus)
        try:
            self._send(query("www", ident=SENTINEL))
            wire = self._receive()
        except (ConnectionError, EOFError):  # silence too
            self.close()
            return
        except TimeoutError as error:
            raise UnlikeError(f"{label}: not even a good query behind it was answered") from error
        require(wire[:2] == SENTINEL.to_bytes(2, "big"), f"{label}: replied")

    def alive(self, label: str) -> None:
        """Over TCP: the connection that was used last still answers."""
        require(self._sock is not None, f"{label}: closed the connection")
        self.ask(query("www", ident=SENTINEL), label)

    def _send(self, stimulus: bytes) -> None:
        if self._sock is None:
            self._sock = self.open()
        self._sock.sendall(stimulus if self.udp else struct.pack("!H", len(stimulus)) + stimulus)

    def _receive(self) -> bytes:
        assert self._sock is not None
        if self.udp:
            return self._sock.recv(65535)
        return read_frame(self._sock)

    def _refresh(self) -> None:
        """Forget a connection that the server has closed, and a UDP socket to which a late reply might come."""
        if self._sock is not None and (self.udp or is_closed(self._sock)):
            self.close()

    def close(self) -> None:
        """End the connection."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def read_exactly(sock: socket.socket, count: int) -> bytes:
    """So many octets. EOFError if the peer closes before."""
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def read_frame(sock: socket.socket) -> bytes:
    """One message from a TCP connection."""
    (length,) = struct.unpack("!H", read_exactly(sock, 2))
    return read_exactly(sock, length)


def is_closed(sock: socket.socket) -> bool:
    """Whether the peer has closed; looks, and does not wait."""
    timeout = sock.gettimeout()
    sock.setblocking(False)
    try:
        return not sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    finally:
        sock.settimeout(timeout)


class Running:
    """A Worker in a thread with an event loop of its own."""

    def __init__(self, table: Table, hosts: Sequence[str]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.worker = Worker([(host, 0) for host in hosts])
        self.call(self.worker.open)
        self.call(lambda: self.worker.swap(table))
        self.server = Server("gslb", {"6" if ":" in host else "4": port for host, port in self.worker.addresses})

    def call(self, function: Callable[[], object]) -> None:
        """Run a function in the worker's thread."""

        async def run() -> None:
            function()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def begin_close(self) -> "asyncio.Future[None]":
        """Ask the worker to end; the result is there when its clients have gone."""
        return asyncio.run_coroutine_threadsafe(self.worker.close(), self._loop)  # type: ignore[return-value]

    def stop(self) -> None:
        """End the worker and its thread."""
        self.begin_close().result(10)  # type: ignore[call-arg]
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextlib.contextmanager
def running(table: Table, hosts: Sequence[str] = ("127.0.0.1", "::1")) -> Iterator[Running]:
    """A worker on loopback, ports chosen by the system, until the block ends."""
    run = Running(table, hosts)
    try:
        yield run
    finally:
        run.stop()
