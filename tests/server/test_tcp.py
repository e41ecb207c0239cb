"""Real connections against the real `respond`; deadlines are moved, not slept through."""

import asyncio
import gc
import os
import random
import resource
import socket
import struct
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import dns.message
import pytest

from gslb.context import Context
from gslb.responder import respond
from gslb.server import stats as count
from gslb.server import tcp
from gslb.server.sockets import Endpoint, open_endpoint
from gslb.server.tap import Respond
from gslb.server.tcp import TcpServer
from tests.support import config, query, table

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def framed(wire: bytes) -> bytes:
    return struct.pack("!H", len(wire)) + wire


def numbered(ident: int) -> bytes:
    return struct.pack("!H", ident) + query("www")[2:]


async def read_reply(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("!H", await asyncio.wait_for(reader.readexactly(2), 3))
    return await asyncio.wait_for(reader.readexactly(length), 3)


class House:
    """A server on a loopback port, with clients."""

    def __init__(self, answer: Respond, host: str) -> None:
        self.stats = count.new_stats()
        self.server = TcpServer(Context(table(config()), random.Random(1)), answer, self.stats)
        self.listener = open_endpoint(Endpoint("tcp", host, 0), share=False)
        self.address = self.listener.getsockname()[:2]
        self.clients: list[Client] = []
        asyncio.get_running_loop().add_reader(self.listener, self.server.on_acceptable, self.listener)

    async def connect(self, from_host: str = "", **options: int) -> Client:
        local = (from_host, 0) if from_host else None
        self.clients.append(await asyncio.open_connection(*self.address, local_addr=local, **options))
        return self.clients[-1]

    async def settle(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(3):
            while not condition():
                await asyncio.sleep(0.002)

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.listener)
        self.listener.close()
        await self.server.finish(0.0)
        for _, writer in self.clients:
            writer.close()
        await asyncio.sleep(0.01)


@pytest.fixture
async def open_house() -> AsyncIterator[Callable[..., Awaitable[House]]]:
    made: list[House] = []

    async def make(answer: Respond = respond, host: str = "127.0.0.1") -> House:
        made.append(House(answer, host))
        return made[-1]

    yield make
    for house in made:
        await house.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_one_query(open_house, host: str) -> None:
    seen = []

    def watch(context: Context, wire: bytes, source: bytes, transport: int) -> bytes | None:
        seen.append((source, transport))
        return respond(context, wire, source, transport)

    house = await open_house(watch, host)
    reader, writer = await house.connect()
    writer.write(framed(query("www")))
    assert dns.message.from_wire(await read_reply(reader)).answer
    assert seen == [(socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host), 1)]


async def test_many_in_one_write_and_one_in_many_writes(open_house) -> None:
    house = await open_house()
    reader, writer = await house.connect()
    writer.write(b"".join(framed(numbered(ident)) for ident in range(500)))  # over several turns
    assert [(await read_reply(reader))[:2] for _ in range(500)] == [struct.pack("!H", i) for i in range(500)]
    for byte in framed(numbered(7)):
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(0)
    assert (await read_reply(reader))[:2] == b"\0\7"


