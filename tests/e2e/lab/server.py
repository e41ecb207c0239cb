"""Target servers of one site: server.py PORT ADDRESS...; each address answers, refuses, hangs or fails.

Lines on stdin are "ADDRESS MODE"; each is answered on stdout by the monotonic time at which it was done.
"""

import asyncio
import sys
import time

_GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
_BAD = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwrong"


class Servers:
    """One listening socket for each address that does not refuse."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._modes: dict[str, str] = {}
        self._listening: dict[str, asyncio.Server] = {}

    async def turn(self, address: str, mode: str) -> float:
        """Change the mode of an address: ok, refuse, tarpit (accept and never answer) or error (status 500)."""
        self._modes[address] = mode
        server = self._listening.pop(address, None) if mode == "refuse" else None
        if server:
            server.close()
        elif mode != "refuse" and address not in self._listening:
            self._listening[address] = await asyncio.start_server(self._serve, address, self._port, backlog=512)
        return time.monotonic()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("sockname")[0]
        try:
            await reader.readuntil(b"\r\n\r\n")
            if self._modes[address] == "tarpit":
                await reader.read()
                return
            writer.write(_GOOD if self._modes[address] == "ok" else _BAD)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # a prober that lost its patience is no news
        finally:
            writer.close()


async def main(port: int, addresses: list[str]) -> None:
    """Serve until stdin ends."""
    servers = Servers(port)
    for address in addresses:
        await servers.turn(address, "ok")
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    print(time.monotonic(), flush=True)
    while line := (await orders.readline()).decode().split():
        print(await servers.turn(*line), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2:]))
