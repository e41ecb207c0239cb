"""HTTP as bytes: for requests that no client would send. And what a process costs meanwhile."""

import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.e2e.load import Ask, Load


class Said(NamedTuple):
    """An answer's status, 0 where the connection ended without one, and the seconds until it was there."""

    status: int
    took: float
    text: str


def head(method: str, path: str, token: str, *more: str) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: node", f"Authorization: Bearer {token}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def post(path: str, token: str, body: bytes) -> bytes:
    """A whole request."""
    return head("POST", path, token, "Content-Type: application/json", f"Content-Length: {len(body)}") + body


def exchange(port: int, parts: Iterable[bytes], *, source: str = "127.0.0.1", seconds: float = 20.0) -> Said:
    """Send until there is an answer, or nobody takes it any more."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), seconds, source_address=(source, 0)) as link:
        said = b""
        for part in parts:
            try:
                link.sendall(part)
                said = _at_hand(link)
            except OSError:
                break
            if said:
                break
        return _answer(link, said, begun)


def _at_hand(link: socket.socket) -> bytes:
    limit = link.gettimeout()
    link.settimeout(0.0)
    try:
        return link.recv(65_536)
    except BlockingIOError:
        return b""
    finally:
        link.settimeout(limit)


def _answer(link: socket.socket, said: bytes, begun: float) -> Said:
    try:
        while b"\r\n\r\n" not in said and (more := link.recv(65_536)):
            said += more
    except ConnectionError:
        pass
    took = time.monotonic() - begun
    status = int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/1.") else 0
    return Said(status, took, said.decode(errors="replace"))


def resident(pid: int) -> float:
    """MB of memory that a process holds."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def p99(asks: Iterable[Ask]) -> float:
    """Milliseconds."""
    waits = sorted(ask.answered - ask.sent for ask in asks if ask.answered)
    return waits[len(waits) * 99 // 100] * 1e3


def quiet_p99(port: int, seconds: float, rate: float) -> float:
    """Milliseconds, while nothing else is asked."""
    with Load(port, rate) as load:
        time.sleep(seconds)
    return p99(load.asks)
