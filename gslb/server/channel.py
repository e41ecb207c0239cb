"""How supervisor and worker talk: short messages over a socket pair; one kind carries listening sockets.

worker: LOADED                         its table is ready
supervisor: OPEN                       open your own sockets; or, in the place of a predecessor,
supervisor to predecessor: HAND_OVER   ... it answers SOCKETS ... HANDED, and the supervisor passes these on
worker: SERVING                        it answers
supervisor to predecessor: RETIRE      stop listening, finish TCP, exit
supervisor: QUERY, worker: REPLY       proof of life, now and then
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from gslb.server.sockets import Endpoint

LOADED, OPEN, HAND_OVER, SOCKETS, HANDED, SERVING, RETIRE, QUERY, REPLY = (b"LOHSEVRQA"[i : i + 1] for i in range(9))
_LARGEST = 65536
_SOCKETS_PER_MESSAGE = 128  # Linux passes at most 253


class Message(NamedTuple):
    """A kind, a body, and file descriptors that belong to the receiver."""

    kind: bytes
    body: bytes = b""
    fds: tuple[int, ...] = ()

    def discard(self) -> None:
        """Close descriptors that are not wanted, or were passed on."""
        for fd in self.fds:
            os.close(fd)


class Channel:
    """One end. Never blocks."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock

    @classmethod
    def pair(cls) -> tuple["Channel", socket.socket]:
        """Our end, and the raw other end for the child."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    def fileno(self) -> int:
        """For selectors."""
        return self._sock.fileno()

    def send(self, message: Message) -> bool:
        """Whether it went out: not to one who is gone, or has stopped reading. The descriptors stay open here."""
        with suppress(OSError):
            socket.send_fds(self._sock, [message.kind + message.body], message.fds)
            return True
        return False

    def receive(self) -> list[Message] | None:
        """What has arrived; None when the other end is closed and everything has been read."""
        messages: list[Message] = []
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self._sock, _LARGEST, _SOCKETS_PER_MESSAGE)
            except BlockingIOError:
                return messages
            except OSError:
                return messages or None
            if not data:
                return messages or None
            messages.append(Message(data[:1], data[1:], tuple(fds)))

    def close(self) -> None:
        """Close this end."""
        self._sock.close()


def socket_messages(sockets: Mapping[Endpoint, socket.socket]) -> Iterator[Message]:
    """Listening sockets, on their way to another worker."""
    items = list(sockets.items())
    for at in range(0, len(items), _SOCKETS_PER_MESSAGE):
        part = items[at : at + _SOCKETS_PER_MESSAGE]
        places = json.dumps([endpoint for endpoint, _ in part]).encode()
        yield Message(SOCKETS, places, tuple(sock.fileno() for _, sock in part))


def received_sockets(message: Message) -> dict[Endpoint, socket.socket]:
    """The inverse of `socket_messages`, for one of them."""
    places = (Endpoint(*place) for place in json.loads(message.body))
    return {place: socket.socket(fileno=fd) for place, fd in zip(places, message.fds, strict=True)}
