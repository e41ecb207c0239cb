"""One server under test: started on a core of its own, and what the kernel says it has cost."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import dns.exception
import dns.message
import dns.query

_CPUS = sorted(os.sched_getaffinity(0))
FIRST_PORT = 15300
SERVER_CPU, CLIENT_CPU = str(_CPUS[0]), str(_CPUS[-1])
_TICKS = os.sysconf("SC_CLK_TCK")
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])  # where Debian puts servers

_PROGRAMS = {  # program -> Debian package
    "nsd": "nsd",
    "knotd": "knot knot-module-geoip",
    "gdnsd": "gdnsd",
    "pdns_server": "pdns-server pdns-backend-bind",
    "dnsperf": "dnsperf",
    "taskset": "util-linux",
    "chrt": "util-linux",
    "gcc": "gcc",
    "nginx": "nginx-light",
}


def missing(programs: Sequence[str] = tuple(_PROGRAMS)) -> str:
    """What is not installed and how to install it; empty where all is there."""
    lacking = [program for program in programs if shutil.which(program, path=PATH) is None]
    if not lacking:
        return ""
    packages = " ".join(_PROGRAMS[program] for program in lacking)
    return f"missing: {', '.join(lacking)}; install with: apt-get install {packages}"


def _refuse_taken(port: int) -> None:
    """Servers share ports (SO_REUSEPORT): one that somebody else holds would be measured without a word."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SystemExit(f"UDP port {port} is taken: is another benchmark running? ({error})") from error


class Server:
    """One running server; `cpu()` is the user and system time of all its processes so far, in seconds."""

    def __init__(self, name: str, argv: list[str], port: int, folder: Path, patience: float = 60) -> None:
        """Start it and wait until it answers, at most `patience` seconds. Raises SystemExit with its log."""
        _refuse_taken(port)
        self.name = name
        self.port = port
        self.log = folder / f"{name}.log"
        environment = {**os.environ, "PATH": PATH}
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
