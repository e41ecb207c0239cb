"""The values that nodes share, as JSON text, and what must be true of them before they are believed.

Every value bears the version of its format. A reader takes the fields that it knows, from a newer writer too, and refuses
what lacks one or has the wrong kind: whoever wrote it, it decides about answers.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any, Final
from zlib import crc32

from gslb.errors import RequestError
from gslb.health.states import Observation, TargetKey, Verdict
from gslb.health.votes import Ballot
from gslb.intents import Drain, Target
from gslb.store.audit import Record
from gslb.store.roster import Registration

FORMAT: Final = 1
PARTS: Final = 16  # of a ballot: what changes in it is written anew, and etcd takes a megabyte at most at once
_VERDICTS: Final = ("up", "down", "unknown")
_DRAIN: Final = {"id": str, "target": str, "reason": str, "owner": str, "created": float, "expires": float}
_NODE: Final = {
    "name": str,
    "site": str,
    "roles": list,
    "version": str,
    "config": str,
    "answers": str,
    "generation": int,
    "intents": int,
}
_RECORD: Final = {
    "node": str,
    "number": int,
    "at": float,
    "action": str,
    "target": str,
    "subject": str,
    "owner": str,
    "reason": str,
    "before": str,
    "hash": str,
}

Values = Mapping[str, Any]


def dump(values: Values) -> bytes:
    """The text of a value."""
    return json.dumps({"format": FORMAT, **values}, separators=(",", ":")).encode()


def load(octets: bytes, fields: Mapping[str, type]) -> dict[str, Any]:
    """The fields of a value. Raises ValueError that says what is wrong."""
    try:
        values = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from error
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise ValueError("must be an object with its `format`")
    return {name: _field(values, name, kind) for name, kind in fields.items()}


def _field(values: Values, name: str, kind: type) -> Any:
    if name not in values:
        raise ValueError(f"lacks `{name}`")
    value = values[name]
    if kind is float and isinstance(value, int):
        value = float(value)
    if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, float) and not isfinite(value)):
        raise ValueError(f"`{name}` must be {kind.__name__} (got {str(value)[:40]!r})")
    return value


def dump_drain(drain: Drain) -> bytes:
    """A drain that the store keeps for all nodes."""
    return dump({name: str(drain.target) if name == "target" else getattr(drain, name) for name in _DRAIN})


def load_drain(octets: bytes) -> Drain:
    """The inverse. Raises ValueError."""
    values = load(octets, _DRAIN)
    try:
        return Drain(**{**values, "target": Target.parse(values["target"])}, leased=True)
    except RequestError as error:
        raise ValueError(error.message) from error


def dump_node(node: Registration) -> bytes:
    """A node's registration."""
    return dump({name: list(node.roles) if name == "roles" else getattr(node, name) for name in _NODE})


def load_node(octets: bytes) -> Registration:
    """The inverse. Raises ValueError."""
    values = load(octets, _NODE)
    return Registration(**{**values, "roles": tuple(map(str, values["roles"]))})


def dump_record(record: Record) -> bytes:
    """An entry of the record of what was done."""
    return dump({name: getattr(record, name) for name in _RECORD})


def load_record(octets: bytes) -> Record:
    """The inverse. Raises ValueError."""
    return Record(**load(octets, _RECORD))


def dump_ballot(ballot: Ballot) -> dict[str, bytes]:
    """A ballot as a head and its parts, by the last piece of their keys."""
    parts: dict[str, list[Any]] = {}
    for key, seen in ballot.verdicts.items():
        place = f"{crc32(f'{key.monitor} {key.address}'.encode()) % PARTS:02x}"
        parts.setdefault(place, []).append([*key, seen.verdict, seen.since, seen.reason, seen.calm])
    head = dump({"prober": ballot.prober, "site": ballot.site, "blind": ballot.blind})
    return {HEAD: head, **{place: dump({"verdicts": rows}) for place, rows in parts.items()}}


HEAD: Final = "head"


def load_head(octets: bytes) -> Ballot:
    """Who votes, without the votes. Raises ValueError."""
    return Ballot(**load(octets, {"prober": str, "site": str, "blind": str}), verdicts={})


def load_part(octets: bytes) -> dict[TargetKey, Observation]:
    """Some of the votes. Raises ValueError."""
    return dict(_votes(load(octets, {"verdicts": list})["verdicts"]))


def _votes(rows: Iterable[Any]) -> Iterator[tuple[TargetKey, Observation]]:
    for row in rows:
        if not isinstance(row, list) or len(row) < 6 or not all(isinstance(row[at], str) for at in (0, 1, 2, 4)):
            raise ValueError(f"a vote must be [monitor, address, verdict, since, reason, calm] (got {str(row)[:60]!r})")
        monitor, address, verdict, since, reason, calm = row[:6]
        if isinstance(since, bool) or not isinstance(since, int | float) or not isfinite(since):
            raise ValueError(f"`since` of a vote must be a number (got {str(since)[:40]!r})")
        yield TargetKey(monitor, address), Observation(_verdict(verdict), float(since), reason, bool(calm))


def _verdict(text: str) -> Verdict:
    for verdict in _VERDICTS:
        if text == verdict:
            return verdict
    raise ValueError(f"verdict {text[:40]!r} is not one of {', '.join(_VERDICTS)}")
