"""Both batches over real sockets: what goes in, what comes out, and what the kernel refuses."""

import ctypes
import errno
import socket
import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gslb.server import batch as module
from gslb.server import stats as count
from gslb.server.batch import SIZE, Batch, MmsgBatch, PlainBatch, mmsg_available, open_batch, source_only
from gslb.server.sockets import Endpoint, open_endpoint

KINDS = (MmsgBatch, PlainBatch)
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


class Server:
    """A socket with a batch, and clients."""

    def __init__(self, kind: Callable[..., Batch], host: str, size: int = SIZE) -> None:
        self.sock = open_endpoint(Endpoint("udp", host, 0), share=False)
        self.stats = count.new_stats()
        self.batch = kind(self.sock, self.stats, size)
        self.port = self.sock.getsockname()[1]
        self.clients: list[socket.socket] = []

    def client(self, to: str = "") -> socket.socket:
        sock = socket.socket(self.sock.family, socket.SOCK_DGRAM)
        sock.settimeout(2)
        sock.connect((to or LOOPBACK[self.sock.family], self.port))
        self.clients.append(sock)
        return sock

    def close(self) -> None:
        self.batch.close()
        for sock in (self.sock, *self.clients):
            sock.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(*arguments: object, **options: object) -> Server:
        made.append(Server(*arguments, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_every_reply_goes_to_its_query(serve, kind, host: str) -> None:
    server = serve(kind, host)
    clients = [server.client() for _ in range(5)]
    for number, client in enumerate(clients):
        client.send(b"query %d" % number)
    queries = server.batch.receive()
    assert [wire for wire, _, _ in queries] == [b"query %d" % number for number in range(5)]
    loopback = socket.inet_pton(server.sock.family, LOOPBACK[server.sock.family])
    assert {source for _, source, _ in queries} == {loopback}
    server.batch.send([(wire.upper(), to) for wire, _, to in reversed(queries)])
    assert [client.recv(99) for client in clients] == [b"QUERY %d" % number for number in range(5)]
    assert server.stats[count.UDP_RECEIVED] == server.stats[count.UDP_SENT] == 5
    assert server.stats[count.UDP_BATCHES] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_wildcard_socket_answers_from_the_address_that_was_asked(serve, kind) -> None:
    server = serve(kind, "0.0.0.0")
    clients = [server.client(f"127.0.0.{last}") for last in (1, 2, 3)]
    for client in clients:
        client.send(b"where?")
    queries = server.batch.receive()
    server.batch.send([(b"here", to) for _, _, to in queries])
    assert [client.recv(99) for client in clients] == [b"here"] * 3  # a connected socket hears nobody else


@pytest.mark.parametrize("kind", KINDS)
def test_queries_without_a_reply_are_left_out(serve, kind) -> None:
    server = serve(kind, "127.0.0.1")
    clients = [server.client() for _ in range(4)]
    for number, client in enumerate(clients):
        client.send(b"%d" % number)
    queries = server.batch.receive()
    server.batch.send([(wire, to) for wire, _, to in queries[1::2]])
    assert clients[1].recv(9) == b"1"
    assert clients[3].recv(9) == b"3"
    for silent in (clients[0], clients[2]):
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.recv(9)
    assert server.stats[count.UDP_SENT] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_from_nothing_to_the_largest(serve, kind) -> None:
    server = serve(kind, "127.0.0.1")
    client = server.client()
    sizes = (0, 1, 512, 4096, 65507, 3)
    for size in sizes:
        client.send(bytes(size))
    queries = server.batch.receive()
    assert [len(wire) for wire, _, _ in queries] == list(sizes)
    server.batch.send([(wire, to) for wire, _, to in queries])
    assert [len(client.recv(70000)) for _ in sizes] == list(sizes)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_in_turn_reuse_their_buffers_cleanly(serve, kind) -> None:
    server = serve(kind, "::", size=4)
    client = server.client()
    for first in range(0, 40, 10):
        for number in range(first, first + 10):
            client.send(b"x" * (number * 7))
        got = []
        while queries := server.batch.receive():
            assert len(queries) <= 4
            server.batch.send([(wire, to) for wire, _, to in queries])
            got += [len(wire) for wire, _, _ in queries]
        assert got == [number * 7 for number in range(first, first + 10)]
        assert [len(client.recv(999)) for _ in range(10)] == got
    assert server.stats[count.UDP_BATCHES] == 12
    assert server.stats[count.UDP_FULL_BATCHES] == 8


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_waits(serve, kind) -> None:
    server = serve(kind, "127.0.0.1")
    assert not server.batch.receive()
    server.batch.send([])
    assert server.stats == count.new_stats()


@pytest.mark.parametrize("kind", KINDS)
def test_one_message_that_cannot_be_sent_costs_no_other(serve, kind) -> None:
    server = serve(kind, "127.0.0.1")
    clients = [server.client() for _ in range(3)]
    for client in clients:
        client.send(b"q")
    queries = server.batch.receive()
    replies = [b"first", bytes(65535), b"third"]  # the second is larger than a datagram may be
    server.batch.send([(reply, to) for reply, (_, _, to) in zip(replies, queries, strict=True)])
    assert clients[0].recv(9) == b"first"
    assert clients[2].recv(9) == b"third"
    assert (server.stats[count.UDP_SENT], server.stats[count.UDP_SEND_ERRORS]) == (2, 1)


def forged(source_port: int, port: int, payload: bytes) -> bytes:
    """A UDP datagram; the kernel adds the IP header. Checksum 0 means none."""
    return struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload


@pytest.mark.parametrize("kind", KINDS)
def test_a_datagram_from_port_zero_costs_no_other_its_reply(serve, kind) -> None:
    server = serve(kind, "127.0.0.1")
    clients = [server.client() for _ in range(2)]
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    except PermissionError:
        pytest.skip("raw sockets need root")
    with raw:
        clients[0].send(b"before")
        raw.sendto(forged(0, server.port, b"from nowhere"), ("127.0.0.1", 0))
        clients[1].send(b"after")
    queries = server.batch.receive()
    server.batch.send([(wire, to) for wire, _, to in queries])
    assert clients[0].recv(9) == b"before"
    assert clients[1].recv(9) == b"after"
    assert server.stats[count.UDP_PORT_ZERO] == 1
    assert server.stats[count.UDP_SEND_ERRORS] == 0


def test_a_full_send_buffer_drops_the_rest_mmsg(serve) -> None:
    server = serve(MmsgBatch, "127.0.0.1")
    client = server.client()
    for _ in range(5):
        client.send(b"q")
    queries = server.batch.receive()
    real = server.batch._sendmmsg

    def full_after_two(fd: int, vector: int, length: int, flags: int) -> int:
        if length == 5:
            return real(fd, vector, 2, flags)
        ctypes.set_errno(errno.EAGAIN)
        return -1

    server.batch._sendmmsg = full_after_two
    server.batch.send([(wire, to) for wire, _, to in queries])
    assert (server.stats[count.UDP_SENT], server.stats[count.UDP_SEND_DROPPED]) == (2, 3)


def test_a_full_send_buffer_drops_the_rest_plain(serve) -> None:
    class Full:
        family = socket.AF_INET

        def sendmsg(self, *_: object) -> None:
            raise BlockingIOError(errno.EAGAIN, "full")

    server = serve(PlainBatch, "127.0.0.1")
    server.batch._sock = Full()
    server.batch.send([(b"reply", (("127.0.0.1", 1), []))] * 3)
    assert server.stats[count.UDP_SEND_DROPPED] == 3


wires = st.lists(st.tuples(st.binary(max_size=600), st.one_of(st.none(), st.binary(max_size=600))), max_size=12)


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(exchanges=wires)
def test_both_batches_agree(serve, host: str, exchanges: list[tuple[bytes, bytes | None]]) -> None:
    outcomes = []
    for kind in KINDS:
        server = serve(kind, host, size=5)
        client = server.client()
        for wire, _ in exchanges:
            client.send(wire)
        got, rest = [], iter(exchanges)
        while queries := server.batch.receive():
            got += [(wire, source) for wire, source, _ in queries]
            answered = [(next(rest)[1], to) for _, _, to in queries]
            server.batch.send([(reply, to) for reply, to in answered if reply is not None])
        replies = [client.recv(999) for _, reply in exchanges if reply is not None]
        outcomes.append((got, replies, server.stats))
        server.close()
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][1] == [reply for _, reply in exchanges if reply is not None]


def test_link_local_replies_keep_their_interface() -> None:
    address = socket.inet_pton(socket.AF_INET6, "fe80::1")
    assert source_only(address + b"\2\0\0\0", v6=True) == address + b"\2\0\0\0"
    other = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    assert source_only(other + b"\2\0\0\0", v6=True) == other + bytes(4)
    assert source_only(b"\2\0\0\0abcdefgh", v6=False) == bytes(4) + b"abcdefgh"


def test_the_platform_decides(serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(PlainBatch, "127.0.0.1")
    assert mmsg_available()
    assert isinstance(open_batch(server.sock, server.stats), MmsgBatch)
    for name, value in (("sys.platform", "darwin"), ("os.confstr", lambda _: None)):
        with monkeypatch.context() as patch:
            patch.setattr(f"gslb.server.batch.{name}", value)
            assert isinstance(open_batch(server.sock, server.stats), PlainBatch)


def test_a_library_that_cannot_be_named_is_not_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> str:
        raise ValueError(name)

    monkeypatch.setattr(module.os, "confstr", unknown)
    assert not mmsg_available()
