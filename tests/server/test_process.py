"""A worker process: its conversation in-process, its imports and signals as a real process."""

import asyncio
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import dns.message
import pytest

from gslb.errors import SnapshotError
from gslb.server import channel, pages, process
from gslb.server.channel import Channel, Message, received_sockets, socket_messages
from gslb.server.pages import Pages
from gslb.server.process import WorkerProcess
from gslb.server.publish import SharedPublisher
from gslb.server.sockets import Endpoint, endpoints, open_endpoint
from gslb.server.state import StateFolder
from gslb.server.tap import RingReader, Wanted
from tests.conftest import ENVIRONMENT
from tests.server.stand_in import OSAKA, TOKYO, numbered, with_down
from tests.support import addresses, query

FORBIDDEN = ("aiohttp", "pydantic", "yaml", "maxminddb", "dns", "dnslib", "rich", "click")


class Desk:
    """The supervisor's side of one worker, and the publisher's."""

    def __init__(self, state: Path, port: int) -> None:
        self.state = StateFolder(state)
        self.publisher = SharedPublisher(self.state)
        self.pages = Pages(self.state.pages_path)
        self.page = self.pages.slots[3]
        self.address = ("127.0.0.1", port)
        self.link, self.theirs = Channel.pair()
        self.task: asyncio.Task[int] | None = None
        self.publish(1)

    def publish(self, number: int) -> int:
        made = numbered(number)
        return self.publisher.publish_base(made.base, made.leaves)

    def start(self) -> asyncio.Task[int]:
        worker = WorkerProcess(self.state, 3, Channel(self.theirs), [self.address])
        self.task = asyncio.create_task(worker.run())
        return self.task

    async def hear(self) -> Message:
        async with asyncio.timeout(3):
            while not (messages := self.link.receive()):
                await asyncio.sleep(0.002)
        assert len(messages) == 1
        return messages[0]

    async def serve(self) -> asyncio.Task[int]:
        task = self.start()
        assert await self.hear() == Message(channel.LOADED)
        self.link.send(Message(channel.OPEN))
        assert await self.hear() == Message(channel.SERVING)
        return task

    async def ask(self, name: str, rtype: str = "A") -> dns.message.Message:
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(self.address)
            await loop.sock_sendall(sock, query(name, rtype))
            return dns.message.from_wire(await asyncio.wait_for(loop.sock_recv(sock, 4096), 2))

    def close(self) -> None:
        self.link.close()
        self.theirs.close()
        self.pages.close()
        self.publisher.close()


@pytest.fixture
async def desk(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Desk]:
    made = Desk(tmp_path / "state", free_port())
    yield made
    if made.task and not made.task.done():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(made.task, 3)
    made.close()
    gc.unfreeze()


async def test_it_loads_waits_opens_and_serves(desk: Desk) -> None:
    desk.start()
    assert await desk.hear() == Message(channel.LOADED)
    assert (desk.page.state, desk.page.process.pid) == (pages.LOADING, os.getpid())
    with pytest.raises(OSError, match="refused"):
        await desk.ask("www")  # not before it is told to
    desk.link.send(Message(channel.OPEN))
    assert await desk.hear() == Message(channel.SERVING)
    assert (desk.page.state, desk.page.base_generation, desk.page.leaves_generation) == (pages.SERVING, 1, 1)
    assert (await desk.ask("which", "TXT")).answer[0][0].to_text() == '"1"'
    first = desk.page.heartbeat
    await asyncio.sleep(0.06)
    assert desk.page.heartbeat > first
    assert desk.publisher.totals()["udp_sent"] == 1
    assert desk.publisher.tallied().zones == {("gslb.example.com.", "TXT"): 1}


async def test_it_follows_the_leaves_of_its_base_only(desk: Desk) -> None:
    await desk.serve()
    generation = desk.publisher.publish_leaves(with_down(numbered(1), 1, TOKYO))
    assert await desk.publisher.wait_acknowledged(generation, 1.0)
    assert {a for _ in range(20) for a in addresses(await desk.ask("www"))} == {OSAKA}
    generation = desk.publish(2)
    assert not await desk.publisher.wait_acknowledged(generation, 0.1)
    assert (await desk.ask("which", "TXT")).answer[0][0].to_text() == '"1"'


