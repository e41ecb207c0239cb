"""DNS over TCP (RFC 7766): messages behind a two-byte length, pipelined, with limits that keep one client from
harming another.

A full house evicts the connection that was idle longest, so a newcomer is always answered.
"""

import asyncio
import errno
import os
import socket
import time
from collections import deque
from contextlib import suppress

from gslb.context import TCP, Context
from gslb.server.stats import (
    TCP6_QUERIES,
    TCP_ACCEPTED,
    TCP_CLOSED_FRAME,
    TCP_CLOSED_IDLE,
    TCP_CLOSED_SLOW,
    TCP_EVICTED,
    TCP_OPEN,
    TCP_SHED,
    note_fault,
)
from gslb.server.tap import Respond

IDLE = 10.0  # seconds without a message, RFC 7766 section 6.2.3
SLOW = 2.0  # seconds for one message to arrive whole
MOST = 256  # connections of a worker
MOST_PER_CLIENT = 64  # of one IPv4 address, or of one IPv6 /64
_LEAST_FRAME = 12  # a DNS header
_TURN = 4  # messages of one connection before others get their turn
_SLICE = 0.002  # seconds for all connections that have more, before sockets are looked at again
_ACCEPTS = 64  # connections taken before others get their turn
_WRITE_BUFFER = 16 << 10  # octets of replies that a slow reader may leave with us before we read no more from it
_READ = 16 << 10  # octets taken from one connection at a time
_SWEEP = 0.02
_LINGER = 0.1  # for a query already under way, when connections are asked to end


class TcpServer:
    """The connections of one worker, from every listening socket."""

    def __init__(self, context: Context, respond: Respond, stats: list[int]) -> None:
        self.context = context
        self.respond = respond
        self.stats = stats
        self.connections: set[Connection] = set()
        self.ending = False
        self.room = memoryview(bytearray(_READ))  # what connections read into, one after another
        self._starting: set[asyncio.Task[object]] = set()
        self._busy: deque[Connection] = deque()
        self._turns: asyncio.Handle | None = None
        self._spare = _open_spare()

    def on_acceptable(self, listener: socket.socket) -> None:
        """Take what waits at a listening socket."""
        loop = asyncio.get_running_loop()
        for _ in range(_ACCEPTS):
            try:
                sock, _ = listener.accept()
            except (
                OSError
            ) as error:  # nothing waits, or a client that has gone already: accept(2) says to treat it alike
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._shed(listener)
                return
            sock.setblocking(False)
            task = loop.create_task(loop.connect_accepted_socket(lambda: Connection(self), sock))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    def _shed(self, listener: socket.socket) -> None:
        """No descriptor is left: refuse one client by means of the spare one, or the listener would spin; make room."""
        if self._spare >= 0:
            os.close(self._spare)
            with suppress(OSError):  # the client has gone
                listener.accept()[0].close()
                self.stats[TCP_SHED] += 1
            self._spare = _open_spare()
        self._evict(self.connections)

    def admit(self, connection: "Connection") -> None:
        """Count a connection in; evict another where the house is full."""
        same = {other for other in self.connections if other.client == connection.client}
        if len(same) >= MOST_PER_CLIENT:
            self._evict(same)
        elif len(self.connections) >= MOST:
            self._evict(self.connections)
        self.connections.add(connection)
        self.stats[TCP_ACCEPTED] += 1
        self.stats[TCP_OPEN] = len(self.connections)

    def _evict(self, among: set["Connection"]) -> None:
        if among:
            longest = min(among, key=lambda connection: connection.active)
            self.leave(longest)  # at once, or newcomers of the same turn would all evict this one
            longest.evict()
            self.stats[TCP_EVICTED] += 1

    def queue(self, connection: "Connection") -> None:
        """Let a connection go on when the others have had their turn."""
        self._busy.append(connection)
        if self._turns is None:
            self._turns = asyncio.get_running_loop().call_soon(self._take_turns)

    def _take_turns(self) -> None:
        self._turns = None
        until = time.monotonic() + _SLICE
        while self._busy and time.monotonic() < until:
            self._busy.popleft().go_on()
        if self._busy and self._turns is None:
            self._turns = asyncio.get_running_loop().call_soon(self._take_turns)

    def leave(self, connection: "Connection") -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        self.stats[TCP_OPEN] = len(self.connections)

    def sweep(self, now: float) -> None:
        """Close what is past its deadline (`now` is monotonic). Called on every tick of the worker."""
        if self._spare < 0 and not self.ending:
            self._spare = _open_spare()
        for connection in tuple(self.connections):
            if now >= connection.deadline:
                connection.expire()

    async def finish(self, grace: float) -> None:
        """Let every client have its replies and close, in at most `grace` seconds. No new connections come."""
        deadline = time.monotonic() + grace
        self.ending = True
        if self._starting:
            await asyncio.wait(self._starting, timeout=grace)
        for connection in tuple(self.connections):
            connection.set_deadline()
        while self.connections and time.monotonic() < deadline:
            await asyncio.sleep(_SWEEP)
            self.sweep(time.monotonic())
        for connection in tuple(self.connections):
            connection.evict()
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1


