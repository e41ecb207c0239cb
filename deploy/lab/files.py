"""The files that the lab's programs read: templates of etc/ filled in, passwords, and the zones folder."""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from deploy.lab.plan import (
    API_PORT,
    CENTRES,
    FOLDER,
    NAGOYA,
    OUTSIDE,
    PCP_PORT,
    PGPOOL_PORT,
    PYTHON,
    RESOLVER,
    ROOT,
    TEMPLATES,
    VOTERS,
    Site,
    endpoints,
)
from deploy.lab.processes import own

ZONES = FOLDER / "zones"
RESOLV = FOLDER / "resolv.conf"
BACKENDS = " ".join(f"{site.name}={site.host('db').address}" for site in CENTRES)
PROFILES = {
    "default": {},
    # The fast one: a monitor sees in 3 s what takes it 18 s by default, and answers are kept for 5 s.
    "fast": {"interval": "1s", "timeout": "1s", "fall": "2", "rise": "2", "ttl": "5"},
}
_WHO = ("postgres", "guardian", "pgpool", "zabbix", "gslb")


def passwords() -> dict[str, str]:
    """Of each role of the database; made once."""
    file = FOLDER / "passwords.json"
    if not file.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        file.touch(0o600)
        file.write_text(json.dumps({name: secrets.token_hex(12) for name in _WHO}))
    found: dict[str, str] = json.loads(file.read_text())
    return found


def write_all(profile: str) -> None:
    """Every file of every host."""
    for site in CENTRES:
        _database(site)
        _pgpool(site)
        _front_end(site)
        folder = site.host("app").folder / "zabbix"
        _fill(folder, "zabbix_server.conf", "zabbix", site)
        own([folder / "tmp"], "zabbix")
    for site in VOTERS:
        _node(site)
    _names()
    _zones(profile)


def peer_server(site: Site) -> str:
    """How a guardian of another site reaches this site's PostgreSQL."""
    return f"host={site.host('db').address} port=5432 user=guardian passfile={FOLDER}/guardian.pgpass connect_timeout=3"


def _database(site: Site) -> None:
    folder = site.host("db").folder / "postgresql"
    own([folder], "postgres")
    folder.chmod(0o700)
    for name in ("postgresql.conf", "pg_hba.conf"):
        _fill(folder, name, "postgres", site, ADDRESS=site.host("db").address)
    _secret(FOLDER / "guardian.pgpass", f"*:*:*:guardian:{passwords()['guardian']}\n", "postgres")


def _pgpool(site: Site) -> None:
    folder, words = site.host("app").folder / "pgpool", passwords()
    for name in ("pgpool.conf", "pool_hba.conf"):
        _fill(folder, name, "postgres", site)
    _secret(folder / "pool_passwd", "".join(f"{who}:TEXT{words[who]}\n" for who in ("zabbix", "pgpool")), "postgres")
    digest = _md5(words["pgpool"])
    _secret(folder / "pcp.conf", f"pgpool:{digest}\n", "postgres")
    _secret(folder / "pcppass", f"*:*:pgpool:{words['pgpool']}\n", "postgres")
    _secret(folder / "pgpass", f"*:*:*:pgpool:{words['pgpool']}\n", "postgres")


def _front_end(site: Site) -> None:
    folder = site.host("app").folder / "web"
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    own([folder / "tmp"], "www-data")
    for name in ("nginx.conf", "php-fpm.conf", "database.php"):
        _fill(folder, name, "www-data", site)
    _fill(folder / "conf", "zabbix.conf.php", "www-data", site)


def _node(site: Site) -> None:
    host = site.host("dns")
    serves = site is not NAGOYA
    folder = host.folder / "gslb"
    ours = [f"{address}:53" if "." in address else f"[{address}]:53" for address in (host.address, *host.more[1:])]
    values = {
        "ROLES": "dns, probe, api" if serves else "probe, api",
        "DNS": f"dns: {json.dumps(ours)}, " if serves else "",
        "API": f"{host.address}:{API_PORT}",
        "ZONES": str(ZONES),
        "ENDPOINTS": ", ".join(endpoints(site)),
    }
    _fill(folder, "gslb.yaml", "root", site, **values)


def _names() -> None:
    for kind, user, names in (
        ("parent", "bind", ("named.conf", "root.zone", "example.com.zone")),
        ("resolver", "unbound", ("unbound.conf", "root.hints")),
        ("agent", "zabbix", ("zabbix_agentd.conf",)),
    ):
        host = OUTSIDE.host(kind)
        for name in names:
            _fill(host.folder, name, user, OUTSIDE, ADDRESS=host.address, HOSTNAME="lab-agent")
    RESOLV.write_text(f"nameserver {RESOLVER.address}\noptions timeout:2 attempts:2\n")


def _zones(profile: str) -> None:
    """The zone file of the repository, with the profile's times, and who probes."""
    ZONES.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "zones" / "zabbix.yaml").read_text(encoding="utf-8").replace("# password_file:", "password_file:")
    (ZONES / "zabbix.yaml").write_text(timed(text, profile), encoding="utf-8")
    (ZONES / "probers.yaml").write_text((TEMPLATES / "probers.yaml").read_text())
    _secret(ZONES / "database.password", passwords()["gslb"] + "\n", "root")


def timed(text: str, profile: str) -> str:
    """A zone file with a profile's times in the place of its own."""
    for key, value in PROFILES[profile].items():
        text = re.sub(rf"(?m)^(    {key}: |.*\bpools?: .*\b{key}: )(\d+\w*)", rf"\g<1>{value}", text)
    return text


def _fill(folder: Path, name: str, user: str, site: Site, **more: str) -> None:
    """Fill in a template for a program that runs as a user."""
    words = passwords()
    values: Mapping[str, str] = {
        "FOLDER": str(folder),
        "SITE": site.name,
        "PYTHON": PYTHON,
        "PGPOOL_PORT": str(PGPOOL_PORT),
        "PCP_PORT": str(PCP_PORT),
        "BACKENDS": BACKENDS,
        **{f"PASSWORD_{who.upper()}": word for who, word in words.items()},
        **({"ADDRESS": site.host("app").address} if site in CENTRES else {}),
        **({"ETCD": " ".join(endpoints(site))} if site in VOTERS else {}),
        **more,
    }
    own([folder], user)
    text = re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], (TEMPLATES / name).read_text(encoding="utf-8"))
    _secret(folder / name, text, user)


def _secret(file: Path, text: str, user: str) -> None:
    """Write a file that one user alone may read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(0o600)
    file.write_text(text, encoding="utf-8")
    own([file], user)


def _md5(text: str) -> str:
    """As pcp wants it: it never leaves this host."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