async def test_leaves_published_before_it_serves_are_not_missed(desk: Desk) -> None:
    desk.start()
    assert await desk.hear() == Message(channel.LOADED)
    generation = desk.publisher.publish_leaves(with_down(numbered(1), 1, TOKYO))
    desk.link.send(Message(channel.OPEN))
    assert await desk.hear() == Message(channel.SERVING)
    assert desk.page.leaves_generation == generation
    assert {a for _ in range(20) for a in addresses(await desk.ask("www"))} == {OSAKA}


async def test_leaves_that_cannot_be_read_change_nothing_and_are_tried_again(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_TRY_AGAIN", 0.05)
    await desk.serve()
    path = desk.state.path / "leaves-1.snap"
    good = path.read_bytes()
    path.write_bytes(b"rubbish")
    desk.pages.control.leaves_generation = 2
    with caplog.at_level(logging.WARNING):
        await asyncio.sleep(0.2)
    assert "serving the leaves of generation 1 on" in caplog.text
    assert 2 <= len(caplog.records) <= 5
    assert (await desk.ask("www")).answer
    path.write_bytes(good)
    generation = desk.publisher.publish_leaves(with_down(numbered(1), 1, TOKYO))
    assert await desk.publisher.wait_acknowledged(generation, 1.0)


async def test_changes_that_cannot_be_read_are_tried_again_from_where_they_can(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_TRY_AGAIN", 0.05)
    await desk.serve()
    with monkeypatch.context() as patch:
        patch.setattr(desk.publisher, "_announce", lambda _: None)
        desk.publisher._writer._current._room = 1 << 20  # a change of so small a table is as large as the whole
        desk.publisher.publish_leaves(with_down(numbered(1), 1, TOKYO))
        desk.publisher.publish_leaves(with_down(numbered(1), 1))
    path = desk.state.path / "change-1-2.snap"
    good = path.read_bytes()
    path.write_bytes(b"rubbish")
    with caplog.at_level(logging.WARNING):
        desk.pages.control.leaves_generation = 3
        assert not await desk.publisher.wait_acknowledged(3, 0.2)
    assert "serving the leaves of generation 2 on" in caplog.text
    assert {a for _ in range(20) for a in addresses(await desk.ask("www"))} == {OSAKA}
    path.write_bytes(good)
    assert await desk.publisher.wait_acknowledged(3, 1.0)


async def test_it_copies_what_the_publisher_wants(desk: Desk) -> None:
    desk.publisher.tap(Wanted(queries=True))
    await desk.serve()
    await desk.ask("www")
    reader = RingReader(desk.state.ring_path(3))
    assert [copy.message[12:16] for copy in reader.take(10)] == [b"\x03www"]
    desk.publisher.tap(Wanted())
    async with asyncio.timeout(2):
        while desk.state.ring_path(3).exists():
            await asyncio.sleep(0.005)
    reader.close()


async def test_it_proves_that_it_lives(desk: Desk) -> None:
    await desk.serve()
    desk.link.send(Message(channel.QUERY, query("www")))
    reply = await desk.hear()
    assert reply.kind == channel.REPLY
    assert addresses(dns.message.from_wire(reply.body))


async def test_it_takes_sockets_over_and_hands_them_over(desk: Desk) -> None:
    places = {place: open_endpoint(place, share=True) for place in endpoints([desk.address])}
    inodes = {os.fstat(sock.fileno()).st_ino for sock in places.values()}
    desk.start()
    await desk.hear()
    for message in socket_messages(places):
        desk.link.send(message)
    for sock in places.values():
        sock.close()
    desk.link.send(Message(channel.HANDED))
    assert await desk.hear() == Message(channel.SERVING)
    assert (await desk.ask("www")).answer
    desk.link.send(Message(channel.HAND_OVER))
    async with asyncio.timeout(3):
        messages: list[Message] = []
        while len(messages) < 2:
            messages += desk.link.receive() or []
            await asyncio.sleep(0.002)
    assert [message.kind for message in messages] == [channel.SOCKETS, channel.HANDED]
    received = received_sockets(messages[0])
    assert {os.fstat(sock.fileno()).st_ino for sock in received.values()} == inodes
    desk.link.send(Message(channel.RETIRE))
    assert desk.task is not None
    assert await asyncio.wait_for(desk.task, 3) == 0
    assert desk.page.state == pages.RETIRING
    client = socket.create_connection(desk.address)  # the heir's copy still listens
    client.close()
    for sock in received.values():
        sock.close()


async def test_an_orphan_that_serves_goes_on(desk: Desk) -> None:
    await desk.serve()
    desk.link.close()
    await asyncio.sleep(0.05)
    assert (await desk.ask("www")).answer
    generation = desk.publisher.publish_leaves(with_down(numbered(1), 1, TOKYO))
    assert await desk.publisher.wait_acknowledged(generation, 1.0)  # control lives, and is followed


async def test_an_orphan_that_does_not_serve_yet_ends(desk: Desk) -> None:
    task = desk.start()
    await desk.hear()
    desk.link.close()
    assert await asyncio.wait_for(task, 3) == 0


async def test_an_address_in_use_ends_it(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with open_endpoint(Endpoint("udp", *desk.address), share=False):
        task = desk.start()
        await desk.hear()
        desk.link.send(Message(channel.OPEN))
        assert await asyncio.wait_for(task, 3) == 1
    assert f"127.0.0.1:{desk.address[1]} (UDP) is in use" in caplog.text


async def test_garbage_is_collected_now_and_then(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_COLLECT_EVERY", 0.0)
    collected = []
    monkeypatch.setattr(gc, "collect", lambda *_: collected.append(1))
    await desk.serve()
    await asyncio.sleep(0.06)
    assert collected


async def test_without_a_table_it_does_not_start(desk: Desk) -> None:
    (desk.state.path / "base-1.snap").unlink()
    with pytest.raises(SnapshotError, match="no table"):
        WorkerProcess(desk.state, 3, Channel(desk.theirs), [desk.address])


# As a real process


@pytest.fixture
def real(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    desk = Desk(tmp_path / "state", free_port())
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        fd = desk.theirs.fileno()
        argv = [sys.executable, "-m", "gslb.server.process", str(desk.state.path), "3", str(fd), "127.0.0.1"]
        started.append(subprocess.Popen([*argv, str(desk.address[1])], pass_fds=[fd], env=ENVIRONMENT))
        started[-1].desk = desk  # type: ignore[attr-defined]
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()
    desk.close()


def test_interrupt_and_hang_up_are_ignored_and_sigterm_ends_it(real, eventually) -> None:
    worker = real()
    desk = worker.desk
    eventually(desk.link.receive)
    desk.link.send(Message(channel.OPEN))
    eventually(desk.link.receive)
    for signum in (signal.SIGINT, signal.SIGHUP):
        worker.send_signal(signum)
    heartbeat = desk.page.heartbeat
    eventually(lambda: desk.page.heartbeat > heartbeat)
    begun = time.monotonic()
    worker.terminate()
    assert worker.wait(3) == 0
    assert time.monotonic() - begun < 1.0


def test_without_a_table_the_process_says_so(real) -> None:
    worker = real()
    worker.kill()
    worker.wait()
    (worker.desk.state.path / "base-1.snap").unlink()
    assert real().wait(5) == 1


def test_it_imports_nothing_heavy() -> None:
    code = f"import sys, gslb.server.process\nprint([name for name in {FORBIDDEN!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    assert done.stdout.strip() == "[]"


def test_main_without_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gc, "disable", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    link, theirs = Channel.pair()
    fd = os.dup(theirs.fileno())
    assert process.main([str(tmp_path), "0", str(fd), "127.0.0.1", "1"]) == 1
    assert "no table" in caplog.text
    link.close()
    theirs.close()