async def test_length_and_message_leave_in_one_write(open_house, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await open_house()
    reader, writer = await house.connect()
    await house.settle(lambda: house.server.connections)
    (connection,) = house.server.connections
    written = []
    write = connection._transport.write
    monkeypatch.setattr(connection._transport, "write", lambda data: (written.append(data), write(data)))
    writer.write(framed(numbered(1)) + framed(numbered(2)))
    replies = [framed(await read_reply(reader)) for _ in range(2)]
    assert written == replies


async def test_a_half_closed_client_gets_its_replies(open_house) -> None:
    house = await open_house()
    reader, writer = await house.connect()
    writer.write(b"".join(framed(numbered(ident)) for ident in range(150)))
    writer.write_eof()
    for _ in range(150):
        await read_reply(reader)
    assert await reader.read() == b""
    await house.settle(lambda: not house.server.connections)
    assert house.stats[count.TCP_OPEN] == 0


@pytest.mark.parametrize("frame", [b"\0\0", b"\0\x0b" + bytes(11)])
async def test_a_frame_too_short_ends_its_connection_and_no_other(open_house, frame: bytes) -> None:
    house = await open_house()
    reader, writer = await house.connect()
    other_reader, other_writer = await house.connect()
    writer.write(framed(numbered(1)) + frame + framed(numbered(2)))
    assert (await read_reply(reader))[:2] == b"\0\1"
    assert await reader.read() == b""
    other_writer.write(framed(query("www")))
    await read_reply(other_reader)
    assert house.stats[count.TCP_CLOSED_FRAME] == 1


async def test_no_reply_and_a_fault_keep_the_connection(open_house) -> None:
    def answer(context: Context, wire: bytes, source: bytes, transport: int) -> bytes | None:
        if wire.startswith(b"fault"):
            raise RuntimeError("a fault of ours")
        return None if wire.startswith(b"drop") else wire

    house = await open_house(answer)
    reader, writer = await house.connect()
    writer.write(b"".join(framed(wire.ljust(12)) for wire in (b"fault", b"drop", b"yes")))
    assert await read_reply(reader) == b"yes".ljust(12)
    assert house.stats[count.RESPOND_ERRORS] == 1


async def test_idle_and_slow_connections_end(open_house) -> None:
    house = await open_house()
    clients = [await house.connect() for _ in range(4)]
    _served, slow, dripping, silent = clients
    clients[0][1].write(framed(query("www")))
    await read_reply(clients[0][0])
    slow[1].write(b"\0")
    dripping[1].write(framed(query("www"))[:5])
    await house.settle(lambda: sum(bool(c._buffer) for c in house.server.connections) == 2)
    now = time.monotonic()
    dripping[1].write(b"x")  # a drop of it does not buy more time
    await house.settle(lambda: any(len(c._buffer) == 6 for c in house.server.connections))
    house.server.sweep(now + tcp.SLOW - 0.1)
    assert len(house.server.connections) == 4
    house.server.sweep(now + tcp.SLOW + 0.1)
    for reader, _ in (slow, dripping):
        assert await asyncio.wait_for(reader.read(), 1) == b""
    assert house.stats[count.TCP_CLOSED_SLOW] == 2
    house.server.sweep(now + tcp.IDLE - 0.1)
    assert len(house.server.connections) == 2
    house.server.sweep(now + tcp.IDLE + 0.1)
    assert await asyncio.wait_for(silent[0].read(), 1) == b""
    assert house.stats[count.TCP_CLOSED_IDLE] == 2


async def test_every_message_buys_more_time(open_house) -> None:
    house = await open_house()
    reader, writer = await house.connect()
    await house.settle(lambda: house.server.connections)
    (connection,) = house.server.connections
    first = connection.deadline
    await asyncio.sleep(0.01)
    writer.write(framed(query("www")))
    await read_reply(reader)
    assert connection.deadline > first


async def test_who_does_not_take_replies_is_read_no_further(open_house) -> None:
    house = await open_house(lambda context, wire, source, transport: bytes(60000))
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, house.address)
    await loop.sock_sendall(raw, framed(query("www")) * 300)
    await house.settle(lambda: any(c._paused for c in house.server.connections))
    (connection,) = house.server.connections
    assert connection._transport.get_write_buffer_size() < 200_000
    taken = 0
    while taken < 300 * 60002:
        taken += len(await asyncio.wait_for(loop.sock_recv(raw, 1 << 20), 3))
    assert taken == 300 * 60002
    assert not connection._paused
    await loop.sock_sendall(raw, framed(query("www")) * 300)
    await house.settle(lambda: connection._paused)
    house.server.sweep(connection.deadline)
    await house.settle(lambda: not house.server.connections)
    assert house.stats[count.TCP_CLOSED_IDLE] == 1
    raw.close()


async def test_one_client_cannot_fill_the_house(open_house, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "MOST_PER_CLIENT", 3)
    house = await open_house()
    other = await house.connect("127.0.0.9")
    clients = [await house.connect() for _ in range(3)]
    await house.settle(lambda: len(house.server.connections) == 4)
    reader, writer = await house.connect()
    writer.write(framed(query("www")))
    await read_reply(reader)
    assert await asyncio.wait_for(clients[0][0].read(), 1) == b""  # its own that was idle longest
    other[1].write(framed(query("www")))
    await read_reply(other[0])
    assert house.stats[count.TCP_EVICTED] == 1


