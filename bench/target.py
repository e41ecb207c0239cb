"""A web server on every loopback address that says 200: what probes ask. `python bench/target.py PORT [ADDRESS]`"""

import asyncio
import sys

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class _Talk(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.write(_ANSWER)
        self.transport.close()


async def main(port: int, address: str) -> None:
    """Serve until ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Talk, address, port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "0.0.0.0"))
