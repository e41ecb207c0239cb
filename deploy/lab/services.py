"""Every program of the lab: how it is started, and how to see that it works."""

import sys

from deploy.lab.files import BACKENDS, RESOLV, peer_server
from deploy.lab.plan import (
    CENTRES,
    ETCD_CLIENTS,
    ETCD_PEERS,
    OUTSIDE,
    PCP_PORT,
    PGPOOL_PORT,
    PYTHON,
    TOKYO,
    VOTERS,
    Site,
    endpoints,
    other,
)
from deploy.lab.processes import Service

_NAMES = {"/etc/resolv.conf": RESOLV}


def etcd(site: Site) -> Service:
    clients, peers = f"http://{site.etcd}:{ETCD_CLIENTS}", f"http://{site.etcd}:{ETCD_PEERS}"
    host = site.host("dns")
    argv = [
        *("etcd", "--name", site.name, "--data-dir", str(host.folder / "etcd")),
        *("--listen-client-urls", clients, "--advertise-client-urls", clients),
        *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
        *("--initial-cluster", ",".join(f"{s.name}=http://{s.etcd}:{ETCD_PEERS}" for s in VOTERS)),
        *("--heartbeat-interval", "100", "--election-timeout", "1000", "--pre-vote"),
        *("--experimental-enable-lease-checkpoint", "--logger", "zap", "--log-level", "warn"),
    ]
    return Service(host, "etcd", argv)


def guardian(site: Site) -> Service:
    host, peer = site.host("db"), other(site)
    argv = [
        *(PYTHON, "-m", "deploy.lab.database.guardian", "--site", site.name, "--peer", peer.name),
        *("--peer-server", peer_server(peer), "--folder", str(host.folder / "postgresql")),
        *(["--found"] if site is TOKYO else []),
        "--no-sync",
        *("--etcd", *endpoints(site)),
    ]
    return Service(host, "guardian", argv, "postgres")


def pgpool(site: Site) -> Service:
    folder = site.host("app").folder / "pgpool"
    # -n: in the foreground; -D: nothing is remembered of who was down before.
    files = ("-f", f"{folder}/pgpool.conf", "-F", f"{folder}/pcp.conf", "-a", f"{folder}/pool_hba.conf")
    # Killed, it leaves 140 MB of shared memory behind; in its unit that is PrivateIPC=.
    return Service(site.host("app"), "pgpool", ["pgpool", "-n", "-D", *files], "postgres", own_ipc=True)


def keeper(site: Site) -> Service:
    host = site.host("app")
    argv = [
        *(PYTHON, "-m", "deploy.lab.database.keeper", "--sites", *BACKENDS.split(), "--port", str(PCP_PORT)),
        *("--clients", str(PGPOOL_PORT)),
        *("--folder", str(host.folder / "pgpool"), "--etcd", *endpoints(site)),
    ]
    return Service(host, "keeper", argv, "postgres")


def zabbix(site: Site) -> Service:
    host = site.host("app")
    return Service(host, "zabbix", ["zabbix_server", "-f", "-c", f"{host.folder}/zabbix/zabbix_server.conf"], "zabbix")


def php(site: Site) -> Service:
    """PHP sees its own configuration of the front end where the package would look for it."""
    web = site.host("app").folder / "web"
    argv = ["php-fpm8.2", "-F", "-y", f"{web}/php-fpm.conf"]
    return Service(site.host("app"), "php", argv, binds={"/etc/zabbix": web / "conf"})


def nginx(site: Site) -> Service:
    return Service(site.host("app"), "nginx", ["nginx", "-c", f"{site.host('app').folder}/web/nginx.conf"])


def node(site: Site) -> Service:
    host = site.host("dns")
    argv = [sys.executable, "-m", "gslb.cli.main", "serve", "--config", f"{host.folder}/gslb/gslb.yaml"]
    return Service(host, "gslb", argv)


def named() -> Service:
    host = OUTSIDE.host("parent")
    return Service(host, "named", ["named", "-g", "-u", "bind", "-c", f"{host.folder}/named.conf"])


def unbound() -> Service:
    host = OUTSIDE.host("resolver")
    return Service(host, "unbound", ["unbound", "-d", "-c", f"{host.folder}/unbound.conf"])


def agent() -> Service:
    host = OUTSIDE.host("agent")
    argv = ["zabbix_agentd", "-f", "-c", f"{host.folder}/zabbix_agentd.conf"]
    return Service(host, "agent", argv, "zabbix", _NAMES)


def of_site(site: Site) -> list[Service]:
    """All of a site, in the order in which they start."""
    found = [etcd(site), node(site)]
    if site in CENTRES:
        found[1:1] = [make(site) for make in (guardian, pgpool, keeper, zabbix, php, nginx)]
    return found


def everything() -> list[Service]:
    """All programs."""
    return [service for site in VOTERS for service in of_site(site)] + [named(), unbound(), agent()]
