"""The servers under test, configured for loopback with equal content.

Every server has one process or thread for UDP, limits no rates and logs no queries. Cookies are on in gslb, NSD and
gdnsd; Knot and PowerDNS would send every client with a new cookie away (BADCOOKIE), so theirs are off, which spares
them that work. All of them run on one core; the client has the other.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from bench.content import NEAR_OSAKA, OSAKA, OSAKA6, POOLS, TOKYO, TOKYO6, WEIGHTS, Content, write_places
from bench.server import Server

_SECRET = "00112233445566778899aabbccddeeff"


def nsd(content: Content, folder: Path, port: int) -> Server:
    """NSD with one server process: it has no dynamic names, so each has the records of one site."""
    lines = [f"{owner} A {TOKYO}\n{owner} AAAA {TOKYO6}" for owner in ("www", *content.dynamic_names())]
    (folder / "zone").write_text("\n".join([*content.basics(), *lines, ""]))
    (folder / "cookies").write_text(f"{_SECRET}\n")
    (folder / "nsd.conf").write_text(
        f"""server:
  server-count: 1
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  rrl-ratelimit: 0
  minimal-responses: yes
  answer-cookie: yes
  cookie-secret-file: "{folder}/cookies"
remote-control:
  control-enable: no
zone:
  name: {content.zone}
  zonefile: zone
"""
    )
    return Server("nsd", ["nsd", "-d", "-c", str(folder / "nsd.conf")], port, folder)


def knot(content: Content, folder: Path, port: int) -> Server:
    """Knot with mod-geoip: www by weight, the others by country; one UDP and one TCP worker."""
    elsewhere = [f"{owner} A {TOKYO}\n{owner} AAAA {TOKYO6}" for owner in content.dynamic_names()]
    (folder / "zone").write_text("\n".join([*content.basics(), *elsewhere, ""]))
    write_places(folder / "places.mmdb")
    answers = "".join(
        f"{owner}.{content.zone}:\n"
        + "".join(f'  - geo: "{code}"\n    A: {OSAKA}\n    AAAA: {OSAKA6}\n' for code in NEAR_OSAKA)
        for owner in content.dynamic_names()
    )
    (folder / "geo.conf").write_text(answers)
    (folder / "weighted.conf").write_text(
        f"www.{content.zone}:\n"
        f"  - weight: {WEIGHTS[0]}\n    A: {TOKYO}\n    AAAA: {TOKYO6}\n"
        f"  - weight: {WEIGHTS[1]}\n    A: {OSAKA}\n    AAAA: {OSAKA6}\n"
    )
    (folder / "knot.conf").write_text(
        f"""server:
  listen: 127.0.0.1@{port}
  rundir: "{folder}"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  edns-client-subnet: on
log:
  - target: stderr
    any: warning
database:
  storage: "{folder}"
mod-geoip:
  - id: weighted
    config-file: "{folder}/weighted.conf"
    ttl: 30
    mode: weighted
  - id: places
    config-file: "{folder}/geo.conf"
    ttl: 30
    mode: geodb
    geodb-file: "{folder}/places.mmdb"
    geodb-key: country/iso_code
template:
  - id: default
    storage: "{folder}"
zone:
  - domain: {content.zone}
    file: zone
    zonefile-load: whole
    module: [mod-geoip/weighted, mod-geoip/places]
