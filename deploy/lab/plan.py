"""What stands where: sites, hosts, addresses. The addresses are those of zones/zabbix.yaml, which is served as it is.

Three hosts at each data centre, since they fail apart:

- `app` runs what users and agents talk to, nginx with PHP and the Zabbix server, and the Pgpool that both use on
  127.0.0.1. They share a host because "127.0.0.1" must mean the same Pgpool to both.
- `db` runs PostgreSQL and its guardian: its path to `app` can be cut while both live.
- `dns` runs the gslb node and the etcd member: what decides must outlive what is decided about.
"""

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "lab"
TEMPLATES = Path(__file__).parent / "etc"
ZONE = "gslb.example.com"
PYTHON = "/usr/bin/python3"  # for users who may not enter root's home, where this checkout's own may live

PGPOOL_PORT, PCP_PORT = 9999, 9898
API_PORT = 8053
ETCD_CLIENTS, ETCD_PEERS = 2379, 2380


class Host(NamedTuple):
    """A namespace with one interface. `address` is IPv4; `more` are further addresses of both families."""

    site: str
    kind: str
    address: str
    more: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.site}-{self.kind}"

    @property
    def folder(self) -> Path:
        """Its configuration, data, logs and sockets."""
        return FOLDER / self.site / self.kind


class Site(NamedTuple):
    """A network with a router, which is `.1` and `::1` in it."""

    name: str
    net4: str
    net6: str
    hosts: tuple[Host, ...]

    @property
    def gateway(self) -> str:
        return f"{self.net4}.1"

    def host(self, kind: str) -> Host:
        return next(host for host in self.hosts if host.kind == kind)

    @property
    def etcd(self) -> str:
        return f"{self.net4}.21"


def _centre(name: str, net4: str, net6: str) -> Site:
    return Site(
        name,
        net4,
        net6,
        (
            Host(name, "dns", f"{net4}.53", (f"{net4}.21", f"{net6}::53")),
            Host(name, "db", f"{net4}.20"),
            Host(name, "app", f"{net4}.10", (f"{net6}::10",)),
        ),
    )


TOKYO = _centre("tokyo", "192.0.2", "2001:db8:a")  # data centre A
OSAKA = _centre("osaka", "198.51.100", "2001:db8:b")  # data centre B
NAGOYA = Site(
    "nagoya", "203.0.113", "2001:db8:c", (Host("nagoya", "dns", "203.0.113.53", ("203.0.113.21", "2001:db8:c::53")),)
)
OUTSIDE = Site(
    "outside",
    "198.18.0",
    "2001:db8:f",
    (
        Host("outside", "parent", "198.18.0.53"),  # BIND: the root and example.com
        Host("outside", "resolver", "198.18.0.54"),  # unbound, the users'
        Host("outside", "user", "198.18.0.80", ("2001:db8:f::80",)),
        Host("outside", "agent", "198.18.0.81"),
    ),
)
CENTRES = (TOKYO, OSAKA)
VOTERS = (TOKYO, OSAKA, NAGOYA)  # each with an etcd member and a prober
SITES = (*VOTERS, OUTSIDE)
HOSTS = tuple(host for site in SITES for host in site.hosts)
RESOLVER = OUTSIDE.host("resolver")


def other(site: Site) -> Site:
    """The data centre that a data centre stands by for."""
    return OSAKA if site is TOKYO else TOKYO


def endpoints(first: Site) -> tuple[str, ...]:
    """Client URLs of the etcd members: the nearest first, then the witness, which a cut between two sites leaves."""
    nearest = sorted(VOTERS, key=lambda site: (site is not first, site in CENTRES))
    return tuple(f"http://{site.etcd}:{ETCD_CLIENTS}" for site in nearest)
