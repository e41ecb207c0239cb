"""The worker in-process: sockets, swaps, proof of life, and its end."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import dns.edns
import dns.message
import pytest

from gslb.context import TCP, UDP, Context
from gslb.errors import StateError
from gslb.server import worker as module
from gslb.server.sockets import endpoints, open_endpoint
from gslb.server.stats import named
from gslb.server.tap import RESPONSE, RingReader, Wanted
from gslb.server.worker import TICK, Worker
from tests.server.stand_in import OSAKA, TOKYO, numbered, with_down
from tests.support import addresses, query


async def over_udp(worker: Worker, wire: bytes, at: int = 0) -> dns.message.Message:
    host, port = worker.addresses[at]
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect((host, port))
        await loop.sock_sendall(sock, wire)
        return dns.message.from_wire(await asyncio.wait_for(loop.sock_recv(sock, 4096), 2))


async def over_tcp(worker: Worker, wire: bytes, at: int = 0) -> dns.message.Message:
    reader, writer = await asyncio.open_connection(*worker.addresses[at])
    writer.write(struct.pack("!H", len(wire)) + wire)
    (length,) = struct.unpack("!H", await asyncio.wait_for(reader.readexactly(2), 2))
    reply = await asyncio.wait_for(reader.readexactly(length), 2)
    writer.close()
    await writer.wait_closed()
    return dns.message.from_wire(reply)


@pytest.fixture
async def make_worker() -> AsyncIterator[Callable[..., Worker]]:
    made: list[Worker] = []

    def make(*hosts: str, **options: object) -> Worker:
        made.append(Worker([(host, 0) for host in hosts or ("127.0.0.1",)], **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for worker in made:
        await worker.close()


async def test_it_answers_over_both_transports_and_families(make_worker) -> None:
    worker = make_worker("127.0.0.1", "::1")
    worker.open()
    worker.swap(numbered(1))
    for at in range(2):
        for ask in (over_udp, over_tcp):
            reply = await ask(worker, query("which", "TXT"), at)
            assert reply.answer[0][0].to_text() == '"1"'
    counters = named(worker.counters())
    assert (counters["udp_queries"], counters["tcp_queries"], counters["tcp_accepted"]) == (2, 2, 2)


async def test_the_table_may_come_first(make_worker) -> None:
    worker = make_worker()
    worker.swap(numbered(1))
    worker.open()
    assert (await over_udp(worker, query("which", "TXT"))).answer


async def test_a_swap_is_seen_by_the_next_query(make_worker) -> None:
    worker = make_worker()
    worker.open()
    made = numbered(1)
    worker.swap(made)
    worker.swap(type(made)(made.base, with_down(made, 1, TOKYO)))
    assert {a for _ in range(20) for a in addresses(await over_udp(worker, query("www")))} == {OSAKA}
    assert {a for _ in range(20) for a in addresses(await over_tcp(worker, query("www")))} == {OSAKA}


async def test_an_address_in_use_is_refused_and_nothing_stays_open(make_worker) -> None:
    first = make_worker()
    first.open()
    second = Worker([("127.0.0.1", 0), *first.addresses])
    with pytest.raises(StateError, match="in use by process"):
        second.open()
    assert second.addresses == []
    assert second.counters() == first.counters()


async def test_proof_of_life_counts_nothing(make_worker) -> None:
    worker = make_worker()
    assert worker.ask(query("www")) is None
    worker.swap(numbered(1))
    reply = worker.ask(query("www"))
    assert reply is not None
    assert addresses(dns.message.from_wire(reply))
    assert not any(worker.counters())


async def test_copies_begin_and_end_while_it_answers(make_worker, tmp_path: Path) -> None:
    worker = make_worker(ring=tmp_path / "tap-0.ring")
    worker.tap(Wanted(responses=True))  # may be told before it has a table
    worker.open()
    worker.swap(numbered(1))
    udp, tcp = [(await ask(worker, query("which", "TXT"))).to_wire() for ask in (over_udp, over_tcp)]
    assert worker.ask(query("www")) is not None  # a proof of life is no query
    reader = RingReader(tmp_path / "tap-0.ring")
    found = [(copy.kind, copy.transport, copy.source, copy.message) for copy in reader.take(10)]
    assert [(kind, transport, source) for kind, transport, source, _ in found] == [
        (RESPONSE, UDP, bytes((127, 0, 0, 1))),
        (RESPONSE, TCP, bytes((127, 0, 0, 1))),
    ]
    assert [dns.message.from_wire(wire).to_wire() for *_, wire in found] == [udp, tcp]
    worker.tap(Wanted())
    await over_udp(worker, query("www"))
    assert reader.take(10) == []
    assert not (tmp_path / "tap-0.ring").exists()
    worker.tap(Wanted(queries=True))
    await worker.close()
    assert [*tmp_path.iterdir()] == []
    reader.close()


async def test_clients_that_ask_are_told_how_long_a_connection_lasts(make_worker) -> None:
    worker = make_worker()
    worker.swap(numbered(1))
    worker.open()
    keepalive = dns.edns.GenericOption(11, b"")
    reply = await over_tcp(worker, query("www", options=[keepalive]))
    assert [option.to_wire() for option in reply.options if option.otype == 11] == [(100).to_bytes(2)]


async def test_ticks_measure_lag_and_drops(make_worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DROPS_EVERY", 1)
    ticks: list[int] = []
    worker = make_worker(on_tick=lambda: ticks.append(1))
    worker.open()
    worker.swap(numbered(1))
    sock = next(iter(worker.sockets.values()))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect(worker.addresses[0])
        for _ in range(100):
            client.send(bytes(1000))
    async with asyncio.timeout(2):
        while len(ticks) < 3:
            await asyncio.sleep(TICK)
    counters = named(worker.counters())
    assert counters["udp_kernel_drops"] > 0
    assert counters["loop_lag_max_us"] < 1_000_000


async def test_what_waits_at_the_end_is_answered(make_worker) -> None:
    worker = make_worker()
    worker.open()
    worker.swap(numbered(1))
    clients = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(50)]
    late = socket.create_connection(worker.addresses[0])
    for client in clients:
        client.connect(worker.addresses[0])
        client.send(query("www"))
    wire = query("www")
    late.send(struct.pack("!H", len(wire)) + wire)
    await worker.close()  # the loop had no chance to read before
    for sock in (*clients, late):
        sock.settimeout(1)
        assert sock.recv(999)
        sock.close()


async def test_a_handed_over_queue_is_left_to_its_heir(make_worker, free_port) -> None:
    address = ("127.0.0.1", free_port())
    places = {place: open_endpoint(place, share=True) for place in endpoints([address])}
    heirs = {place: sock.dup() for place, sock in places.items()}
    for sock in heirs.values():
        sock.setblocking(False)
    old, new = Worker([address]), Worker([address])
    old.swap(numbered(1))
    new.swap(numbered(2))
    old.open(places)
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.connect(address)
        client.send(query("which", "TXT"))
        await old.close(handed_over=True)
        new.open(heirs)
        reply = dns.message.from_wire(await asyncio.to_thread(client.recv, 999))
    assert reply.answer[0][0].to_text() == '"2"'
    assert (await over_tcp(new, query("which", "TXT"))).answer[0][0].to_text() == '"2"'
    await new.close()


async def test_another_respond_can_be_put_in(make_worker) -> None:
    def echo(context: Context, wire: bytes, source: bytes, transport: int) -> bytes | None:
        return wire

    worker = make_worker(answer=echo)
    worker.open()
    worker.swap(numbered(1))
    assert (await over_udp(worker, query("www"))).answer == []
