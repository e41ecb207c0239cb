"""TCP as a service: what clients may ask of a worker process, and what hostile ones cannot take from the others."""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from selectors import EVENT_READ, DefaultSelector

import dns.edns
import dns.message
import pytest

from gslb.server.tcp import MOST, MOST_PER_CLIENT
from tests.conftest import ENVIRONMENT, ROOT
from tests.lone import Lone, lone
from tests.support import query

KEEPALIVE = dns.edns.OptionType(11)


@pytest.fixture(scope="module")
def worker() -> Iterator[Lone]:
    with lone() as made:
        yield made


@pytest.fixture
def fresh() -> Iterator[Lone]:
    """A worker that no other test has touched."""
    with lone() as made:
        yield made


def connect(worker: Lone, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", worker.port), 5, (source, 0))


def framed(*wires: bytes) -> bytes:
    return b"".join(len(wire).to_bytes(2) + wire for wire in wires)


def receive(sock: socket.socket) -> bytes:
    """One message; the connection must not end before it."""
    data = b""
    while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2]):
        part = sock.recv(2 + int.from_bytes(data[:2]) - len(data) if len(data) >= 2 else 2 - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return data[2:]


def ask(sock: socket.socket, wire: bytes) -> dns.message.Message:
    sock.sendall(framed(wire))
    return dns.message.from_wire(receive(sock))


def closes_after(sock: socket.socket, seconds: float, begun: float) -> float:
    """How long after `begun` the server ends the connection."""
    sock.settimeout(max(begun + seconds - time.monotonic(), 0.01))
    with suppress(ConnectionResetError):
        assert sock.recv(1) == b""
    return time.monotonic() - begun


# What clients may ask


def test_c60_fifty_queries_in_one_write(worker: Lone) -> None:
    owners = ("www", "txt", "missing", "big", "geo")
    wires = [number.to_bytes(2) + query(owners[number % 5])[2:] for number in range(50)]
    with connect(worker) as sock:
        sock.sendall(framed(*wires))
        replies = {(reply := receive(sock))[:2]: reply for _ in wires}
    assert set(replies) == {wire[:2] for wire in wires}
    for wire in wires:
        asked, told = dns.message.from_wire(wire), dns.message.from_wire(replies[wire[:2]])
        assert told.is_response(asked) or asked.question == told.question


def test_c61_a_half_closed_client_gets_its_replies(worker: Lone) -> None:
    with connect(worker) as sock:
        sock.sendall(framed(*[query("big", "TXT")] * 200))
        sock.shutdown(socket.SHUT_WR)
        for _ in range(200):
            assert len(receive(sock)) > 1500
        assert sock.recv(1) == b""


@pytest.mark.parametrize("frame", [b"\0\0", b"\0\x0b" + bytes(11)])
def test_c62_a_frame_too_short_ends_its_connection_only(worker: Lone, frame: bytes) -> None:
    with connect(worker) as bad, connect(worker) as good:
        ask(good, query("www"))
        bad.sendall(frame)
        assert closes_after(bad, 2, time.monotonic()) < 1
        ask(good, query("www"))


def test_c56_keepalive_and_other_options(worker: Lone) -> None:
    wanted = [dns.edns.GenericOption(KEEPALIVE, b""), dns.edns.NSIDOption(b""), dns.edns.ECSOption("1.2.3.0", 24)]
    with connect(worker) as sock:
        options = {option.otype: option for option in ask(sock, query("geo", payload=1232, options=wanted)).options}
        assert options[KEEPALIVE].to_wire() == (100).to_bytes(2)
        assert options[dns.edns.OptionType.NSID].nsid == b"tokyo-1"
        assert options[dns.edns.OptionType.ECS].scopelen == 8
        assert not ask(sock, query("www", payload=1232)).options
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", worker.port))
        sock.send(query("www", payload=1232, options=wanted[:1]))
        assert not dns.message.from_wire(sock.recv(4096)).options


# What hostile ones meet


def test_c63_idle_half_and_slow_connections_end(worker: Lone) -> None:
    """Three at once: they wait in parallel."""
    with connect(worker) as idle, connect(worker) as half, connect(worker) as slow:
        ask(idle, query("www"))
        begun = time.monotonic()
        half.sendall(framed(query("www"))[:20])
        ended: dict[socket.socket, float] = {}
        with DefaultSelector() as selector:
            for sock in (idle, half, slow):
                selector.register(sock, EVENT_READ)
            for octet in range(20):  # 12 seconds
                if slow not in ended:
                    slow.send(bytes((60 if octet else 0,)))
                until = begun + 0.6 * (octet + 1)
                while (wait := until - time.monotonic()) > 0 and len(ended) < 3:
                    for key, _ in selector.select(wait):
                        ended[key.fileobj] = time.monotonic() - begun  # type: ignore[index]
                        selector.unregister(key.fileobj)
    assert 1.9 <= ended[half] <= 2.5
    assert 1.9 <= ended[slow] <= 2.5
    assert 9.9 <= ended[idle] <= 10.5


def test_c64_a_full_house_answers_a_newcomer(fresh: Lone) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(connect(fresh, f"127.0.1.{1 + number % 200}")) for number in range(MOST)]
        ask(held[0], query("www"))
        begun = time.monotonic()
        newcomer = stack.enter_context(connect(fresh))
        ask(newcomer, query("www"))
        assert time.monotonic() - begun < 0.1
        assert closes_after(held[1], 1, begun) < 1  # idle longest, since the first has asked
        ask(held[0], query("www"))
        assert fresh.counters()["tcp_open"] == MOST