def _open_spare() -> int:
    try:
        return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


class Connection(asyncio.BufferedProtocol):
    """One client. It may be reading, paused (it does not take its replies) or ended (it sends no more).

    Reading is by small pieces, into one buffer of the server: what a client who never reads can leave with us is
    bounded by them.
    """

    def __init__(self, server: TcpServer) -> None:
        self._server = server
        self._buffer = bytearray()
        self._begun = 0.0  # when the first byte of an unfinished message came
        self._paused = False
        self._ended = False
        self._served = False
        self._queued = False
        self._source = b""
        self.client = b""  # what the limit per client counts by
        self.active = 0.0  # last message, or the beginning
        self.deadline = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the address, and a place among the others."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=_WRITE_BUFFER)
        sock = transport.get_extra_info("socket")
        host = transport.get_extra_info("peername")[0].partition("%")[0]
        self._source = socket.inet_pton(sock.family, host)
        self.client = self._source[:8]
        self.active = time.monotonic()
        self.set_deadline()
        self._server.admit(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read into."""
        return self._server.room

    def buffer_updated(self, nbytes: int) -> None:
        """Answer every message that is whole."""
        if not self._buffer:
            self._begun = time.monotonic()
        self._buffer += self._server.room[:nbytes]
        self._work()

    def eof_received(self) -> bool:
        """A half-closed client still gets its replies (RFC 7766 section 6.2.4)."""
        self._ended = True
        self._work()
        return True

    def pause_writing(self) -> None:
        """The client leaves its replies lying: read no more from it."""
        self._paused = True

    def resume_writing(self) -> None:
        """It takes them again."""
        self._paused = False
        self._work()

    def connection_lost(self, error: Exception | None) -> None:
        """Leave the server's books."""
        self._server.leave(self)
        # asyncio's transport holds a method of its own, a cycle; and a worker collects garbage now and then only
        vars(self._transport).pop("_read_ready_cb", None)

    def go_on(self) -> None:
        """Its turn has come."""
        self._queued = False
        self._work()

    def _work(self) -> None:
        """Answer some messages; go on in another turn where more wait, and read no more until then."""
        if self._transport.is_closing():
            return
        self._server.context.now = time.time()
        handled = 0
        while handled < _TURN and not self._paused and self._answer_one():
            handled += 1
        if handled:
            self.active = self._begun = time.monotonic()
            self._served = True
        if self._transport.is_closing():
            return
        if self._paused or handled == _TURN:
            self._transport.pause_reading()
            if not self._paused and not self._queued:
                self._queued = True
                self._server.queue(self)
        elif self._ended:
            self._transport.close()
        else:
            self._transport.resume_reading()
        self.set_deadline()

    def _answer_one(self) -> bool:
        """Answer the first message of the buffer, if it is whole. Length and reply go out in one write (section 8)."""
        buffer = self._buffer
        if len(buffer) < 2 or self._transport.is_closing():  # the client may be gone since the last reply
            return False
        length = buffer[0] << 8 | buffer[1]
        if length < _LEAST_FRAME:
            self._server.stats[TCP_CLOSED_FRAME] += 1
            self._transport.close()
            return False
        if len(buffer) < 2 + length:
            return False
        wire = bytes(buffer[2 : 2 + length])
        del buffer[: 2 + length]
        reply = self._reply(wire)
        if reply is not None:
            self._transport.write(len(reply).to_bytes(2) + reply)
        return True

    def _reply(self, wire: bytes) -> bytes | None:
        server = self._server
        server.stats[TCP6_QUERIES] += len(self._source) == 16
        try:
            return server.respond(server.context, wire, self._source, TCP)
        except Exception:  # a fault in one answer must not cost the connection
            note_fault(server.stats)
            return None

    def set_deadline(self) -> None:
        """When to close if nothing more is heard."""
        if self._buffer and not self._paused:
            self.deadline = self._begun + SLOW
        elif self._server.ending:
            self.deadline = time.monotonic() + (_LINGER if self._served else SLOW)
        else:
            self.deadline = self.active + IDLE

    def expire(self) -> None:
        """The deadline has passed."""
        if not self._server.ending and not self._transport.is_closing():
            slow = self._buffer and not self._paused
            self._server.stats[TCP_CLOSED_SLOW if slow else TCP_CLOSED_IDLE] += 1
        self.evict()

    def evict(self) -> None:
        """Close now; what the client has not taken by now is lost."""
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()
