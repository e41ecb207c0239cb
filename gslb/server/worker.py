"""A worker: sockets around one Context. It runs in its own process (process.py) or inside control (`workers: 0`).

It needs nothing but a table: no file, no other process, no outgoing connection.
"""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from gslb.context import TCP, Context
from gslb.counters import NAMES
from gslb.responder import respond
from gslb.server.limiting import Limiting
from gslb.server.sockets import Address, Endpoint, open_addresses
from gslb.server.stats import new_stats, note_tick
from gslb.server.tap import Respond, Tap, Wanted
from gslb.server.tcp import IDLE, TcpServer
from gslb.server.udp import UdpReader
from gslb.table.entries import Table
from gslb.table.rows import Rows, zeroed

_LOOPBACK = bytes((127, 0, 0, 1))
TICK = 0.025
_FINISH = 5.0
_DROPS_EVERY = 40  # ticks


class Worker:
    """Answers on its sockets from the table given last. All methods are for the thread of its event loop."""

    def __init__(
        self,
        addresses: Iterable[Address],
        *,
        on_tick: Callable[[], None] | None = None,
        answer: Respond = respond,
        shown: Callable[[Respond], Respond] | None = None,
        share: float = 1.0,
        ring: Path | None = None,
    ) -> None:
        """`on_tick` is called every TICK seconds; `answer` is another `respond`, for tests of the sockets alone.
        `shown` wraps it for what comes from clients.

        `share` is this worker's part of the node's rate limit: workers cannot count together. `ring` is the file for
        what `tap` wants; without one there are no copies.
        """
        self._wanted = tuple(addresses)
        self._on_tick = on_tick
        self._plain = answer
        self._shown = self._answer = shown(answer) if shown else answer
        self._tap = Tap(ring) if ring else None
        self._share = share
        self.sockets: dict[Endpoint, socket.socket] = {}
        self._context: Context | None = None
        self._limiting: Limiting | None = None
        self._readers: list[UdpReader] = []
        self._tcp: TcpServer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._ticks = 0
        self._stats = new_stats()

    @property
    def addresses(self) -> list[Address]:
        """Where it listens: what was asked for, with real numbers in the place of port 0."""
        return [(endpoint.host, endpoint.port) for endpoint in self.sockets if endpoint.transport == "udp"]

    def swap(self, table: Table) -> None:
        """Answer from another table: one assignment, between two queries."""
        if self._context is not None and self._limiting is not None:
            if table.base is not self._context.table.base:
                self._context.rows = zeroed(table.base)
            self._context.table = table
            self._limiting.follow()
            return
        self._context = Context(table, random.Random())
        self._context.rows = zeroed(table.base)
        self._limiting = Limiting(self._context, self._share)
        if self.sockets:
            self._start(self._context)

    def tap(self, wanted: Wanted) -> None:
        """Copy what is wanted of the messages from now on. Where that is nothing, they are answered as ever."""
        if self._tap:
            self._answer = self._tap.around(self._shown, wanted)
            for reader in self._readers:
                reader.respond = self._answer
            if self._tcp:
                self._tcp.respond = self._answer

    def open(self, adopted: Mapping[Endpoint, socket.socket] | None = None) -> None:
        """Open the sockets. `adopted`, also if empty, are those that another worker handed over: then the rest is
        shared with other workers by SO_REUSEPORT; without it the addresses are ours alone.

        Answering begins now, or with the first table. An event loop must be running. Raises StateError; then no
        socket is open.
        """
        self.sockets = open_addresses(self._wanted, adopted or {}, share=adopted is not None)
        if self._context is not None:
            self._start(self._context)

    def _start(self, context: Context) -> None:
        loop = asyncio.get_running_loop()
        self._tcp = tcp = TcpServer(context, self._answer, self._stats)
        context.keepalive = round(IDLE * 10)  # RFC 7828 counts tenths of a second
        for endpoint, sock in self.sockets.items():
            if endpoint.transport == "tcp":
                loop.add_reader(sock, tcp.on_acceptable, sock)
            else:
                reader = UdpReader(sock, context, self._answer, self._stats)
                self._readers.append(reader)
                loop.add_reader(sock, reader.on_readable)
        self._schedule(loop)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + TICK
        self._timer = loop.call_at(self._due, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        note_tick(self._stats, loop.time() - self._due)
        self._ticks += 1
        if self._ticks % _DROPS_EVERY == 0:
            for reader in self._readers:
                reader.count_drops()
        if self._tcp:
            self._tcp.sweep(time.monotonic())
        if self._limiting:
            self._limiting.tell(time.monotonic())
        self._schedule(loop)
        if self._on_tick:
            self._on_tick()

    def ask(self, wire: bytes) -> bytes | None:
        """Answer one query as if it had come by TCP from loopback, without counting it: a proof of life."""
        if self._context is None:
            return None
        aside = Context(self._context.table, random.Random())
        aside.now = time.time()
        return self._plain(aside, wire, _LOOPBACK, TCP)

    @property
    def rows(self) -> Rows:
        """Counters by zone, name, type and site, since the base that is served; see gslb.table.rows."""
        return self._context.rows if self._context else []

    def counters(self) -> list[int]:
        """Values in the order of stats.COUNTER_NAMES."""
        answered = self._context.counters if self._context else [0] * len(NAMES)
        return answered + self._stats

    async def close(self, *, handed_over: bool = False) -> None:
        """Stop listening, let TCP clients finish for a few seconds, and end.

        What waits in the queues is answered first, for it is lost with the sockets; unless another worker has them too.
        """
        loop = asyncio.get_running_loop()
        for sock in self.sockets.values():
            loop.remove_reader(sock)
        if not handed_over:
            self._empty_queues()
        for reader in self._readers:
            reader.count_drops()
            reader.close()
        for sock in self.sockets.values():
            sock.close()
        self.sockets = {}
        self._readers = []
        if self._context and self._tcp:
            self._context.keepalive = 0  # RFC 7828 section 3.3.2: asks clients to close
            await self._tcp.finish(_FINISH)
        if self._timer:
            self._timer.cancel()
        if self._tap:
            self._tap.close()

    def _empty_queues(self) -> None:
        for reader in self._readers:
            reader.drain()
        for endpoint, sock in self.sockets.items():
            if self._tcp and endpoint.transport == "tcp":
                self._tcp.on_acceptable(sock)
