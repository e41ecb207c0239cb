"""A gslb node in a host of its own: its files, its API, its wall clock."""

import http.client
import json
import resource
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import prometheus_client.parser

from tests.conftest import ROOT
from tests.e2e.kit import Answer
from tests.e2e.lab.host import Host

API = 8053
_NODE = """\
node: {{name: {name}, site: {site}, roles: [{roles}]}}
listen: {{{dns}api: '{address}:{api}'}}
workers: {workers}
zones: {zones}
state: state/
store: {store}
"""
# Under libfaketime clock_nanosleep() fails for the monotonic clock, which Python sleeps by; select() does not.
_SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select((), (), (), seconds) and None\n"


class LabNode:
    """`roles` and `store` are text of the node file: "dns, probe, api" and "{type: sqlite}"."""

    def __init__(self, host: Host, name: str, site: str) -> None:
        self.host = host
        self.name = name
        self.site = site
        self.answers = True  # queries, by its roles
        self.state = host.folder / "state"
        self.config = host.folder / "gslb.yaml"
        self._clock = host.folder / "clock"
        self._faketime = ""

    def write(
        self, zones: Path, *, roles: str, store: str = "{type: sqlite}", workers: int = 1, more: str = ""
    ) -> None:
        """Write the node file; `more` are lines of YAML at its end. reload() makes a running node read it."""
        self.answers = "dns" in roles
        dns = f"dns: ['{self.host.address}:53'], " if self.answers else ""
        filled = {
            "name": self.name,
            "site": self.site,
            "address": self.host.address,
            "api": API,
            "dns": dns,
            "zones": zones,
        }
        self.config.write_text(_NODE.format(**filled, roles=roles, store=store, workers=workers) + more)

    @property
    def reachable(self) -> str:
        """The endpoint by which other probers see that it is there: its DNS, or its API where it has none."""
        return f"{self.host.address}:{53 if self.answers else API}"

    def start(self, faketime: str = "", tree: Path | None = None) -> None:
        """Start `gslb serve`, of another version where `tree` is its folder.

        With the path of libfaketime its wall clock can be turned by skew().
        """
        self._faketime = faketime
        env = self._clock_env() if faketime else {}
        argv = sys.executable, "-m", "gslb.cli.main", "serve", "--config", str(self.config)
        self.host.start(*argv, env=env, tree=tree)

    def _clock_env(self) -> dict[str, str]:
        shim = self.host.folder / "shim"
        shim.mkdir(exist_ok=True)
        (shim / "sitecustomize.py").write_text(_SLEEP)
        self._clock.write_text("+0")
        return clock_env(self._faketime, self._clock) | {"PYTHONPATH": f"{shim}:{ROOT}"}

    def reload(self) -> None:
        """SIGHUP: read the configuration anew."""
        assert self.host.process
        self.host.process.send_signal(signal.SIGHUP)

    def control(self) -> int:
        """The pid of its control process; 0 while there is none. A node without DNS is nothing else."""
        if not self.answers:
            return self.host.process.pid if self.host.process else 0
        return next(iter(self._run("control")), 0)

    def workers(self) -> list[int]:
        """The pids of its DNS workers."""
        return self._run("workers")

    def _run(self, kind: str) -> list[int]:
        """Of the run file, which is not there while a node begins."""
        try:
            return [int(pid) for pid, _ in json.loads((self.state / "run.json").read_text())[kind]]
        except FileNotFoundError:
            return []

    def memory(self) -> dict[int, int]:
        """What each of its processes has in memory, octets."""
        pages = {pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.host.pids()}
        return {pid: count * resource.getpagesize() for pid, count in pages.items()}

    def skew(self, seconds: float) -> None:
        """Turn the wall clock of all its processes; they see it within 2 s. Its monotonic clock goes on as ever."""
        assert self._faketime, "start the node with faketime"
        self._clock.write_text(f"{seconds:+f}")

    def call(self, method: str, path: str, body: object = None, *, seconds: float = 10) -> Answer:
        """One request to its API, from its own host: also while it is cut off. Raises OSError."""
        token = self.state / "token"
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"} if token.exists() else {}
        with self.host.open_socket(socket.SOCK_STREAM) as sock:
            sock.settimeout(seconds)
            sock.connect((self.host.address, API))
            connection = http.client.HTTPConnection(self.host.address, API)
            connection.sock = sock
            try:
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                response = connection.getresponse()
                payload = response.read()
            except http.client.HTTPException as error:
                raise ConnectionError(str(error)) from error
        kind = response.headers.get_content_type()
        return Answer(response.status, kind, json.loads(payload) if "json" in kind else payload.decode())

    def fresh(self) -> bool:
        """Whether its answers are by the present health."""
        try:
            return bool(self.call("GET", "/readyz").body["fresh"])
        except OSError:
            return False

    def ended_or_fresh(self) -> bool:
        """Whether waiting for it is over."""
        process = self.host.process
        return process is None or process.poll() is not None or self.fresh()

    def status(self) -> dict[str, Any]:
        """GET /api/v1/status."""
        body = self.call("GET", "/api/v1/status").body
        assert isinstance(body, dict)
        return body

    def observed(self) -> dict[str, str]:
        """What is believed of each address."""
        members = [member for pool in self.status()["pools"] for member in pool["members"]]
        return {item["address"]: item["observed"] for member in members for item in member["addresses"]}

    def nodes(self) -> dict[str, Any]:
        """GET /api/v1/nodes."""
        body = self.call("GET", "/api/v1/nodes").body
        assert isinstance(body, dict)
        return body

    def metric(self, name: str, labels: Mapping[str, str] | None = None) -> float:
        """The sum of a metric's samples that have these labels. Fails where there is none."""
        text = self.call("GET", "/metrics").body
        samples = [s for f in prometheus_client.parser.text_string_to_metric_families(text) for s in f.samples]
        wanted = (labels or {}).items()
        found = [sample.value for sample in samples if sample.name == name and wanted <= sample.labels.items()]
        assert found, f"there is no {name} with {labels}"
        return sum(found)

    def drain(self, target: str, *, reason: str = "lab", **more: object) -> tuple[Answer, float]:
        """Drain "site/tokyo". Returns what the API said, and when (monotonic)."""
        answer = self.call("POST", "/api/v1/drains", {"target": target, "reason": reason, "owner": "lab", **more})
        return answer, time.monotonic()

    def undrain(self, ident: str) -> Answer:
        return self.call("DELETE", f"/api/v1/drains/{ident}")


def clock_env(faketime: str, file: Path) -> dict[str, str]:
    """The environment in which the wall clock, and no other, is off by what a file says: "+3600"."""
    return {
        "LD_PRELOAD": faketime,
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_CACHE_DURATION": "1",
    }
