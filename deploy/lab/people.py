"""Who notices: a user in a browser session, an agent that sends numbers, and a watch on who is primary.

Each is a loop in a thread of its own, in the network of its host, until `ended` is set. Times are monotonic seconds.
"""

import http.client
import json
import re
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlencode

import dns.exception
import dns.message
import dns.query

from deploy.lab.database.etcd import NoMajorityError
from deploy.lab.foot import Foot
from deploy.lab.insight import role, view
from deploy.lab.plan import CENTRES, OUTSIDE, RESOLVER, ZONE

_SITES = {address: site.name for site in CENTRES for address in (site.host("app").address, site.host("db").address)}
_PAGE = "/zabbix.php?action=userprofile.edit"
_LOOKERS = ThreadPoolExecutor(len(CENTRES))
_PATIENCE = 3.0  # seconds that a user waits for a page, and the agent for an answer


class Visit(NamedTuple):
    """One request of the user: `site` is where it went, `fault` is empty where it showed the page."""

    begun: float
    ended: float
    site: str
    fault: str


class Primaries(NamedTuple):
    """One look: which sites' servers take writes, and whose term it is (0 = no majority answered)."""

    when: float
    sites: tuple[str, ...]
    term: int


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

    def __init__(self, kind: str) -> None:
        self._ended = threading.Event()
        self._foot = Foot(OUTSIDE.host(kind))

    def begin(self) -> None:
        self._loop = self._foot.begin(self._run)

    def end(self) -> None:
        """Returns when the last round is over; raises what went wrong in it."""
        self._ended.set()
        self._loop.result(30)

    def _run(self) -> None:
        while not self._ended.wait(self.pause):
            self._once()

    def _once(self) -> None:
        raise NotImplementedError


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
            site = _SITES[address]
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
        connection = http.client.HTTPConnection(address, timeout=_PATIENCE)
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
        self.waits: list[tuple[float, float]] = []  # when a number was first tried, and when it was taken
        self._queue: list[tuple[int, float, float]] = []

    def _once(self) -> None:
        self.last += 1
        self._queue.append((self.last, time.time(), time.monotonic()))
        try:
            self._send(resolve("zabbix-server"))
        except OSError:
            return
        now = time.monotonic()
        self.waits += [(begun, now) for _, _, begun in self._queue]
        self._queue.clear()

    def _send(self, address: str) -> None:
        data = [
            {"host": "lab-agent", "key": "lab.count", "value": str(n), "clock": int(at), "ns": int(at % 1 * 1e9)}
            for n, at, _ in self._queue
        ]
        body = json.dumps({"request": "sender data", "data": data}).encode()
        with socket.create_connection((address, 10051), _PATIENCE) as sock:
            sock.sendall(b"ZBXD\x01" + struct.pack("<II", len(body), 0) + body)
            with sock.makefile("rb") as file:
                answer = json.loads(file.read()[13:] or b"{}")
        if f"processed: {len(data)};" not in answer.get("info", ""):
            raise OSError(f"the server took not all of it: {answer}")

    def taken(self) -> set[int]:
        """The numbers that a server has acknowledged."""
        return set(range(self.first + 1, self.last + 1)) - {number for number, _, _ in self._queue}

    @property
    def unsent(self) -> int:
        return len(self._queue)


class Watch(Person):
    """Looks at both servers at the same time: two primaries at once must never be."""

    def __init__(self) -> None:
        super().__init__("user")
        self.seen: list[Primaries] = []

    def _once(self) -> None:
        when = time.monotonic()
        looks = [_LOOKERS.submit(role, site) for site in CENTRES]
        try:
            term = view().number
        except NoMajorityError:
            term = 0
        sites = tuple(site.name for site, look in zip(CENTRES, looks, strict=True) if look.result() == "primary")
        self.seen.append(Primaries(when, sites, term))


def _text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)).strip()[:120]
