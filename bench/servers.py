"""The servers under test, started on loopback with equal content, and what the kernel says they cost.

Every server has one process or thread for UDP, limits no rates and logs no queries. Cookies are on in gslb, NSD and
gdnsd; Knot and PowerDNS would send every client with a new cookie away (BADCOOKIE), so theirs are off, which spares
them that work. All of them run on one core; the client has the other.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from bench.content import NEAR_OSAKA, OSAKA, OSAKA6, POOLS, TOKYO, TOKYO6, WEIGHTS, Content, write_places

SERVER_CPU, CLIENT_CPU = "0", "1"
_SECRET = "00112233445566778899aabbccddeeff"
_TICKS = os.sysconf("SC_CLK_TCK")
_PROGRAMS = {  # program -> Debian package
    "nsd": "nsd",
    "knotd": "knot knot-module-geoip",
    "gdnsd": "gdnsd",
    "pdns_server": "pdns-server pdns-backend-bind",
    "dnsperf": "dnsperf",
    "taskset": "util-linux",
    "gcc": "gcc",
}


def missing(programs: Sequence[str] = tuple(_PROGRAMS)) -> str:
    """What is not installed and how to install it; empty where all is there."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    lacking = [program for program in programs if shutil.which(program, path=path) is None]
    if not lacking:
        return ""
    packages = " ".join(_PROGRAMS[program] for program in lacking)
    return f"missing: {', '.join(lacking)}; install with: apt-get install {packages}"


class Server:
    """One running server; `cpu()` is the user and system time of all its processes so far, in seconds."""

    def __init__(self, name: str, argv: list[str], port: int, folder: Path, patience: float = 60) -> None:
        """Start it and wait until it answers, at most `patience` seconds. Raises SystemExit with its log."""
        self.name = name
        self.port = port
        self.log = folder / f"{name}.log"
        environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", SERVER_CPU, *argv], stdout=log, stderr=log, start_new_session=True, env=environment
            )
        try:
            self._wait_until_it_answers(patience)
        except BaseException:
            self.stop()
            raise

    def _wait_until_it_answers(self, patience: float) -> None:
        question = dns.message.make_query("www.bench.example.", "A", use_edns=0)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(OSError, dns.exception.DNSException):
                if dns.query.udp(question, "127.0.0.1", port=self.port, timeout=0.5).answer:
                    return
            time.sleep(0.1)
        raise SystemExit(f"{self.name} does not answer on port {self.port}; its log:\n{self.log.read_text()}")

    def pids(self) -> list[int]:
        """All processes of the server's session."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[3]) == self.process.pid:
                        found.append(int(entry.name))
        return found

    def cpu(self) -> float:
        """Seconds on a processor: of all threads that live, exactly, and of processes that ended, by clock ticks."""
        total = 0
        for pid in self.pids():
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += (int(fields[13]) + int(fields[14])) * 1_000_000_000 // _TICKS
            for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with suppress(OSError):
                    total += int(thread.read_text().split()[0])
        return total / 1e9

    def stop(self) -> None:
        """End every process of the session."""
        for kill, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            for pid in self.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, kill)
            deadline = time.monotonic() + patience
            while self.pids() and time.monotonic() < deadline:
                self.process.poll()
                time.sleep(0.05)
        self.process.wait()


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
        pool = number % POOLS
        rules = f"[{{match: {countries}, pools: [near{pool}]}}, {{pools: [all{pool}]}}]"
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
