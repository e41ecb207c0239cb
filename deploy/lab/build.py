"""Building the lab, step by step. A step that is done already takes no time, so a second start is quick."""

import shutil
import sys
import time
from collections.abc import Callable

from deploy.lab import files, network, seed, services, watching, zabbix
from deploy.lab.database.etcd import NoMajorityError
from deploy.lab.database.ledger import View
from deploy.lab.insight import resolve, status, view
from deploy.lab.plan import CENTRES, FOLDER, OUTSIDE, PGPOOL_PORT, RESOLVER, TOKYO, VOTERS, ZONE, Site, other
from deploy.lab.processes import LabError, Ready, end_all, run
from deploy.lab.times import TAKEOVER


def up(profile: str) -> None:
    """Build what is not there. Raises LabError with the place of the log."""
    begun = time.monotonic()
    steps: list[tuple[str, Callable[[], None]]] = [
        ("networks of three sites and the outside", _networks),
        ("files", lambda: files.write_all(profile)),
        ("etcd: three members", _etcd),
        ("PostgreSQL at tokyo, with Zabbix's tables", lambda: _primary(f"{TAKEOVER[profile]:.0f}s")),
        ("PostgreSQL at osaka follows, and is in sync", _standby),
        ("Pgpool-II at both sites", _pgpool),
        ("Zabbix servers: one active, one standby", _zabbix),
        ("front ends", _front_ends),
        ("the root, example.com and the users' resolver", _names),
        ("gslb nodes agree", _nodes),
        ("an agent, and what Zabbix knows of it", _agent),
        ("Zabbix watches the nodes: deploy/zabbix/", watching.configure),
        ("a user sees the front end by its name", _user),
    ]
    for number, (text, do) in enumerate(steps, 1):
        print(f"[{number:2}/{len(steps)}] {text} ...", end="", flush=True)
        since = time.monotonic()
        try:
            do()
        except (LabError, OSError) as error:
            print(f" FAILED\n{error}", file=sys.stderr)
            raise SystemExit(1) from error
        print(f" {time.monotonic() - since:.1f} s", flush=True)
    print(f"The lab stands after {time.monotonic() - begun:.0f} s.\n")
    status()


def down() -> None:
    """End every process of the lab, remove its namespaces and its folder; say what was there."""
    names = network.standing()
    end_all()
    network.tear_down()
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    print(f"{len(names)} namespaces and {FOLDER} are gone." if names else "There was no lab.")


def _networks() -> None:
    if network.standing() and not FOLDER.exists():
        raise LabError("another checkout's lab stands on this machine: `make lab-down` there")
    for user in ("postgres", "zabbix", "www-data", "bind", "unbound"):
        _reachable(user)
    FOLDER.mkdir(parents=True, exist_ok=True)
    network.build()


def _reachable(user: str) -> None:
    closed = [folder for folder in FOLDER.parents if folder.exists() and not folder.stat().st_mode & 0o001]
    if closed:
        raise LabError(f"user {user} cannot enter {closed[0]}: chmod o+x, or move the checkout")


def _etcd() -> None:
    for site in VOTERS:
        services.etcd(site).start()
    for site in VOTERS:
        endpoint = f"http://{site.etcd}:2379"
        services.etcd(site).ready(Ready(site.host("dns"), "etcdctl", "--endpoints", endpoint, "endpoint", "health"))


def _primary(failover_delay: str) -> None:
    seed.create()
    guardian = services.guardian(TOKYO)
    guardian.start()
    if not seed.filled():
        guardian.ready(seed.answers, 60)
        seed.fill(failover_delay)


def _standby() -> None:
    guardian = services.guardian(other(TOKYO))
    guardian.start()
    guardian.ready(lambda: _agreed(lambda found: found.holder != "" and found.synced != ""), 120)


def _agreed(good: Callable[[View], bool]) -> bool:
    try:
        return good(view())
    except NoMajorityError:
        return False


def _pgpool() -> None:
    for site in CENTRES:
        services.pgpool(site).start()
        services.keeper(site).start()
    for site in CENTRES:
        place = f"host=127.0.0.1 port={PGPOOL_PORT} user=zabbix dbname=zabbix password={files.passwords()['zabbix']}"
        query = Ready(site.host("app"), "psql", "-XAtqc", "SELECT 1 / (NOT pg_is_in_recovery())::int", place)
        services.pgpool(site).ready(query, 60)


def _zabbix() -> None:
    for site in CENTRES:
        services.zabbix(site).start()
    for site in CENTRES:
        services.zabbix(site).ready(_one_is_active, 90)


def _one_is_active() -> bool:
    """Only the active server listens."""
    return any(map(listens, CENTRES))


def listens(site: Site) -> bool:
    """Whether a site's Zabbix server is the active one."""
    return ":10051 " in run(site.host("app"), "ss", "-ltn")


def _front_ends() -> None:
    for site in CENTRES:
        services.php(site).start()
        services.nginx(site).start()
    for site in CENTRES:
        url = f"http://{site.host('app').address}/database.php"
        services.nginx(site).ready(Ready(site.host("app"), "curl", "-sfo", "/dev/null", url))


def _names() -> None:
    services.named().start()
    services.unbound().start()
    services.named().ready(_resolves("example.com", OUTSIDE.host("parent").address))
    services.unbound().ready(_resolves("example.com", RESOLVER.address))


def _resolves(name: str, server: str) -> Ready:
    script = f"dig +time=1 +tries=1 +short {name} SOA @{server} | grep -q ."
    return Ready(OUTSIDE.host("user"), "sh", "-c", script)


def _nodes() -> None:
    for site in VOTERS:
        services.node(site).start()
    for site in VOTERS:
        fresh = f"curl -sf http://{site.host('dns').address}:8053/readyz | grep -q '\"fresh\": *true'"
        services.node(site).ready(Ready(site.host("dns"), "sh", "-c", fresh), 60)
    script = f"dig +time=1 +tries=1 +short zabbix.{ZONE} @{RESOLVER.address} | grep -q ."
    services.unbound().ready(Ready(OUTSIDE.host("user"), "sh", "-c", script))


def _agent() -> None:
    zabbix.configure()
    if not services.agent().process():  # whom it cannot reach it tries again after a minute
        services.unbound().ready(_leads_to_the_active, 60)
    services.agent().start()


def _leads_to_the_active() -> bool:
    return resolve("zabbix-server") == [site.host("app").address for site in CENTRES if listens(site)]


def _user() -> None:
    page = run(OUTSIDE.host("user"), "sh", "-c", f"dig +short zabbix.{ZONE} @{RESOLVER.address} | head -1").strip()
    body = run(OUTSIDE.host("user"), "curl", "-sS", "-H", f"Host: zabbix.{ZONE}", f"http://{page}/index.php")
    if "Zabbix" not in body:
        raise LabError(f"the front end at {page} shows no login page:\n{body[:500]}")
