"""One node: its files, its processes, its API."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gslb.server.processes import ProcessId, end
from tests.conftest import ENVIRONMENT, ROOT
from tests.e2e.load import addresses_of, ask_once
from tests.ending import terminate
from tests.support import query

SITES = """\
sites:
  tokyo: {country: JP, latitude: 35.68, longitude: 139.69}
  osaka: {country: JP, latitude: 34.69, longitude: 135.50}
"""
ZONE = """\
zones:
  gslb.example.com:
    soa: {mname: ns1, rname: hostmaster.example.com., serial: 1}
    ns: [ns1]
    records:
      ns1: {A: [192.0.2.53]}
    names:
"""
STEADY = f"""\
{SITES}
pools:
  web:
    members:
      tokyo: {{site: tokyo, addresses: [192.0.2.10], weight: 60}}
      osaka: {{site: osaka, addresses: [198.51.100.10], weight: 40}}
{ZONE}\
      www: {{pool: web, ttl: 30}}
"""
TOKYO, OSAKA = "192.0.2.10", "198.51.100.10"  # of STEADY, where nothing is probed


class Answer(NamedTuple):
    """What the API said."""

    status: int
    kind: str
    body: Any


class Node:
    """A node on 127.0.0.1 that is run by `gslb serve`."""

    def __init__(self, folder: Path, dns: int, api: int) -> None:
        self.folder = folder
        self.dns = dns
        self.api = api
        self.state = folder / "state"
        self.config = folder / "gslb.yaml"
        self.zone = folder / "zones" / "zone.yaml"
        self.process: subprocess.Popen[bytes] | None = None
        self.program = [sys.executable, "-m", "gslb.cli.main"]
        self.starts = 0

    def write(self, zone: str = STEADY, *, workers: int = 2, **node: str) -> "Node":
        """The node file and its one zone file; `node` are more keys of the node file, as YAML text."""
        self.zone.parent.mkdir(parents=True, exist_ok=True)
        self.zone.write_text(zone)
        more = "".join(f"{key}: {text}\n" for key, text in node.items())
        self.config.write_text(
            "node: {name: test, site: tokyo}\n"
            f"listen: {{dns: ['127.0.0.1:{self.dns}'], api: '127.0.0.1:{self.api}'}}\n"
            f"workers: {workers}\nzones: zones/\nstate: state/\nprobe: {{allow: [127.0.0.0/8]}}\n{more}"
        )
        return self

    def start(self) -> "Node":
        """Start `gslb serve`; its messages go to a file of their own."""
        self.starts += 1
        with (self.folder / f"log-{self.starts}").open("wb") as log:
            argv = [*self.program, "serve", "--config", str(self.config)]
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, env=ENVIRONMENT, cwd=ROOT)
        return self

    def ready(self, seconds: float = 60.0) -> "Node":
        """Return when it is fresh; fail with its messages where it has ended instead."""
        assert self.process
        eventually(lambda: self.process.poll() is not None or self.fresh(), seconds)  # type: ignore[union-attr]
        assert self.process.poll() is None, self.log()
        return self

    def log(self) -> str:
        """The messages since the last start."""
        return (self.folder / f"log-{self.starts}").read_text(errors="replace")

    def fresh(self) -> bool:
        """Whether every worker there should be answers by the present health."""
        try:
            return bool(self.call("GET", "/readyz").body["fresh"]) and len(self.serving()) >= self._wanted()
        except OSError:
            return False

    def _wanted(self) -> int:
        line = next(line for line in self.config.read_text().splitlines() if line.startswith("workers: "))
        return max(int(line.split()[1]), 1)

    def call(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Answer:
        """One request to the API, with the node's own token unless another is given. Raises OSError."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=10)
        path_of_token = self.state / "token"
        known = path_of_token.read_text().strip() if path_of_token.exists() else ""
        headers = {"Authorization": f"Bearer {known if token is None else token}"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            payload = response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()
        return Answer(response.status, response.headers.get_content_type(), json.loads(payload))

    def status(self) -> dict[str, Any]:
        body = self.call("GET", "/api/v1/status").body
        assert isinstance(body, dict)
        return body

    def serving(self) -> dict[int, dict[str, int]]:
        """The counters of the workers that serve, by pid."""
        workers = self.status()["workers"]
        return {w["pid"]: w["counters"] for w in workers if w["alive"] and w["state"] == "serving"}

    def verb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One verb of the command line, run to its end."""
        argv = [sys.executable, "-m", "gslb.cli.main", *arguments, "--config", str(self.config)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, env=ENVIRONMENT, cwd=ROOT)

    def run(self) -> dict[str, list[ProcessId]]:
        """Who lives of those that the run file names."""
        try:
            run = json.loads((self.state / "run.json").read_text())
        except FileNotFoundError:
            return {}
        return {key: [p for p in (ProcessId(*entry) for entry in run[key]) if p.alive()] for key in run}

    def everyone(self) -> list[ProcessId]:
        return [process for group in self.run().values() for process in group]

    def kill(self, kind: str) -> ProcessId:
        """kill -9 of the first "supervisor", "control" or "workers"."""
        victim = self.run()[kind][0]
        victim.send(signal.SIGKILL)
        if kind == "supervisor" and self.process:
            self.process.wait()
        return victim

    def seen(self, count: int = 60) -> set[str]:
        """The addresses of so many answers, each to another port, so that no worker is left out."""
        replies = [ask_once(self.dns, query("www")) for _ in range(count)]
        return {address for reply in replies if reply for address in addresses_of(reply[2:])}

    def hup(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it in order, and whatever may be left of it out of order."""
        started = self.everyone()
        if self.process:
            terminate(self.process)
        end([*started, *self.everyone()], 0.1)


def eventually(condition: Callable[[], object], seconds: float = 10.0, poll: float = 0.02) -> float:
    """Return how long it took until condition() was true; fail when time is up."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() < begun + seconds, f"not true within {seconds} s"
        time.sleep(poll)
    return time.monotonic() - begun
