"""Hostile TCP clients, in a process of their own: `python -m tests.server.tcp_attack PORT SLOW DEAF SECONDS`.

SLOW clients send one octet of a message per second; DEAF ones ask on and on and never read. Each has an address of its
own, and comes again when it is thrown out.
At the end, as JSON: how many were thrown out, and how late the process itself was.
"""

import asyncio
import json
import socket
import sys
import time
from contextlib import suppress

from tests.support import query

SLOW_STEP = 1.0
_BIG = query("big", "TXT")
_FRAME = len(_BIG).to_bytes(2) + _BIG


class Attack:
    """All of them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.closed = 0
        self.lag = 0.0  # how late this process itself was, at worst

    async def _connect(self, number: int) -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        sock.bind((f"127.{1 + number // 200}.1.{1 + number % 200}", 0))
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        return sock

    async def watch(self, seconds: float) -> None:
        """Return after so long, having noted how late it was in between."""
        end = time.monotonic() + seconds
        while (begun := time.monotonic()) < end:
            await asyncio.sleep(0.05)
            self.lag = max(self.lag, time.monotonic() - begun - 0.05)

    async def slow(self, number: int) -> None:
        """One octet per second."""
        await asyncio.sleep(SLOW_STEP * (number % 100) / 100)
        while True:
            with suppress(OSError), await self._connect(number) as sock:
                await self._trickle(sock)
            await asyncio.sleep(SLOW_STEP)

    async def _trickle(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        end = asyncio.ensure_future(loop.sock_recv(sock, 1))
        try:
            for octet in _FRAME:
                await loop.sock_sendall(sock, bytes((octet,)))
                done, _ = await asyncio.wait([end], timeout=SLOW_STEP)
                if done:
                    break
        finally:
            self.closed += end.done()
            end.cancel()
            with suppress(OSError, asyncio.CancelledError):
                await end

    async def deaf(self, number: int) -> None:
        """Ask and never read."""
        loop = asyncio.get_running_loop()
        while True:
            with suppress(OSError), await self._connect(number) as sock:
                while True:
                    await loop.sock_sendall(sock, _FRAME * 1000)
            await asyncio.sleep(SLOW_STEP)


async def main(port: int, slow: int, deaf: int, seconds: float) -> None:
    """Attack for so long."""
    attack = Attack(port)
    kinds = [attack.slow(number) for number in range(slow)] + [attack.deaf(slow + number) for number in range(deaf)]
    tasks = [asyncio.ensure_future(kind) for kind in kinds]
    await attack.watch(seconds)
    print(json.dumps({"closed": attack.closed, "lag": attack.lag}))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
