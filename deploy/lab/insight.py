"""What the lab looks like at this moment."""

import functools
import subprocess

import dns.exception
import dns.message
import dns.query

from deploy.lab import services
from deploy.lab.database.etcd import Etcd, NoMajorityError
from deploy.lab.database.ledger import Ledger, View
from deploy.lab.foot import Foot
from deploy.lab.plan import CENTRES, NAGOYA, OUTSIDE, PGPOOL_PORT, RESOLVER, ZONE, Site, endpoints
from deploy.lab.processes import LabError, run


@functools.cache
def witness() -> Foot:
    """At the witness, which no scenario of two sites cuts off."""
    return Foot(NAGOYA.host("dns"))


@functools.cache
def user() -> Foot:
    return Foot(OUTSIDE.host("user"))


def view() -> View:
    """The ledger, as a majority knows it. Raises NoMajorityError."""
    return witness().do(Ledger(Etcd(endpoints(NAGOYA))).view)


def change(site: str) -> bool:
    """Give the turn to a site by an operator's word."""
    ledger = Ledger(Etcd(endpoints(NAGOYA)))
    return witness().do(lambda: ledger.force(ledger.view(), site))


def resolve(name: str, rtype: str = "A") -> list[str]:
    """What the users' resolver says of a name of the zone; nothing where it says nothing."""
    query = dns.message.make_query(f"{name}.{ZONE}", rtype)
    try:
        reply = user().do(lambda: dns.query.udp(query, RESOLVER.address, timeout=3))
    except (dns.exception.DNSException, OSError):
        return []
    return [item.to_text() for rrset in reply.answer for item in rrset if rrset.rdtype in (1, 28)]


def role(site: Site) -> str:
    """What a site's PostgreSQL says that it is: primary, standby, or nothing."""
    folder = site.host("db").folder / "postgresql"
    query = "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END"
    try:
        return run(site.host("db"), "psql", "-h", str(folder), "-XAtqc", query, user="postgres", seconds=2).strip()
    except (LabError, subprocess.TimeoutExpired):
        return "-"


def sql(site: Site, query: str, database: str = "zabbix") -> str:
    """What a superuser's query answers at one site, by its socket. Raises LabError."""
    folder = site.host("db").folder / "postgresql"
    return run(site.host("db"), "psql", "-h", str(folder), "-XAtqc", query, database, user="postgres").strip()


def stored(site: Site) -> set[int]:
    """The numbers of the lab's agent that are in the database of a site."""
    query = "SELECT DISTINCT value FROM history_uint JOIN items USING (itemid) WHERE key_ = 'lab.count'"
    return set(map(int, sql(site, query).split()))


def pools(site: Site) -> str:
    """A site's Pgpool: each server with its state and role."""
    folder = site.host("app").folder / "pgpool"
    place = f"host=127.0.0.1 port={PGPOOL_PORT} user=pgpool dbname=postgres passfile={folder}/pgpass"
    try:
        text = run(site.host("app"), "psql", "-XAtqc", "SHOW pool_nodes", place, user="postgres", seconds=2)
    except (LabError, subprocess.TimeoutExpired):
        return "does not answer"
    rows = [line.split("|") for line in text.split()]
    return ", ".join(f"{row[1]} {row[3]} {row[6]}" for row in rows if len(row) > 6)


def status() -> None:
    """Print it."""
    missing = [f"{s.name} of {s.host.name}" for s in services.everything() if not s.process()]
    print(f"not running: {', '.join(missing) or 'nothing'}")
    try:
        found = view()
        print(f"database: term {found.number} of {found.site}, held by {found.holder or 'nobody'}, ", end="")
        print(f"in sync: {found.synced or 'nobody'}")
    except NoMajorityError as error:
        print(f"database: no majority of etcd: {error}")
    for site in CENTRES:
        print(f"{site.name}: PostgreSQL {role(site)}; Pgpool: {pools(site)}")
    for name in ("zabbix", "zabbix-server", "zabbix-db"):
        print(f"{name}.{ZONE}: {' '.join(resolve(name)) or '-'}")
