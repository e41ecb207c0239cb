"""The little of etcd that one decision needs, over its JSON gateway: a lease, a read by a majority, a transaction."""

import base64
import http.client
import json
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_PATIENCE = 0.8  # seconds for one member; then the next one is asked
PATIENCE = 3 * _PATIENCE


class NoMajorityError(Exception):
    """No member answered with the consent of the others. What was to be written may have been written all the same."""


class Entry(NamedTuple):
    """A value, the revision of its last change, and the lease that it ends with (0 = none)."""

    value: Any
    revision: int
    lease: int


class Etcd:
    """One client. The member that answered last is asked first.

    `tls`: folder with ca.pem, client.pem and client.key, for endpoints that begin with https://.
    """

    def __init__(self, endpoints: Sequence[str], tls: Path | None = None) -> None:
        self.endpoints = list(endpoints)
        self._tls = _context(tls) if tls else None

    def grant(self, seconds: int) -> int:
        """A new lease."""
        return int(self._call("/v3/lease/grant", {"TTL": seconds})["ID"])

    def renew(self, lease: int, within: float) -> bool:
        """Whether the lease lives on; an answer is waited for no longer than `within` seconds."""
        found = self._call("/v3/lease/keepalive", {"ID": str(lease)}, within)
        return int(found.get("result", {}).get("TTL", 0)) > 0

    def left(self, lease: int) -> int:
        """The seconds until a lease ends, unless it is renewed; negative once it has ended."""
        return int(self._call("/v3/lease/timetolive", {"ID": str(lease)}).get("TTL", -1))

    def read(self, prefix: str, within: float = PATIENCE) -> dict[str, Entry]:
        """All keys under a prefix, at one revision that a majority knows."""
        found = self._call("/v3/kv/range", {"key": _coded(prefix), "range_end": _after(prefix)}, within)
        return dict(map(_entry, found.get("kvs", [])))

    def swap(
        self, expected: Mapping[str, int], values: Mapping[str, Any], lease: int = 0, within: float = PATIENCE
    ) -> bool:
        """Write `values`, None deletes, if each expected key has that revision still (0 = none). All or nothing."""
        compares = [
            {"key": _coded(key), "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)}
            for key, revision in expected.items()
        ]
        done = self._call("/v3/kv/txn", {"compare": compares, "success": list(_writes(values, lease))}, within)
        return bool(done.get("succeeded", False))

    def _call(self, path: str, body: object, within: float = PATIENCE) -> dict[str, Any]:
        deadline = time.monotonic() + within
        faults = []
        for endpoint in tuple(self.endpoints):
            left = min(_PATIENCE, deadline - time.monotonic())
            if left <= 0:
                break
            try:
                found = self._post(endpoint, path, json.dumps(body), left)
            except (OSError, http.client.HTTPException, ValueError) as error:
                faults.append(f"{endpoint}: {error}")
                continue
            self.endpoints.remove(endpoint)
            self.endpoints.insert(0, endpoint)
            return found
        raise NoMajorityError("; ".join(faults) or "there was no time to ask")

    def _post(self, endpoint: str, path: str, body: str, seconds: float) -> dict[str, Any]:
        place = urlsplit(endpoint)
        connection: http.client.HTTPConnection
        if place.scheme == "https":
            connection = http.client.HTTPSConnection(place.netloc, timeout=seconds, context=self._tls)
        else:
            connection = http.client.HTTPConnection(place.netloc, timeout=seconds)
        try:
            connection.request("POST", path, body)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(text.decode(errors="replace").strip())
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("the answer is no object")
        return found


def _context(tls: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
    context.load_cert_chain(tls / "client.pem", tls / "client.key")
    return context


def _entry(found: Mapping[str, str]) -> tuple[str, Entry]:
    value = json.loads(base64.b64decode(found["value"]))
    key = base64.b64decode(found["key"]).decode()
    return key, Entry(value, int(found["mod_revision"]), int(found.get("lease", 0)))


def _writes(values: Mapping[str, Any], lease: int) -> Iterable[object]:
    for key, value in values.items():
        if value is None:
            yield {"requestDeleteRange": {"key": _coded(key)}}
        else:
            yield {"requestPut": {"key": _coded(key), "value": _coded(json.dumps(value)), "lease": str(lease)}}


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _after(prefix: str) -> str:
    """The first key behind all that begin with the prefix."""
    data = prefix.encode()
    return base64.b64encode(data[:-1] + bytes([data[-1] + 1])).decode()
