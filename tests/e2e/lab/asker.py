"""A client process: asker.py FILE RATE NAME ADDRESS...; asks the servers in turn over UDP, and logs every attempt.

FILE gets one record (see RECORD) for each attempt that is over, FILE.answers one JSON line for each different answer.
A question without an answer, or with SERVFAIL, is asked once more of the next server. SIGTERM ends it in order.
"""

import json
import selectors
import signal
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import dns.message
import dns.rcode

RECORD = struct.Struct("<IBBHdd")  # question, attempt, server, answer, sent, received
PATIENCE = 1.0  # seconds until an attempt is lost
_PORTS = 16  # to each server, so that every worker gets its share
_SERVFAIL = 2


class Attempt(NamedTuple):
    """A question under way."""

    question: int
    number: int
    server: int
    sent: float


class Asker:
    """All of its state. Answers are numbered in the order in which they were first seen; 0 is "none came"."""

    def __init__(self, file: str, rate: float, name: str, servers: Sequence[str]) -> None:
        self._rate = rate
        self._count = len(servers)
        self._wire = dns.message.make_query(name, "A", use_edns=False).to_wire()[2:]
        self._records = open(file, "wb", buffering=1 << 16)  # noqa: SIM115, PTH123
        self._answers = open(f"{file}.answers", "w", buffering=1)  # noqa: SIM115, PTH123
        self._known: dict[bytes, tuple[int, int]] = {}
        self._waiting: dict[tuple[int, int], Attempt] = {}
        self._due: deque[tuple[float, tuple[int, int]]] = deque()
        self._asked = self._sent = 0
        self._selector = selectors.DefaultSelector()
        self._sockets = [self._socket(server) for _ in range(_PORTS) for server in servers]
        self.ending = False

    def _socket(self, server: str) -> socket.socket:
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.connect((server, 53))
        self._selector.register(sock, selectors.EVENT_READ, len(self._selector.get_map()))
        return sock

    def run(self) -> None:
        """Ask at the rate until told to end; then wait for what is under way."""
        begun = flushed = time.monotonic()
        while not self.ending or self._waiting:
            for key, _ in self._selector.select(0.002):
                self._receive(key.data)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                self._lost(self._due.popleft()[1])
            behind = 0 if self.ending else int((now - begun) * self._rate) - self._asked
            for _ in range(behind):
                self._ask(self._asked, 0, self._asked % self._count)
                self._asked += 1
            if now > flushed + 0.1:
                self._records.flush()
                flushed = now
        self._records.close()
        self._answers.close()

    def _ask(self, question: int, number: int, server: int) -> None:
        # Sockets of one server are _count apart; each goes through all identifiers before one comes again.
        at = self._sent % _PORTS * self._count + server
        ident = self._sent // _PORTS & 0xFFFF
        self._sent += 1
        sent = time.monotonic()
        self._waiting[at, ident] = Attempt(question, number, server, sent)
        self._due.append((sent + PATIENCE, (at, ident)))
        for _ in range(2):  # the first may only report that an earlier query was refused, and send nothing
            with suppress(OSError):
                self._sockets[at].send(struct.pack("!H", ident) + self._wire)
                break

    def _receive(self, at: int) -> None:
        with suppress(OSError):
            while True:
                reply = self._sockets[at].recv(4096)
                received = time.monotonic()
                attempt = self._waiting.pop((at, int.from_bytes(reply[:2], "big")), None)
                if attempt:
                    answer, rcode = self._read(reply[2:])
                    self._over(attempt, answer, received, again=rcode == _SERVFAIL)

    def _lost(self, key: tuple[int, int]) -> None:
        attempt = self._waiting.pop(key, None)
        if attempt:
            self._over(attempt, 0, 0.0, again=True)

    def _over(self, attempt: Attempt, answer: int, received: float, *, again: bool) -> None:
        question, number, server, sent = attempt
        self._records.write(RECORD.pack(question, number, server, answer, sent, received))
        if again and number == 0:
            self._ask(question, 1, (server + 1) % self._count)

    def _read(self, reply: bytes) -> tuple[int, int]:
        """Number and response code of an answer, which is read once however often it comes."""
        known = self._known.get(reply)
        if known is None:
            message = dns.message.from_wire(b"\0\0" + reply)
            found = sorted(item.to_text() for rrset in message.answer for item in rrset if rrset.rdtype in (1, 28))
            known = self._known[reply] = len(self._known) + 1, message.rcode()
            self._answers.write(json.dumps([int(message.rcode()), found]) + "\n")
        return known


def main(file: str, rate: float, name: str, servers: Sequence[str]) -> None:
    """Ask until SIGTERM."""
    asker = Asker(file, rate, name, servers)

    def end(*_: object) -> None:
        asker.ending = True

    signal.signal(signal.SIGTERM, end)
    asker.run()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3], sys.argv[4:])
