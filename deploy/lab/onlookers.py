"""Who watches: both database servers at the same time, and what each name server and the users' resolver answer."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import dns.exception
import dns.message
import dns.rdatatype

from deploy.lab.database.etcd import NoMajorityError
from deploy.lab.insight import role, view
from deploy.lab.people import SITES, Person
from deploy.lab.plan import CENTRES, RESOLVER, ZONE

NAMES = ("zabbix", "zabbix-server", "zabbix-db")
SERVERS = {**{site.name: site.host("dns").address for site in CENTRES}, "resolver": RESOLVER.address}
_LOOKERS = ThreadPoolExecutor(len(CENTRES))
_TAKES = 0.25  # seconds that answers are waited for
_LATELY = 4.0  # seconds: a name that leads to both sites, in shares, has shown both by then


class Primaries(NamedTuple):
    """One look: which sites' servers take writes, and whose term it is (0 = no majority answered)."""

    when: float
    sites: tuple[str, ...]
    term: int


class Answer(NamedTuple):
    """What one server said of a name, and when: the sites that it leads to."""

    when: float
    server: str  # the site of a name server, or "resolver"
    name: str
    sites: tuple[str, ...]


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


class Names(Person):
    """Asks one server for each name, again and again, from where users are. Who does not answer says nothing."""

    pause = 0.01

    def __init__(self, server: str) -> None:
        super().__init__("user")
        self.answers: list[Answer] = []
        self._server = server
        self._queries = [dns.message.make_query(f"{name}.{ZONE}", "A", id=at) for at, name in enumerate(NAMES)]
        self._socket: socket.socket | None = None

    def led_to(self) -> str:
        """In a few words, where each name has led lately."""
        now = time.monotonic()
        lately: dict[str, set[str]] = {}
        for answer in reversed(self.answers):
            if now - answer.when > _LATELY:
                break
            lately.setdefault(answer.name, set()).update(answer.sites)
        return ", ".join(f"{name} {'/'.join(sorted(lately[name]))}" for name in NAMES if name in lately) or "none"

    def _once(self) -> None:
        if self._socket is None:  # made here, since a socket belongs to the network of the thread that makes it
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.connect((SERVERS[self._server], 53))
        until = time.monotonic() + _TAKES
        for query in self._queries:
            self._send(query.to_wire())
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                self._take(self._socket.recv(4096))
            except OSError:  # nobody listens there, or the time is over
                time.sleep(max(0.0, until - time.monotonic()))

    def _send(self, wire: bytes) -> None:
        assert self._socket
        try:
            self._socket.send(wire)
        except OSError:
            pass  # the error is of an earlier one: nobody listens there

    def _take(self, wire: bytes) -> None:
        """An answer counts when it comes, however late."""
        when = time.monotonic()
        try:
            reply = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return
        found = [item.to_text() for rrset in reply.answer for item in rrset if rrset.rdtype == dns.rdatatype.A]
        if found and reply.id < len(NAMES):
            sites = tuple(sorted({SITES[address] for address in found}))
            self.answers.append(Answer(when, self._server, NAMES[reply.id], sites))

    def _close(self) -> None:
        if self._socket:
            self._socket.close()