"""
    )
    return Server("knot", ["knotd", "-c", str(folder / "knot.conf")], port, folder)


def gdnsd(content: Content, folder: Path, port: int) -> Server:
    """gdnsd with the plugins weighted and geoip; one UDP and one TCP thread, nothing monitored."""
    lines = ["www 30 DYNA weighted!www", *(f"{owner} 30 DYNA geoip!places" for owner in content.dynamic_names())]
    (folder / "zones").mkdir()
    (folder / "zones" / content.zone.rstrip(".")).write_text("\n".join([*content.basics(), *lines, ""]))
    (folder / "geoip").mkdir()
    write_places(folder / "geoip" / "places.mmdb")
    near = "\n".join(f"      {code} => [osaka, tokyo]" for code in NEAR_OSAKA)
    (folder / "config").write_text(
        f"""options => {{
  listen => {{ 127.0.0.1:{port} => {{ udp_threads = 1, tcp_threads = 1 }} }}
  run_dir = {folder}/run
  state_dir = {folder}/state
}}
plugins => {{
  weighted => {{
    service_types = up
    www => {{
      addrs_v4 => {{ tokyo = [ {TOKYO}, {WEIGHTS[0]} ], osaka = [ {OSAKA}, {WEIGHTS[1]} ] }}
      addrs_v6 => {{ tokyo = [ {TOKYO6}, {WEIGHTS[0]} ], osaka = [ {OSAKA6}, {WEIGHTS[1]} ] }}
    }}
  }}
  geoip => {{
    maps => {{ places => {{
      geoip2_db => places.mmdb
      datacenters => [tokyo, osaka]
      map => {{ default => [tokyo, osaka], AS => {{ default => [tokyo, osaka]
{near}
      }} }}
    }} }}
    resources => {{ places => {{
      map => places
      service_types = up
      dcmap => {{
        tokyo => {{ addrs_v4 => [ {TOKYO} ], addrs_v6 => [ {TOKYO6} ] }}
        osaka => {{ addrs_v4 => [ {OSAKA} ], addrs_v6 => [ {OSAKA6} ] }}
      }}
    }} }}
  }}
}}
"""
    )
    return Server("gdnsd", ["gdnsd", "-c", str(folder), "start"], port, folder)


def pdns(content: Content, folder: Path, port: int) -> Server:
    """PowerDNS with LUA records that draw by weight; one thread of each kind."""

    def drawn(first: str, second: str) -> str:
        return f"\"pickwrandom({{{{{WEIGHTS[0]}, '{first}'}}, {{{WEIGHTS[1]}, '{second}'}}}})\""

    lines = [
        f"{owner} 30 LUA A {drawn(TOKYO, OSAKA)}\n{owner} 30 LUA AAAA {drawn(TOKYO6, OSAKA6)}"
        for owner in ("www", *content.dynamic_names())
    ]
    (folder / "zone").write_text("\n".join([*content.basics(), *lines, ""]))
    zone = content.zone.rstrip(".")
    (folder / "named.conf").write_text(f'zone "{zone}" {{ type master; file "{folder}/zone"; }};\n')
    (folder / "pdns.conf").write_text(
        f"""launch=bind
bind-config={folder}/named.conf
local-address=127.0.0.1
local-port={port}
socket-dir={folder}
daemon=no
guardian=no
security-poll-suffix=
receiver-threads=1
distributor-threads=1
edns-subnet-processing=yes
enable-lua-records=yes
loglevel=3
"""
    )
    return Server("pdns", ["pdns_server", f"--config-dir={folder}"], port, folder)


def gslb(content: Content, folder: Path, port: int, *, workers: int = 1, memory: int = 4096) -> Server:
    """This server: everything on but rate limiting, which no server here does."""
    zones = folder / "zones"
    zones.mkdir()
    write_places(folder / "places.mmdb")
    (folder / "gslb.yaml").write_text(
        f"""node: {{name: bench-1, site: tokyo, roles: [dns, probe, api]}}
listen: {{dns: ["127.0.0.1:{port}"], api: "127.0.0.1:{port + 1}"}}
workers: {workers}
zones: zones/
state: state/
store: {{type: sqlite}}
geo: {{databases: [places.mmdb]}}
cookies: {{memory: {memory}}}
"""
    )
    (zones / "bench.zone").write_text("\n".join([*content.basics(), ""]))
    (zones / "bench.yaml").write_text(_our_zones(content))
    argv = [sys.executable, "-m", "gslb.cli.main", "serve", "--config", str(folder / "gslb.yaml")]
    return Server("gslb", argv, port, folder, patience=120)


def _our_zones(content: Content) -> str:
    used = min(POOLS, content.dynamic)
    pools = ["www", *(f"{kind}{number}" for number in range(used) for kind in ("all", "near"))]
    lines = ["sites: {tokyo: {}, osaka: {}}", "pools:"]
    for pool in pools:
        policy = "failover" if pool.startswith("near") else "weighted"
        lines += [
            f"  {pool}:\n    policy: {policy}\n    members:",
            f'      osaka: {{site: osaka, addresses: [{OSAKA}, "{OSAKA6}"], weight: {WEIGHTS[1]}}}',
            f'      tokyo: {{site: tokyo, addresses: [{TOKYO}, "{TOKYO6}"], weight: {WEIGHTS[0]}}}',
        ]
    lines += [
        f"zones:\n  {content.zone.rstrip('.')}:\n    ttl: 30\n    zonefile: bench.zone\n    names:",
        "      www: {pool: www}",
    ]
    countries = f"{{country: [{', '.join(NEAR_OSAKA)}]}}"
    for number in range(content.dynamic):
        shared = number % POOLS
        rules = f"[{{match: {countries}, pools: [near{shared}]}}, {{pools: [all{shared}]}}]"
        lines.append(f"      {content.dynamic_name(number)}: {{rules: {rules}}}")
    return "\n".join([*lines, ""])


def gslb_reading(content: Content, folder: Path, port: int) -> Server:
    """This server without its memory of cookies."""
    server = gslb(content, folder, port, memory=0)
    server.name = "gslb-no-memory"
    return server


SERVERS: dict[str, Callable[[Content, Path, int], Server]] = {
    "nsd": nsd,
    "knot": knot,
    "gdnsd": gdnsd,
    "pdns": pdns,
    "gslb-no-memory": gslb_reading,
    "gslb": gslb,
}
