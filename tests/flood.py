"""A sender that keeps count, in a process of its own: `python -m tests.flood PORT QUERY-IN-HEX RATE SECONDS`."""

import json
import socket
import sys
import time
from contextlib import suppress
from typing import NamedTuple

_TC = 0x02
_BADCOOKIE_LOW = 7
_QUIET = 0.3  # seconds without a reply: no more will come
_STEP = 0.002


class Bill(NamedTuple):
    """What was sent and what came back; `seconds` lie between the first query and the last."""

    seconds: float
    sent: int
    bytes_out: int
    bytes_in: int
    answers: int
    slips: int
    bad_cookies: int
    last: bytes

    @classmethod
    def read(cls, text: str) -> "Bill":
        """The inverse of `text`."""
        *numbers, last = json.loads(text)
        return cls(*numbers, bytes.fromhex(last))

    def text(self) -> str:
        """One line of JSON."""
        return json.dumps([*self[:-1], self.last.hex()])


class _Taken:
    """Replies by kind."""

    def __init__(self) -> None:
        self.octets = self.answers = self.slips = self.bad_cookies = 0
        self.last = b""

    def take(self, reply: bytes) -> None:
        self.octets += len(reply)
        self.last = reply
        if reply[2] & _TC:
            self.slips += 1
        elif reply[3] & 15 == _BADCOOKIE_LOW:
            self.bad_cookies += 1
        else:
            self.answers += 1

    def take_all(self, sock: socket.socket) -> None:
        with suppress(BlockingIOError):
            while True:
                self.take(sock.recv(4096))


def flood(port: int, wire: bytes, rate: float, seconds: float) -> Bill:
    """Send at a rate, in small bursts, taking replies meanwhile."""
    taken = _Taken()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.connect(("127.0.0.1", port))
        sock.setblocking(False)
        sent = 0
        begun = last = time.monotonic()
        while (now := time.monotonic()) < begun + seconds:
            for _ in range(int((now - begun) * rate) - sent):
                sock.send(wire)
                sent += 1
                last = now
            taken.take_all(sock)
            time.sleep(_STEP)
        sock.settimeout(_QUIET)
        with suppress(TimeoutError):
            while True:
                taken.take(sock.recv(4096))
    counts = taken.octets, taken.answers, taken.slips, taken.bad_cookies
    return Bill(last - begun, sent, sent * len(wire), *counts, taken.last)


if __name__ == "__main__":
    to, query, per_second, duration = sys.argv[1:]
    print(flood(int(to), bytes.fromhex(query), float(per_second), float(duration)).text())
