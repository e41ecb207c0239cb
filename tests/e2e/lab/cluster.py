"""The etcd members of a lab: who leads, and what an operator or a bad day does to them."""

import base64
import http.client
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tests.e2e.kit import eventually
from tests.e2e.lab.host import Host

CLIENTS, PEERS = 2379, 2380
_CHUNK = 1 << 20  # bytes; etcd takes requests of up to 1.5 MiB
_FILLER = "/lab-filler/"


class EtcdError(Exception):
    """What a member answered that is no 200."""


class Cluster:
    """Members by the name of their site. Every call goes from a member's own host, whatever the network is like."""

    def __init__(self, need: Callable[[str], str], members: Mapping[str, Host]) -> None:
        self.members = dict(members)
        self._etcd = need("etcd")
        self.flags: Sequence[str] = ()  # more of them, for every member that starts

    @property
    def endpoints(self) -> list[str]:
        return [f"http://{host.address}:{CLIENTS}" for host in self.members.values()]

    def start(self) -> None:
        """Start all of them; ready() tells when they have a leader."""
        for site, host in self.members.items():
            host.start(self._etcd, *self._arguments(site, host))

    def _arguments(self, site: str, host: Host) -> list[str]:
        clients, peers = f"http://{host.address}:{CLIENTS}", f"http://{host.address}:{PEERS}"
        together = ",".join(f"{name}=http://{member.address}:{PEERS}" for name, member in self.members.items())
        return [
            *("--name", site, "--data-dir", str(host.folder / "data"), "--initial-cluster", together),
            *("--listen-client-urls", f"{clients},http://127.0.0.1:{CLIENTS}", "--advertise-client-urls", clients),
            *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
            *(
                "--heartbeat-interval",
                "100",
                "--election-timeout",
                "1000",
                "--experimental-enable-lease-checkpoint",
                "--pre-vote",
            ),
            *("--logger", "zap", "--log-level", "warn", *self.flags),
        ]

    def call(self, site: str, path: str, body: object = None, seconds: float = 3) -> dict[str, Any]:
        """One request to a member's JSON gateway. Raises OSError where it is not there, EtcdError where it refuses."""
        with self.members[site].open_socket(socket.SOCK_STREAM) as sock:
            sock.settimeout(seconds)
            sock.connect(("127.0.0.1", CLIENTS))
            connection = http.client.HTTPConnection("127.0.0.1", CLIENTS)
            connection.sock = sock
            try:
                connection.request("POST", path, json.dumps(body or {}))
                response = connection.getresponse()
                payload = response.read()
            except http.client.HTTPException as error:
                raise ConnectionError(str(error)) from error
        if response.status != 200:
            raise EtcdError(payload.decode(errors="replace"))
        found = json.loads(payload)
        assert isinstance(found, dict)
        return found

    def any(self, path: str, body: object = None, seconds: float = 3) -> dict[str, Any]:
        """The same of the first member that is there."""
        for site in self.members:
            with suppress(OSError):
                return self.call(site, path, body, seconds)
        raise ConnectionError("no member answers")

    def leader(self) -> str | None:
        """The site whose member leads, as that member itself says; None while there is none.

        A leader that was cut off believes in itself for an election timeout longer.
        """
        return next(iter(self.leaders()), None)

    def leaders(self) -> list[str]:
        """All sites whose members call themselves the leader."""
        found = []
        for site in self.members:
            with suppress(OSError, EtcdError):
                status = self.call(site, "/v3/maintenance/status", seconds=0.5)
                if status.get("leader", "0") == status["header"]["member_id"]:
                    found.append(site)
        return found

    def lead(self, site: str, seconds: float = 10) -> None:
        """Let this member lead."""
        target = self.call(site, "/v3/maintenance/status")["header"]["member_id"]

        def moved() -> bool:
            leader = self.leader()
            if leader not in (site, None):
                with suppress(OSError, EtcdError):
                    self.call(str(leader), "/v3/maintenance/transfer-leadership", {"targetID": target})
            return leader == site

        eventually(moved, seconds, 0.1)

    def kill(self, *sites: str) -> float:
        """Kill these members, or all. Returns the moment from which none of them lives."""
        return max([self.members[site].kill() for site in sites or self.members])

    def restart(self) -> None:
        """Start every member that does not run, with the data that it had."""
        for host in self.members.values():
            if host.process is None:
                host.restart()

    def ready(self, site: str | None = None) -> bool:
        """Whether a member, or the first that answers, reads through a quorum."""
        try:
            body = {"key": _coded("/lab-ready")}
            self.call(site, "/v3/kv/range", body, 1) if site else self.any("/v3/kv/range", body, 1)
        except (OSError, EtcdError):
            return False
        return True

    def put(self, key: str, value: bytes) -> int:
        """Write anything under a key, garbage too. Returns the revision."""
        body = {"key": _coded(key), "value": base64.b64encode(value).decode()}
        return int(self.any("/v3/kv/put", body)["header"]["revision"])

    def get(self, prefix: str) -> dict[str, bytes]:
        """All keys under a prefix with their values."""
        found = self.any("/v3/kv/range", {"key": _coded(prefix), "range_end": _after(prefix)})
        decode = base64.b64decode
        return {decode(kv["key"]).decode(): decode(kv.get("value", "")) for kv in found.get("kvs", [])}

    def delete(self, prefix: str) -> int:
        """Delete all keys under a prefix. Returns how many there were."""
        found = self.any("/v3/kv/deleterange", {"key": _coded(prefix), "range_end": _after(prefix)})
        return int(found.get("deleted", 0))

    def revision(self) -> int:
        """The newest revision: it grows with every write, and with nothing else."""
        return int(self.any("/v3/kv/range", {"key": _coded("/lab-ready")})["header"]["revision"])

    def compact(self) -> int:
        """Forget all history: a watch from before must list again. Returns the revision that is left."""
        revision = self.revision()
        self.any("/v3/kv/compaction", {"revision": revision, "physical": True})
        return revision

    def fill(self) -> int:
        """Write until the quota is used up; flags must set `--quota-backend-bytes`. Returns the writes that it took."""
        for count in range(1, 1000):
            try:
                self.put(f"{_FILLER}{count}", b"\0" * _CHUNK)
            except EtcdError as error:
                if "space exceeded" in str(error):
                    return count
                raise
        raise EtcdError("1 GB, and the quota is not used up: is one set?")

    def empty(self) -> None:
        """Undo fill(), as an operator does: delete, compact, defragment, disarm."""
        self.delete(_FILLER)
        self.compact()
        for site in self.members:
            self.call(site, "/v3/maintenance/defragment", seconds=20)
        for alarm in self._alarms():
            self.any("/v3/maintenance/alarm", {**alarm, "action": "DEACTIVATE"})

    def alarms(self) -> list[str]:
        """The alarms that are on."""
        return [alarm["alarm"] for alarm in self._alarms()]

    def _alarms(self) -> list[dict[str, str]]:
        """Each with the member that raised it, which a member wants to hear when it is to be disarmed."""
        found = self.any("/v3/maintenance/alarm", {"action": "GET"}).get("alarms", [])
        assert isinstance(found, list)
        return found


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _after(prefix: str) -> str:
    """The first key behind all that begin with the prefix."""
    data = prefix.encode()
    return base64.b64encode(data[:-1] + bytes([data[-1] + 1])).decode()
