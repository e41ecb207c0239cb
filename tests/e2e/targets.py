"""Many small web servers on addresses of loopback, each of which can die by itself."""

import asyncio
import socket
import threading
import time
from types import TracebackType
from typing import Literal

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Targets:
    """`with Targets(addresses) as targets: ...`: all of them answer on one port, `targets.port`."""

    def __init__(self, addresses: list[str]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._silent: set[str] = set()
        self._servers: dict[str, asyncio.Server] = {}
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port: int = sock.getsockname()[1]
        self._addresses = addresses

    def __enter__(self) -> "Targets":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(self._addresses), self._loop).result(10)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kill(self, address: str, way: Literal["refuse", "hang"] = "refuse") -> float:
        """Refuse connections from now on, or accept them and say nothing. Returns the moment (monotonic)."""
        return asyncio.run_coroutine_threadsafe(self._kill(address, way), self._loop).result(5)

    def revive(self, address: str) -> None:
        """Answer again."""
        self._silent.discard(address)
        if address not in self._servers:
            asyncio.run_coroutine_threadsafe(self._listen([address]), self._loop).result(5)

    async def _listen(self, addresses: list[str]) -> None:
        for address in addresses:
            server = await asyncio.start_server(self._serve, address, self.port, backlog=512)
            self._servers[address] = server

    async def _end(self) -> None:
        for server in self._servers.values():
            server.close()
        await asyncio.sleep(0.1)  # a connection that was just accepted becomes a talk, which closes it
        talks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await asyncio.sleep(0.05)  # and the loop closes it a moment later

    async def _kill(self, address: str, way: str) -> float:
        if way == "hang":
            self._silent.add(address)
        else:
            self._servers.pop(address).close()
        return time.monotonic()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("sockname")[0]
        try:
            await reader.readuntil(b"\r\n\r\n")
            while address in self._silent:
                await asyncio.sleep(0.05)
                if reader.at_eof():
                    return
            writer.write(_OK)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # a prober that lost its patience is no news
        finally:
            writer.close()