async def test_a_full_house_answers_a_newcomer(open_house, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "MOST", 8)
    house = await open_house()
    clients = [await house.connect(f"127.0.0.{last}") for last in range(2, 10)]
    await house.settle(lambda: len(house.server.connections) == 8)
    clients[0][1].write(framed(query("www")))  # so the second is idle longest
    await read_reply(clients[0][0])
    begun = time.monotonic()
    reader, writer = await house.connect()
    writer.write(framed(query("www")))
    await read_reply(reader)
    assert time.monotonic() - begun < 0.1
    assert await asyncio.wait_for(clients[1][0].read(), 1) == b""
    assert len(house.server.connections) == 8


async def test_without_descriptors_it_refuses_rather_than_spins(open_house) -> None:
    house = await open_house()
    first = await house.connect()
    await house.settle(lambda: house.server.connections)
    waiting = [socket.socket() for _ in range(2)]
    used = len(list(Path("/proc/self/fd").iterdir()))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fillers = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 8, hard))
        with suppress(OSError):
            while True:
                fillers.append(os.dup(0))
        waiting[0].connect(house.address)
        waiting[0].settimeout(2)
        await house.settle(lambda: house.stats[count.TCP_SHED])
        assert waiting[0].recv(1) == b""
        assert await asyncio.wait_for(first[0].read(), 1) == b""  # it made room for the next
        waiting[1].connect(house.address)
        waiting[1].send(framed(query("www")))
        waiting[1].settimeout(2)
        assert await asyncio.to_thread(waiting[1].recv, 999)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in fillers:
            os.close(fd)
        for sock in waiting:
            sock.close()


async def test_the_spare_descriptor_comes_back(open_house, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await open_house()
    with monkeypatch.context() as patch:

        def refuse(*_: object) -> int:
            raise OSError(24, "Too many open files")

        patch.setattr(os, "open", refuse)
        house.server._shed(house.listener)
        assert house.server._spare == -1
        house.server._shed(house.listener)  # nothing to give up; nobody to evict
    assert house.stats[count.TCP_SHED] == 0
    house.server.sweep(time.monotonic())
    assert house.server._spare >= 0


async def test_the_end_waits_for_replies_but_not_for_the_idle(open_house) -> None:
    house = await open_house()
    idle = await house.connect()
    idle[1].write(framed(query("www")))
    await read_reply(idle[0])
    late = await house.connect()
    late[1].write(framed(query("www"))[:5])
    await house.settle(lambda: len(house.server.connections) == 2)
    ending = asyncio.create_task(house.server.finish(5.0))
    assert await asyncio.wait_for(idle[0].read(), 1) == b""
    late[1].write(framed(query("www"))[5:])
    await read_reply(late[0])
    assert await asyncio.wait_for(late[0].read(), 1) == b""
    await asyncio.wait_for(ending, 1)
    assert house.stats[count.TCP_CLOSED_IDLE] == 0


async def test_the_end_does_not_wait_for_ever(open_house) -> None:
    house = await open_house(lambda context, wire, source, transport: bytes(60000))
    _, writer = await house.connect()
    writer.write(framed(query("www")) * 500)
    writer.transport.pause_reading()
    await house.settle(lambda: any(c._paused for c in house.server.connections))
    await asyncio.wait_for(house.server.finish(0.1), 1)
    await house.settle(lambda: not house.server.connections)


async def test_a_connection_that_is_gone_leaves_no_garbage(open_house) -> None:
    house = await open_house()
    gc.collect()
    gc.disable()  # as in a worker process
    try:
        reader, writer = await house.connect()
        writer.write(framed(query("www")))
        await read_reply(reader)
        transports = [weakref.ref(connection._transport) for connection in house.server.connections]
        writer.close()
        await house.settle(lambda: not house.server.connections)
        await house.settle(lambda: not any(transport() for transport in transports))
    finally:
        gc.enable()


async def test_replies_to_one_who_is_gone_are_not_tried(open_house, caplog: pytest.LogCaptureFixture) -> None:
    house = await open_house()
    raw = socket.create_connection(house.address)
    await house.settle(lambda: house.server.connections)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.send(framed(query("www")) * 400)
    raw.close()  # resets the connection
    await house.settle(lambda: not house.server.connections)
    assert "socket.send() raised" not in caplog.text
