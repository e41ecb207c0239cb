"""One UDP socket of a worker: read a batch, answer it, send it; then again, but not for ever."""

import socket
import time
from collections.abc import Sequence

from gslb.context import UDP, Context
from gslb.server.batch import Query, Reply, open_batch
from gslb.server.sockets import kernel_drops
from gslb.server.stats import UDP6_QUERIES, UDP_KERNEL_DROPS, note_batch, note_fault
from gslb.server.tap import Respond

ROUNDS = 4  # full batches before other sockets, TCP above all, get their turn
_LAST_ROUNDS = 256  # at most, when the socket is about to close


class UdpReader:
    """Answers what arrives at a socket, which it owns."""

    def __init__(self, sock: socket.socket, context: Context, respond: Respond, stats: list[int]) -> None:
        self.sock = sock
        self._context = context
        self.respond = respond
        self._stats = stats
        self._batch = open_batch(sock, stats)
        self._drops = kernel_drops(sock)
        self._v6 = sock.family == socket.AF_INET6

    def on_readable(self) -> None:
        """Answer a few batches; the selector calls again while more waits."""
        self._rounds(ROUNDS)

    def drain(self) -> None:
        """Answer all that waits: the last act before the socket closes and its queue is lost."""
        self._rounds(_LAST_ROUNDS)

    def _rounds(self, most: int) -> None:
        batch = self._batch
        for _ in range(most):
            queries = batch.receive()
            if not queries:
                return
            self._context.now = now = time.time()
            batch.send(self._answers(queries))
            if self._v6:
                self._stats[UDP6_QUERIES] += len(queries)
            note_batch(self._stats, time.time() - now, len(queries))
            if len(queries) < batch.size:
                return

    def _answers(self, queries: Sequence[Query]) -> list[Reply]:
        respond, context = self.respond, self._context
        replies = []
        for wire, source, to in queries:
            try:
                reply = respond(context, wire, source, UDP)
            except Exception:  # a fault in one answer must not cost the others
                note_fault(self._stats)
                continue
            if reply is not None:
                replies.append((reply, to))
        return replies

    def count_drops(self) -> None:
        """Add what the kernel dropped since the last call."""
        drops = kernel_drops(self.sock)
        self._stats[UDP_KERNEL_DROPS] += drops - self._drops
        self._drops = drops

    def close(self) -> None:
        """Close the socket; where another process holds it too, its queue stays."""
        self._batch.close()
        self.sock.close()
