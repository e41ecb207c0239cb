"""Who notices: a user in a browser session, an agent that sends numbers, and who writes to the database.

Each is a loop in a thread of its own, in the network of its host, until `ended` is set. Times are monotonic seconds.
"""

import asyncio
import http.client
import json
import re
import socket
import struct
import threading
import time
from typing import NamedTuple
from urllib.parse import urlencode

import asyncpg
import dns.exception
import dns.message
import dns.query

from deploy.lab.files import passwords
from deploy.lab.foot import Foot
from deploy.lab.plan import CENTRES, OUTSIDE, PGPOOL_PORT, RESOLVER, ZONE, Site

SITES = {address: site.name for site in CENTRES for address in (site.host("app").address, site.host("db").address)}
PATIENCE = 3.0  # seconds that a user waits for a page, the agent for an answer, and a writer for its commit
_REFUSALS = (OSError, EOFError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_PAGE = "/zabbix.php?action=userprofile.edit"


class Visit(NamedTuple):
    """One request of the user: `site` is where it went, `fault` is empty where it showed the page."""

    begun: float
    ended: float
    site: str
    fault: str


class Value(NamedTuple):
    """A number of the agent: when it was tried first, when a server took it, and whose server."""

    number: int
    tried: float
    taken: float
    site: str


class Write(NamedTuple):
    """A row that a site's Pgpool was given; `fault` is empty where it acknowledged the commit."""

    number: int
    begun: float
    ended: float
    fault: str


def resolve(name: str) -> str:
    """The address that the users' resolver gives for a name of the zone. It keeps the TTL. Raises OSError."""
    try:
        query = dns.message.make_query(f"{name}.{ZONE}", "A")
        reply = dns.query.udp(query, RESOLVER.address, timeout=2)
    except dns.exception.DNSException as error:
        raise OSError(f"no address: {error}") from error
    found: list[str] = [item.to_text() for rrset in reply.answer for item in rrset if rrset.rdtype == 1]
    if not found:
        raise OSError("no address")
    return found[0]


class Person:
    """`begin()`, then `end()`; `_once()` is one round, every `pause` seconds."""

    pause = 0.5

    def __init__(self, kind: str, site: Site = OUTSIDE) -> None:
        self._ended = threading.Event()
        self._foot = Foot(site.host(kind))

    def begin(self) -> None:
        self._rounds = self._foot.begin(self._run)

    def end(self) -> None:
        """Returns when the last round is over; raises what went wrong in it."""
        self._ended.set()
        self._rounds.result(30)

    def _run(self) -> None:
        while not self._ended.wait(self.pause):
            self._once()
        self._close()

    def _once(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        """After the last round, in the same thread."""


class User(Person):
    """Logs in once, and then opens a page again and again. The session is in the database, so any site knows it."""

    def __init__(self) -> None:
        super().__init__("user")
        self.visits: list[Visit] = []
        self._cookie = ""

    def _once(self) -> None:
        begun, site = time.monotonic(), ""
        try:
            address = resolve("zabbix")
            site = SITES[address]
            fault = self._open(address)
        except (OSError, http.client.HTTPException) as error:
            fault = f"{type(error).__name__}: {error}"
        self.visits.append(Visit(begun, time.monotonic(), site, fault))

    def _open(self, address: str) -> str:
        if not self._cookie:
            form = urlencode({"name": "Admin", "password": "zabbix", "autologin": "1", "enter": "Sign in"})
            status, _ = self._request(address, "POST", "/index.php", form)
            if status != 302:
                return f"login: status {status}"
        status, page = self._request(address, "GET", _PAGE)
        if status == 200 and "User profile" in page:
            return ""
        return f"status {status}, {_text(page)}"

    def _request(self, address: str, method: str, path: str, body: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection(address, timeout=PATIENCE)
        headers = {"Host": f"zabbix.{ZONE}", "Cookie": self._cookie}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        finally:
            connection.close()
        cookie = next((v for v in response.headers.get_all("Set-Cookie", []) if v.startswith("zbx_session=")), "")
        if response.status in (200, 302) and cookie and "zbx_session=deleted" not in cookie:
            self._cookie = cookie.partition(";")[0]
        return response.status, text


class Agent(Person):
    """Sends 1, 2, 3 ... to whoever is the active server. A number that was not taken is sent again, as agents do."""

    def __init__(self) -> None:
        super().__init__("agent")
        self.first = self.last = int(time.time()) * 1000  # unlike those of any other agent
        self.values: list[Value] = []
        self._queue: list[tuple[int, float, float]] = []

    def _once(self) -> None:
        self.last += 1
        self._queue.append((self.last, time.time(), time.monotonic()))
        try:
            address = resolve("zabbix-server")
            self._send(address)
        except OSError:
            return
        now = time.monotonic()
        self.values += [Value(number, tried, now, SITES[address]) for number, _, tried in self._queue]
        self._queue.clear()

    def _send(self, address: str) -> None:
        data = [
            {"host": "lab-agent", "key": "lab.count", "value": str(n), "clock": int(at), "ns": int(at % 1 * 1e9)}
            for n, at, _ in self._queue
        ]
        body = json.dumps({"request": "sender data", "data": data}).encode()
        with socket.create_connection((address, 10051), PATIENCE) as sock:
            sock.sendall(b"ZBXD\x01" + struct.pack("<II", len(body), 0) + body)
            with sock.makefile("rb") as file:
                answer = json.loads(file.read()[13:] or b"{}")
        if f"processed: {len(data)};" not in answer.get("info", ""):
            raise OSError(f"the server took not all of it: {answer}")

    @property
    def unsent(self) -> int:
        return len(self._queue)


class Writer(Person):
    """Commits 1, 2, 3 ... to a table of the lab's own, through a site's Pgpool, as its Zabbix does. Never twice."""

    pause = 0.2

    def __init__(self, site: Site) -> None:
        super().__init__("app", site)
        self.site = site.name
        self.writes: list[Write] = []
        self.first = self._last = int(time.time()) * 1000
        self._password = passwords()["zabbix"]
        self._loop = asyncio.Runner()
        self._link: asyncpg.Connection | None = None

    def _once(self) -> None:
        self._last += 1
        begun, fault = time.monotonic(), ""
        try:
            self._loop.run(self._write(self._last))
        except _REFUSALS as error:
            fault = f"{type(error).__name__}: {error}"
            self._hang_up()
        self.writes.append(Write(self._last, begun, time.monotonic(), fault))

    async def _write(self, number: int) -> None:
        self._link = self._link or await asyncpg.connect(
            host="127.0.0.1",
            port=PGPOOL_PORT,
            user="zabbix",
            database="zabbix",
            password=self._password,
            ssl=False,
            timeout=PATIENCE,
        )
        await self._link.execute(f"INSERT INTO lab_writes VALUES ('{self.site}', {number})", timeout=PATIENCE)

    def _hang_up(self) -> None:
        if self._link:
            self._link.terminate()
        self._link = None

    def _close(self) -> None:
        self._hang_up()
        self._loop.close()


def _text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)).strip()[:120]
