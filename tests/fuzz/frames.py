"""TCP framing without sockets: a connection that is fed pieces, and the same framing read in the plainest way."""

import asyncio
import socket
from collections.abc import Iterator

from gslb.context import TCP, Context
from gslb.responder import respond
from gslb.server.stats import new_stats
from gslb.server.tcp import Connection, TcpServer
from tests.fuzz.world import made
from tests.support import SOURCE

_LEAST = 12  # octets of a message, RFC 1035


class Wire(asyncio.Transport):
    """The far end of a connection: keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("203.0.113.7", 53000), "socket": self})
        self.family = socket.AF_INET
        self.written = b""
        self.closed = False
        self.reading = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no limit here."""

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


async def answered(data: bytes, sizes: Iterator[int]) -> bytes:
    """What a connection writes that is fed the data in pieces of these sizes, and then the end."""
    context = made()
    server = TcpServer(context, _answer, new_stats())
    connection, wire = Connection(server), Wire()
    connection.connection_made(wire)
    at = 0
    while at < len(data) and not wire.closed:
        if wire.reading:
            room = connection.get_buffer(-1)
            piece = data[at : at + min(next(sizes), len(room))]
            room[: len(piece)] = piece
            connection.buffer_updated(len(piece))
            at += len(piece)
        else:
            await asyncio.sleep(0)
    connection.eof_received()
    while not wire.closed:
        await asyncio.sleep(0)
    connection.connection_lost(None)
    assert not server.connections
    await server.finish(0.0)
    return wire.written


def _answer(context: Context, wire: bytes, source: bytes, transport: int) -> bytes | None:
    context.now = 0.0  # cookies tell the time
    return respond(context, wire, source, transport)


def expected(data: bytes) -> bytes:
    """The replies to all whole frames up to the first that is too short."""
    context = made()
    out = b""
    at = 0
    while at + 2 <= len(data):
        length = int.from_bytes(data[at : at + 2])
        wire = data[at + 2 : at + 2 + length]
        if length < _LEAST or len(wire) < length:
            break
        reply = _answer(context, wire, SOURCE, TCP)
        if reply is not None:
            out += len(reply).to_bytes(2) + reply
        at += 2 + length
    return out
