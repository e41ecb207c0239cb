"""C60-C64: TCP as a transport."""

import contextlib
import select
import socket
import struct
import time

import pytest

from tests.wire.exchange import Channel, Server, is_closed, read_frame
from tests.wire.message import Reply, query, require

IDLE, SLOW = 10.0, 2.0  # seconds after which a connection is closed
EARLY, LATE, LATE_PEER = 0.3, 1.0, 3.0  # how far off that may be
MANY = 256
TRIES = 3  # the machine may be busy with other things


def frame(wire: bytes) -> bytes:
    """A message behind its length."""
    return struct.pack("!H", len(wire)) + wire


def closes(sock: socket.socket, seconds: float) -> bool:
    """Whether the server closes the connection in so many seconds."""
    sock.settimeout(seconds)
    try:
        return not sock.recv(1)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_c60_pipelining(tcp: Channel) -> None:
    """RFC 7766, 9210: 50 queries in one TCP write → 50 replies, ids matched"""
    queries = {at: query(("www", "missing", "multi", "mid")[at % 4], ident=at) for at in range(50)}
    with tcp.open() as sock:
        sock.sendall(b"".join(map(frame, queries.values())))
        for left in range(50, 0, -1):
            try:
                wire = read_frame(sock)
            except (TimeoutError, EOFError, ConnectionError) as error:
                require(False, f"{50 - left} replies ({type(error).__name__})")
            sent = queries.pop(int.from_bytes(wire[:2], "big"))
            reply = Reply(wire, sent, "pipelined", ours=tcp.server.ours)
            require(wire[12 : len(sent)] == sent[12:], f"{reply} to another question")
    assert not queries


def test_c61_length_and_message_in_one_send(tcp: Channel) -> None:
    """RFC 7766 §8: writing → length and message in one send; a half-closed client still gets its replies"""
    for _ in range(20):
        with tcp.open() as sock:
            sock.sendall(frame(query("www")))
            piece = sock.recv(65535)
            require(len(piece) == 2 + int.from_bytes(piece[:2], "big"), f"{len(piece)} octets in the first segment")
    with tcp.open() as sock:
        sock.sendall(b"".join(frame(query("www", ident=at)) for at in range(5)))
        sock.shutdown(socket.SHUT_WR)
        for at in range(5):
            try:
                wire = read_frame(sock)
            except (TimeoutError, EOFError, ConnectionError):
                require(False, f"half-closed: {at} of 5 replies")
            require(wire[:2] == at.to_bytes(2, "big"), "half-closed: another id")
        require(closes(sock, tcp.server.patience), "half-closed: stays open after the last reply")


def test_c62_frames_that_hold_no_message(tcp: Channel) -> None:
    """RFC 7766: frame of zero or <12 bytes → that connection closed, nothing else harmed"""
    with tcp.open() as other:
        for size in (0, 1, 11):
            with tcp.open() as sock:
                sock.sendall(frame(bytes(size)))
                require(closes(sock, tcp.server.patience), f"{size} octets: stays open")
        other.sendall(frame(query("www")))
        require(read_frame(other), "another connection harmed")
    tcp.ask(query("www"), "a further client").expect("NOERROR", "qr aa", "1/1/0/0")


def test_c63_idle_and_slow_clients(server: Server) -> None:
    """RFC 7766 §6.2.3: idle 10 s; half a message 2 s; one byte per 0.6 s → closed"""
    wire = frame(query("www"))
    deadlines: dict[socket.socket, tuple[str, float, float]] = {}
    drips: list[socket.socket] = []
    with contextlib.ExitStack() as stack:
        start = time.monotonic()
        for way in ("tcp4", "tcp6"):
            client = Channel(server, way)
            silent, served, half, drip = (stack.enter_context(client.open()) for _ in range(4))
            served.sendall(wire)
            read_frame(served)
            half.sendall(wire[:10])
            drips.append(drip)
            for label, sock, seconds in (
                ("never asked", silent, IDLE),
                ("idle", served, IDLE),
                ("half a message", half, SLOW),
                ("one byte per 0.6 s", drip, SLOW),
            ):
                deadlines[sock] = f"{label} ({way})", seconds, start + seconds + (LATE if server.ours else LATE_PEER)
        _watch(deadlines, drips, wire, ours=server.ours)


def _watch(
    deadlines: dict[socket.socket, tuple[str, float, float]], drips: list[socket.socket], wire: bytes, *, ours: bool
) -> None:
    start = time.monotonic()
    sent = 0
    while deadlines:
        if time.monotonic() - start >= 0.6 * sent:
            for sock in drips:
                with contextlib.suppress(OSError):
                    sock.send(wire[sent : sent + 1])
            sent += 1
        ready, _, _ = select.select(list(deadlines), (), (), 0.02)
        now = time.monotonic()
        for sock in ready:
            label, seconds, _ = deadlines.pop(sock)
            assert is_closed(sock)
            require(now - start > seconds - EARLY or not ours, f"{label}: closed after {now - start:.1f} s")
        for label, seconds, deadline in deadlines.values():
            require(now < deadline, f"{label}: open after {seconds:.0f} s")


@pytest.mark.parametrize("family", ["4", "6"])
def test_c64_a_full_house(server: Server, family: str) -> None:
    """RFC 9210: 256 connections held idle → a new client answered <100 ms (evict the longest idle); UDP untouched"""
    tcp, udp = Channel(server, f"tcp{family}"), Channel(server, f"udp{family}")
    with contextlib.ExitStack() as stack:
        for at in range(MANY):
            sock = stack.enter_context(
                socket.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_STREAM)
            )
            if family == "4":  # several clients: the limit of each is another one
                sock.bind((f"127.0.1.{1 + at % 8}", 0))
            sock.settimeout(1)
            try:
                sock.connect(server.address(family))
            except OSError:
                require(False, f"connection {at} is not taken")
        for client, label in ((tcp, "TCP"), (udp, "UDP")):
            took = min(_seconds(client, f"{label}, {MANY} idle") for _ in range(TRIES))
            require(took < 0.1, f"{label}, {MANY} idle: {took:.1f} s")


def _seconds(client: Channel, label: str) -> float:
    """How long a new client waits for its first reply."""
    start = time.monotonic()
    client.ask(query("www"), label).expect("NOERROR", "qr aa", "1/1/0/0")
    client.close()
    return time.monotonic() - start
