"""A whole node in this process (`workers: 0`), with real sites that it probes, real queries and real HTTP."""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import dns.asyncquery
import dns.message
import pytest

from gslb.api.listening import retire
from gslb.api.main import run_node
from gslb.control.course import starting_plan
from tests.api import contract

SITES = {"tokyo": "127.0.0.11", "osaka": "127.0.0.12"}

NODE = """
node: {{name: tokyo-1, site: tokyo, roles: [dns, probe, api]}}
listen: {{dns: ["127.0.0.1:{dns}"], api: "127.0.0.1:{api}"}}
workers: 0
zones: zones/
state: state/
probe: {{allow: [127.0.0.0/8]}}
"""

ZONES = """
sites:
  tokyo: {{country: JP}}
  osaka: {{country: JP}}
monitors:
  web: {{type: tcp, port: {port}, interval: 100ms, timeout: 100ms, fall: 2, rise: 2}}
pools:
  web:
    monitors: [web]
    members:
      tokyo: {{site: tokyo, addresses: [127.0.0.11], weight: 60}}
      osaka: {{site: osaka, addresses: [127.0.0.12], weight: 40}}
zones:
  gslb.example.com:
    soa: {{mname: ns1, rname: hostmaster.example.com., serial: 7}}
    ns: [ns1]
    records: {{ns1: {{A: [192.0.2.53]}}}}
    names:
      www: {{pool: web, ttl: 30}}
"""


class Site:
    """A data centre: a TCP server on its own loopback address."""

    def __init__(self, host: str, port: int) -> None:
        self._place = host, port
        self._server: asyncio.Server | None = None

    async def mend(self, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections."""
        self._server = await asyncio.start_server(lambda _, writer: writer.close(), *self._place, ssl=tls)

    async def break_(self) -> None:
        """Refuse connections."""
        if self._server:
            await retire(self._server)
            await self._server.wait_closed()
            self._server = None


class Node:
    """A node that tests start, ask, and stop; its folder stays over a restart."""

    def __init__(self, folder: Path, dns_port: int, api_port: int, site_port: int) -> None:
        self.folder = folder
        self.dns_port = dns_port
        self.site_port = site_port
        self.api = f"http://127.0.0.1:{api_port}"
        self.sites = {name: Site(host, site_port) for name, host in SITES.items()}
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        (folder / "zones").mkdir()
        (folder / "gslb.yaml").write_text(NODE.format(dns=dns_port, api=api_port))
        self.write_zones(ZONES.format(port=site_port))

    def write_zones(self, text: str) -> None:
        """Replace the zones file."""
        (self.folder / "zones" / "test.yaml").write_text(text)

    @property
    def zones(self) -> str:
        """The zones file."""
        return (self.folder / "zones" / "test.yaml").read_text()

    @property
    def path(self) -> str:
        """The node file."""
        return str(self.folder / "gslb.yaml")

    async def start(self) -> None:
        """Start, and return when it answers the API. What goes wrong at the start is raised."""
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(run_node(self.path, starting_plan(self.path), self._stop))
        while not self._task.done():
            try:
                await self.call("GET", "/livez")
                return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.005)
        await self._task

    async def stop(self) -> None:
        """Stop in order."""
        if self._task:
            self._stop.set()
            await self._task
            self._task = None

    @property
    def token(self) -> str:
        """The API token."""
        return (self.folder / "state" / "token").read_text().strip()

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """One API request with the token: (status, document)."""
        token = self.folder / "state" / "token"
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"} if token.exists() else {}
        headers.update(options.pop("headers", {}))
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.api + path, json=body, headers=headers, **options) as response,
        ):
            contract.check(method, path, response.status, await response.text())
            return response.status, await response.json(content_type=None)

    async def ask(self, qname: str = "www", rtype: str = "A") -> dns.message.Message:
        """One query over UDP."""
        query = dns.message.make_query(f"{qname}.gslb.example.com.", rtype, use_edns=0)
        return await dns.asyncquery.udp(query, "127.0.0.1", 2.0, self.dns_port)

    async def served(self, times: int = 40) -> set[str]:
        """The sites in so many answers."""
        names = {host: name for name, host in SITES.items()}
        found = set()
        for _ in range(times):
            for rrset in (await self.ask()).answer:
                found.update(names[item.to_text()] for item in rrset)
        return found

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = 4.0) -> None:
        """Wait for `await condition()` to be true."""
        async with asyncio.timeout(seconds):
            while not await condition():
                await asyncio.sleep(0.01)

    async def until_served(self, *sites: str) -> None:
        """Wait until answers hold these sites and no other."""

        async def so() -> bool:
            return await self.served() == set(sites)

        await self.until(so)

    async def fresh(self, path: str, **options: Any) -> Any:
        """The document of `path` once it says that it is `fresh`: a generation may just be on its way to workers."""
        view: dict[str, Any] = {}

        async def so() -> bool:
            nonlocal view
            status, view = await self.call("GET", path, **options)
            assert status == 200, view
            return bool(view["fresh"])

        await self.until(so)
        return view


def port_of_sites() -> int:
    """A port that is free at every site, below those that outgoing connections take meanwhile."""
    while True:
        port = random.randrange(20_000, 32_000)
        try:
            for host in SITES.values():
                socket.create_server((host, port)).close()
        except OSError:
            continue
        return port


@pytest.fixture
async def stopped_node(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Node]:
    """A node that is not started; both of its sites live."""
    node = Node(tmp_path, free_port(), free_port(), port_of_sites())
    for site in node.sites.values():
        await site.mend()
    yield node
    await node.stop()
    for site in node.sites.values():
        await site.break_()


@pytest.fixture
async def node(stopped_node: Node) -> Node:
    """A node that answers from both sites."""
    await stopped_node.start()
    await stopped_node.until_served("tokyo", "osaka")
    return stopped_node
