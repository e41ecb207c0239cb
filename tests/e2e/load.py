"""Clients at a steady rate that remember every answer and when it came."""

import random
import selectors
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import dns.message

from tests.support import addresses, query

RETRY = 1.0  # seconds without an answer, then once more
GIVE_UP = 3.0  # seconds after the retry
_PORTS = 64  # so that every worker gets its share
_TURN = 0.002


@dataclass(slots=True)
class Ask:
    """One question; times are monotonic, `answered` 0.0 until there is an answer. `reply` is without the identifier."""

    question: int
    sent: float
    answered: float = 0.0
    retried: bool = False
    reply: bytes = b""

    @property
    def addresses(self) -> tuple[str, ...]:
        return addresses_of(self.reply)


@cache
def addresses_of(reply: bytes) -> tuple[str, ...]:
    """The addresses of a reply that has lost its identifier."""
    return tuple(addresses(dns.message.from_wire(b"\0\0" + reply)))


class Load:
    """UDP queries from many ports, with one retry from the same port: `with Load(port) as load: ...`."""

    def __init__(self, port: int, rate: float = 2000.0, questions: Sequence[bytes] = ()) -> None:
        """`questions` are asked in turn; without any it is the A record of www."""
        self.asks: list[Ask] = []
        self._rate = rate
        self._questions = [wire[2:] for wire in questions or (query("www"),)]
        self._place = ("127.0.0.1", port)
        self._waiting: list[dict[int, Ask]] = [{} for _ in range(_PORTS)]
        self._first: deque[tuple[float, int, int]] = deque()
        self._second: deque[tuple[float, int, int]] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Waits for the answers to what was asked."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            sockets = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(_PORTS)]
            for number, sock in enumerate(sockets):
                sock.setblocking(False)
                sock.bind(("127.0.0.1", 0))
                selector.register(sock, selectors.EVENT_READ, number)
            begun = time.monotonic()
            while not self._stop.is_set() or self._first or self._second:
                for key, _ in selector.select(_TURN):
                    self._receive(sockets[key.data], self._waiting[key.data])
                now = time.monotonic()
                self._again(sockets, now)
                due = 0 if self._stop.is_set() else int((now - begun) * self._rate) - len(self.asks)
                for _ in range(due):
                    self._ask(sockets)
            for sock in sockets:
                sock.close()

    def _ask(self, sockets: Sequence[socket.socket]) -> None:
        count = len(self.asks)
        number, ident = count % _PORTS, count // _PORTS & 0xFFFF
        ask = Ask(count % len(self._questions), time.monotonic())
        self._waiting[number][ident] = ask
        self.asks.append(ask)
        self._first.append((ask.sent + RETRY, number, ident))
        self._send(sockets[number], ident, ask)

    def _send(self, sock: socket.socket, ident: int, ask: Ask) -> None:
        with suppress(OSError):  # nobody listens: the retry is for that
            sock.sendto(struct.pack("!H", ident) + self._questions[ask.question], self._place)

    def _again(self, sockets: Sequence[socket.socket], now: float) -> None:
        while self._first and self._first[0][0] <= now:
            _, number, ident = self._first.popleft()
            ask = self._waiting[number].get(ident)
            if ask:
                ask.retried = True
                self._second.append((now + GIVE_UP, number, ident))
                self._send(sockets[number], ident, ask)
        while self._second and (self._second[0][0] <= now or self._second[0][2] not in self._waiting_at()):
            _, number, ident = self._second.popleft()
            self._waiting[number].pop(ident, None)

    def _waiting_at(self) -> dict[int, Ask]:
        return self._waiting[self._second[0][1]]

    def _receive(self, sock: socket.socket, waiting: dict[int, Ask]) -> None:
        with suppress(OSError):
            while True:
                reply = sock.recv(4096)
                ask = waiting.pop(int.from_bytes(reply[:2], "big"), None)
                if ask:
                    ask.answered = time.monotonic()
                    ask.reply = reply[2:]

    @property
    def lost(self) -> list[Ask]:
        return [ask for ask in self.asks if not ask.answered]

    @property
    def retried(self) -> list[Ask]:
        return [ask for ask in self.asks if ask.retried]

    def sent_between(self, begin: float, end: float = float("inf")) -> list[Ask]:
        return [ask for ask in self.asks if begin <= ask.sent < end]

    def last_with(self, address: str, before: float) -> float:
        """When the last answer with the address came, of queries that were sent before a moment."""
        return max(ask.answered for ask in self.sent_between(0.0, before) if ask.reply and address in ask.addresses)

    def first_with(self, address: str, after: float) -> float:
        """When the first answer with the address came, of queries that were sent after a moment."""
        return min(ask.answered for ask in self.sent_between(after) if ask.reply and address in ask.addresses)

    def figures(self) -> str:
        waits = sorted(ask.answered - ask.sent for ask in self.asks if ask.answered and not ask.retried)
        seconds = self.asks[-1].sent - self.asks[0].sent
        return (
            f"{len(self.asks)} queries in {seconds:.1f} s ({len(self.asks) / seconds:.0f}/s), {len(self.retried)} asked"
            f" again, {len(self.lost)} lost, median {waits[len(waits) // 2] * 1e3:.1f} ms, p99"
            f" {waits[len(waits) * 99 // 100] * 1e3:.1f} ms"
        )


def counted(asks: Sequence[Ask]) -> Counter[tuple[str, ...]]:
    """How often each set of addresses came; () for an empty answer. Those without any answer are left out."""
    return Counter(ask.addresses for ask in asks if ask.reply)


class TcpLoad(Load):
    """The same over TCP, each question on a connection of its own; no retry."""

    def __init__(self, port: int, rate: float = 50.0) -> None:
        super().__init__(port, rate)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            due += 1 / self._rate
            time.sleep(max(0.0, due - time.monotonic()))
            ask = Ask(0, time.monotonic())
            self.asks.append(ask)
            with suppress(OSError), socket.create_connection(self._place, 2) as link:
                link.sendall(framed(b"\0\1" + self._questions[0]))
                ask.reply = next(messages(link))[2:]
                ask.answered = time.monotonic()


def framed(wire: bytes) -> bytes:
    """A message as it goes over TCP (RFC 1035 section 4.2.2)."""
    return struct.pack("!H", len(wire)) + wire


def messages(link: socket.socket) -> Iterator[bytes]:
    """The messages that come over TCP. Raises OSError where the connection ends in one."""
    while True:
        (length,) = struct.unpack("!H", _exactly(link, 2))
        yield _exactly(link, length)


def _exactly(link: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = link.recv(count - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


def ask_once(port: int, wire: bytes, *, source: str = "127.0.0.1", seconds: float = 1.0) -> bytes | None:
    """One query over UDP from a port of its own; None where no answer comes."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.connect(("127.0.0.1", port))
        sock.settimeout(seconds)
        try:
            sock.send(struct.pack("!H", random.randrange(65536)) + wire[2:])
            return sock.recv(4096)
        except OSError:
            return None
