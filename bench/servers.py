"""The servers under test, started on loopback with equal content, and what the kernel says they cost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import dns.exception
import dns.message
import dns.query

ZONE = "bench.example."
OWNER = "www." + ZONE
TICK = os.sysconf("SC_CLK_TCK")
SERVER_CPU, CLIENT_CPU = "0", "1"


class Server:
    """One running server; `cpu()` is the user and system time of all its processes so far, in seconds."""

    def __init__(self, name: str, argv: list[str], port: int, folder: Path) -> None:
        self.name = name
        self.port = port
        self.log = folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", SERVER_CPU, *argv], stdout=log, stderr=log, start_new_session=True
            )
        self._wait_until_it_answers()

    def _wait_until_it_answers(self, seconds: float = 20) -> None:
        question = dns.message.make_query(OWNER, "A", use_edns=0)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(OSError, dns.exception.DNSException):
                reply = dns.query.udp(question, "127.0.0.1", port=self.port, timeout=0.5)
                if reply.answer:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(
            f"{self.name} does not answer on port {self.port}; its log is {self.log}:\n{self.log.read_text()}"
        )

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
        """Seconds of processor time, user and system, of processes that live and of their children that ended."""
        total = 0
        for pid in self.pids():
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += sum(int(ticks) for ticks in fields[11:15])
        return total / TICK

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


def nsd(folder: Path, port: int) -> Server:
    """NSD with one server process: a static zone with one of the addresses."""
    (folder / "nsd.zone").write_text(
        f"$ORIGIN {ZONE}\n$TTL 30\n@ SOA ns1 hostmaster 1 3600 600 604800 30\n@ NS ns1\n"
        "ns1 A 192.0.2.53\nwww A 192.0.2.10\n"
    )
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
remote-control:
  control-enable: no
zone:
  name: {ZONE}
  zonefile: nsd.zone
"""
    )
    return Server("nsd", ["nsd", "-d", "-c", str(folder / "nsd.conf")], port, folder)


def gslb(folder: Path, port: int) -> Server:
    """This server with one worker: a weighted name over two members."""
    zones = folder / "zones"
    zones.mkdir()
    (folder / "gslb.yaml").write_text(
        f"""node: {{name: bench-1, site: a, roles: [dns, probe, api]}}
listen: {{dns: ["127.0.0.1:{port}"], api: "127.0.0.1:{port + 1}"}}
workers: 1
zones: zones/
state: state/
store: {{type: sqlite}}
"""
    )
    (zones / "bench.yaml").write_text(
        f"""sites: {{a: {{}}, b: {{}}}}
pools:
  www:
    policy: weighted
    members:
      a: {{site: a, addresses: [192.0.2.10], weight: 60}}
      b: {{site: b, addresses: [198.51.100.10], weight: 40}}
zones:
  {ZONE.rstrip(".")}:
    ttl: 30
    soa: {{mname: ns1, rname: hostmaster.{ZONE}, serial: 1}}
    ns: [ns1]
    records: {{ns1: {{A: [192.0.2.53]}}}}
    names: {{www: {{pool: www, ttl: 30}}}}
"""
    )
    argv = [sys.executable, "-m", "gslb.cli.main", "serve", "--config", str(folder / "gslb.yaml")]
    return Server("gslb", argv, port, folder)


SERVERS: dict[str, Callable[[Path, int], Server]] = {"nsd": nsd, "gslb": gslb}
