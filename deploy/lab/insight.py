"""What the lab looks like at this moment."""

import functools
import subprocess
from typing import Any

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


def timeline(site: Site) -> int:
    """How often a primary was promoted, as PostgreSQL itself counts: each promotion begins the next timeline."""
    return int(sql(site, "SELECT pg_walfile_name(pg_current_wal_lsn())")[:8], 16)


def zabbix_roles(site: Site) -> dict[str, str]:
    """What the Zabbix servers of the high availability do, by their names, as a site's database has it: "active",
    "standby", or else "silent": stopped, or nothing heard of it for a while, which Zabbix's API tells much later."""
    words = "CASE WHEN lastaccess < extract(epoch FROM now()) - 15 THEN 'silent' WHEN status = 3 THEN 'active'"
    query = f"SELECT name, {words} WHEN status = 0 THEN 'standby' ELSE 'silent' END FROM ha_node"
    return dict(line.split("|", 1) for line in sql(site, query).splitlines())


def stored(site: Site, above: int) -> set[int]:
    """The numbers of the lab's agent that are in the database of a site, above one of them."""
    query = "SELECT DISTINCT value FROM history_uint JOIN items USING (itemid) WHERE key_ = 'lab.count'"
    return set(map(int, sql(site, f"{query} AND value > {above}").split()))


def written(site: Site, by: str, above: int) -> set[int]:
    """The same of the rows that a site's writer wrote."""
    return set(map(int, sql(site, f"SELECT number FROM lab_writes WHERE site = '{by}' AND number > {above}").split()))


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


def picture() -> dict[str, Any]:
    """All of it, for JSON."""
    try:
        found = view()
        ledger = {"term": found.number, "site": found.site, "holder": found.holder, "synced": found.synced}
    except NoMajorityError as error:
        ledger = {"fault": f"no majority of etcd: {error}"}
    return {
        "not_running": [f"{s.name} of {s.host.name}" for s in services.everything() if not s.process()],
        "database": ledger,
        "sites": {site.name: {"postgresql": role(site), "pgpool": pools(site)} for site in CENTRES},
        "names": {f"{name}.{ZONE}": resolve(name) for name in ("zabbix", "zabbix-server", "zabbix-db")},
    }


def status() -> None:
    """Print it."""
    found = picture()
    ledger = found["database"]
    print(f"not running: {', '.join(found['not_running']) or 'nothing'}")
    if "fault" in ledger:
        print(f"database: {ledger['fault']}")
    else:
        print(f"database: term {ledger['term']} of {ledger['site']}, ", end="")
        print(f"held by {ledger['holder'] or 'nobody'}, in sync: {ledger['synced'] or 'nobody'}")
    for site, one in found["sites"].items():
        print(f"{site}: PostgreSQL {one['postgresql']}; Pgpool: {one['pgpool']}")
    for name, addresses in found["names"].items():
        print(f"{name}: {' '.join(addresses) or '-'}")