@pytest.mark.parametrize(("sources", "most"), [(250, MOST), (1, MOST_PER_CLIENT)])
def test_a_crowd_that_comes_at_once_fills_no_more_than_the_house(fresh: Lone, sources: int, most: int) -> None:
    crowd = most + 60
    with ExitStack() as stack:
        os.kill(fresh.pid, signal.SIGSTOP)  # so that all of them wait when it looks
        try:
            for number in range(crowd):
                stack.enter_context(connect(fresh, f"127.0.1.{1 + number % sources}"))
        finally:
            os.kill(fresh.pid, signal.SIGCONT)
        with connect(fresh, "127.0.2.1") as last:
            ask(last, query("www"))
            counted = fresh.counters()
    assert counted["tcp_accepted"] == crowd + 1
    assert counted["tcp_open"] == min(most + (sources == 1), MOST)
    assert counted["tcp_evicted"] == crowd + 1 - counted["tcp_open"]


def test_without_descriptors_udp_is_as_ever() -> None:
    with lone(descriptors=48) as worker, ExitStack() as stack:
        for number in range(120):
            stack.enter_context(connect(worker, f"127.0.1.{number + 1}"))
        udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        udp.connect(("127.0.0.1", worker.port))
        udp.settimeout(1)
        waits = []
        for _ in range(500):
            begun = time.monotonic()
            udp.send(query("www"))
            assert udp.recv(4096)
            waits.append(time.monotonic() - begun)
        counted = worker.counters()
        assert statistics.quantiles(waits, n=100)[98] < 0.05
        assert counted["tcp_shed"] > 0
        assert worker.descriptors() <= 48
        with connect(worker) as honest:
            ask(honest, query("www"))


class Half:
    """One who sends half a message, waits for the end of the connection, and begins again. It times what it sees."""

    def __init__(self, worker: Lone) -> None:
        self._worker = worker
        self.longest = 0.0
        self.ended = 0
        self._begin()

    def _begin(self) -> None:
        self._sock = connect(self._worker, "127.0.3.1")
        self._sock.sendall(framed(query("www"))[:20])
        self._sock.setblocking(False)
        self._begun = time.monotonic()

    def look(self) -> None:
        """Note how long the connection has been borne, and begin another where it has ended."""
        self.longest = max(self.longest, time.monotonic() - self._begun)
        try:
            self._sock.recv(1)
        except BlockingIOError:
            return
        except ConnectionResetError:
            pass
        self.ended += 1
        self._sock.close()
        self._begin()

    def close(self) -> None:
        """Give up."""
        self._sock.close()


class Attacked:
    """What an honest client and the worker's memory saw of an attack."""

    def __init__(self, worker: Lone, slow: int, deaf: int, seconds: float) -> None:
        before = worker.resident()
        argv = [sys.executable, "-m", "tests.server.tcp_attack", *map(str, (worker.port, slow, deaf, seconds))]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT)
        self.waits: list[float] = []
        self.growth = 0
        self.lost = 0
        half = Half(worker)
        try:
            while process.poll() is None:
                self._ask(worker)
                half.look()
                self.growth = max(self.growth, worker.resident() - before)
                time.sleep(0.01)
            assert process.stdout
            told = json.loads(process.stdout.read())
        finally:
            process.kill()
            process.communicate()
            half.close()
        self.closed, self.lag = told["closed"], told["lag"]
        self.longest, self.halves = half.longest, half.ended
        self.p99 = statistics.quantiles(self.waits, n=100)[98]

    def _ask(self, worker: Lone) -> None:
        """Two queries over a connection; who loses it in between asks again over another (RFC 7766 section 6.2.4)."""
        begun = time.monotonic()
        with connect(worker) as sock:
            ask(sock, query("www"))
            self.waits.append(time.monotonic() - begun)
            begun = time.monotonic()
            try:
                ask(sock, query("www"))
            except OSError:
                self.lost += 1
                with connect(worker) as another:
                    ask(another, query("www"))
            self.waits.append(time.monotonic() - begun)

    def assert_borne(self) -> None:
        print(f"p99 {1000 * self.p99:.1f} ms of {len(self.waits)}, {self.lost} lost, {self.growth / 2**20:+.1f} MiB")
        print(
            f"half messages {self.longest:.2f} s of {self.halves}, {self.closed} closed, attack {self.lag:.2f} s late"
        )
        assert self.p99 <= 0.1
        assert self.longest <= 2.5
        assert self.lost <= len(self.waits) / 1000
        assert self.growth <= 30 << 20


def test_slow_and_deaf_clients_harm_nobody(fresh: Lone) -> None:
    attacked = Attacked(fresh, slow=300, deaf=60, seconds=6.0)
    attacked.assert_borne()
    assert attacked.closed > 100


def test_deaf_clients_alone_have_their_memory_bounded(fresh: Lone) -> None:
    Attacked(fresh, slow=0, deaf=200, seconds=2.0).assert_borne()


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_slow_and_deaf_clients_harm_nobody_long(fresh: Lone) -> None:
    Attacked(fresh, slow=1000, deaf=200, seconds=60.0).assert_borne()
