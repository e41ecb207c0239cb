"""dnstap from a whole node to the readers that Debian has: fstrm_capture writes the file, dnstap-ldns reads it."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import gslb
from gslb.config.settings import NodeSettings, TapSettings
from gslb.context import UDP
from gslb.control import tap
from gslb.control.tap import Feed, Rings
from gslb.control.tapframes import ACCEPT, READY, control_frame
from gslb.server.publish import NoPublisher
from gslb.server.tap import QUERY, RESPONSE, Ring, Wanted
from tests.whole_node import Node

V4 = bytes((192, 0, 2, 1))
WIRE = bytes.fromhex("000084000000000000000000")


class Capture:
    """fstrm_capture at a socket."""

    def __init__(self, socket: Path, file: Path) -> None:
        self.socket = socket
        self.file = file
        argv = ["fstrm_capture", "-t", "protobuf:dnstap.Dnstap", "-u", str(socket), "-w", str(file)]
        self._process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)

    def end(self) -> None:
        """It writes what it has and ends."""
        self._process.terminate()
        self._process.wait(5)

    def read(self, *options: str) -> str:
        """What dnstap-ldns makes of the file."""
        argv = ["dnstap-ldns", "-r", str(self.file), *options]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=10).stdout


@pytest.fixture
def capture(tmp_path: Path):
    running: list[Capture] = []

    def start(name: str = "out.tap") -> Capture:
        running.append(Capture(tmp_path / "tap.sock", tmp_path / name))
        return running[-1]

    yield start
    for one in running:
        one.end()


@pytest.fixture
async def tapped(stopped_node: Node) -> Node:
    file = stopped_node.folder / "gslb.yaml"
    file.write_text(file.read_text() + "dnstap: {socket: tap.sock, queries: true}\n")
    return stopped_node


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def settings_with(dnstap: TapSettings | None) -> NodeSettings:
    return NodeSettings("n", "s", ("dns",), (), None, 0, "", "", dnstap=dnstap)


@asynccontextmanager
async def feeding(folder: Path, settings: TapSettings | None) -> AsyncIterator[Feed]:
    feed = Feed(NoPublisher(), folder, lambda: settings_with(settings))
    task = asyncio.create_task(feed.run())
    yield feed
    task.cancel()
    await asyncio.wait([task])


async def test_a_node_copies_what_it_is_asked_and_answers(tapped: Node, capture: Callable[..., Capture]) -> None:
    reader = capture()
    await until(reader.socket.exists)
    await tapped.start()
    await tapped.until_served("tokyo", "osaka")
    await asyncio.sleep(0.2)
    await tapped.ask("ns1")
    await tapped.stop()
    reader.end()
    last = [line.split()[2:] for line in reader.read("-q").splitlines()[-2:]]
    assert last == [
        ["AQ", "127.0.0.1", "UDP", "49b", '"ns1.gslb.example.com."', "IN", "A"],
        ["AR", "127.0.0.1", "UDP", "65b", '"ns1.gslb.example.com."', "IN", "A"],
    ]
    whole = reader.read("-y")
    assert 'identity: "tokyo-1"' in whole
    assert f'version: "gslb {gslb.__version__}"' in whole
    assert whole.count("type: AUTH_QUERY") == whole.count("type: AUTH_RESPONSE") > 1
    assert "192.0.2.53" in whole  # the answer is in the response


async def test_a_reader_that_goes_and_comes_back(
    tmp_path: Path, capture: Callable[..., Capture], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tap, "AGAIN", 0.05)
    ring = Ring(tmp_path / "tap-3.ring")
    async with feeding(tmp_path, TapSettings(str(tmp_path / "tap.sock"))) as feed:
        ring.put(RESPONSE, UDP, V4, 1.0, WIRE)
        await until(lambda: feed.figures.unread == 1)
        assert "no reader at" in caplog.text
        first = capture("first.tap")
        await until(lambda: feed.figures.connected)
        ring.put(RESPONSE, UDP, V4, 1.0, WIRE)
        await until(lambda: feed.figures.sent == 1)
        await asyncio.sleep(0.1)
        first.end()
        await until(lambda: not feed.figures.connected)
        ring.put(RESPONSE, UDP, V4, 1.0, WIRE)
        await until(lambda: feed.figures.unread == 2)
        second = capture("second.tap")
        await until(lambda: feed.figures.connected)
        ring.put(RESPONSE, UDP, V4, 1.0, WIRE)
        await until(lambda: feed.figures.sent == 2)
    second.end()
    assert [len(one.read("-q").splitlines()) for one in (first, second)] == [1, 1]
    assert feed.figures == (2, 2, 0, False)
    ring.close()


async def test_a_reader_that_does_not_take_what_it_is_sent(tmp_path: Path) -> None:
    stuck = asyncio.Event()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(control_frame(ACCEPT))
        await stuck.wait()
        writer.close()

    path = str(tmp_path / "tap.sock")
    server = await asyncio.start_unix_server(read, path, limit=1024)
    ring = Ring(tmp_path / "tap-0.ring")
    async with feeding(tmp_path, TapSettings(path)) as feed:
        await until(lambda: feed.figures.connected)
        longest = 0.0
        while not feed.figures.overflowed:
            for _ in range(200):
                begun = time.perf_counter()
                ring.put(RESPONSE, UDP, V4, 1.0, bytes(1200))
                longest = max(longest, time.perf_counter() - begun)
            await asyncio.sleep(0.005)
        assert longest < 0.05  # whoever answers never waits for the reader
        assert feed.figures.unread == 0
        stuck.set()
    server.close()
    ring.close()


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", control_frame(READY, content=True), b"", bytes(4) + b"\0\0\xff\0"]
)
async def test_a_socket_where_something_else_listens(
    tmp_path: Path, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(said)
        writer.close()

    path = str(tmp_path / "tap.sock")
    server = await asyncio.start_unix_server(answer, path)
    async with feeding(tmp_path, TapSettings(path)) as feed:
        await until(lambda: "no reader at" in caplog.text)
        assert not feed.figures.connected
    server.close()


async def test_a_reader_that_never_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tap, "PATIENCE", 0.05)
    over = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    path = str(tmp_path / "tap.sock")
    server = await asyncio.start_unix_server(listen, path)
    async with feeding(tmp_path, TapSettings(path)):
        await until(lambda: "until there is one: it does not answer" in caplog.text)
    over.set()
    server.close()


async def test_a_reload_moves_the_stream(tmp_path: Path, capture: Callable[..., Capture]) -> None:
    told: list[Wanted] = []

    class Noting(NoPublisher):
        def tap(self, wanted: Wanted) -> None:
            told.append(wanted)

    reader = capture()
    await until(reader.socket.exists)
    on = TapSettings(str(reader.socket), queries=True, sample=5)
    wanted: list[TapSettings | None] = [on]
    feed = Feed(Noting(), tmp_path, lambda: settings_with(wanted[0]))
    task = asyncio.create_task(feed.run())
    await until(lambda: feed.figures.connected)
    wanted[0] = None
    await until(lambda: not feed.figures.connected)
    task.cancel()
    await asyncio.wait([task])
    assert told == [Wanted(queries=True, responses=True, sample=5), Wanted()]


def test_rings_of_workers_that_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "tap-9.ring").write_bytes(b"not a ring")
    (tmp_path / ".tap-1.ring.tmp").write_bytes(b"half made")
    rings = Rings(tmp_path)
    first, second = Ring(tmp_path / "tap-0.ring"), Ring(tmp_path / "tap-1.ring")
    assert rings.rescan() == []
    first.put(QUERY, UDP, V4, 1.0, b"a")
    second.put(QUERY, UDP, V4, 1.0, b"b")
    assert sorted(copy.message for copy in rings.take()) == [b"a", b"b"]
    for _ in range(20):
        first.put(QUERY, UDP, V4, 1.0, bytes(65000))
    lost = rings.overflowed
    assert lost == 4
    first.close()  # a worker ends, and another takes its place
    third = Ring(tmp_path / "tap-0.ring")
    third.put(QUERY, UDP, V4, 1.0, b"c")
    assert len(rings.rescan()) == 16
    assert [copy.message for copy in rings.take()] == [b"c"]
    assert rings.overflowed == lost
    second.put(QUERY, UDP, V4, 1.0, b"d")
    assert rings.discard() == 1
    rings.close()


async def test_a_fault_of_ours_is_told_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tap, "AGAIN", 0.01)

    async with feeding(tmp_path / "absent", TapSettings(str(tmp_path / "tap.sock"))):
        await until(lambda: caplog.text.count("dnstap failed; DNS does not depend on it") > 1)
