"""The values that nodes share, as JSON text, and what must be true of them before they are believed.

Every value bears the number of its format, and where that of the oldest reader is not the one before, that as `oldest`.
A reader takes the fields that it knows, from the next format too, and refuses what lacks one or has the wrong kind:
whoever wrote it, it decides about answers. Of an intent, which is written back when it is changed, the others are kept.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields as fields_of
from typing import Any, Final
from zlib import crc32

from gslb.errors import RequestError
from gslb.formats import refusal
from gslb.health.states import Observation, TargetKey, Verdict
from gslb.health.votes import Ballot
from gslb.intents import KINDS, Intent
from gslb.store.roster import Registration

FORMAT: Final = 1
_SECRET: Final = re.compile("[0-9A-Fa-f]{32}")
PARTS: Final = 16  # of a ballot: what changes in it is written anew, and etcd takes a megabyte at most at once
_VERDICTS: Final = ("up", "down", "unknown")
_TIMES: Final = (0.0, 253_402_300_800.0)  # epoch seconds of the years that a calendar can show
_NUMBERS: Final = (0, 1 << 63)
_INTENT: Final = {"id": str, "target": str, "reason": str, "owner": str, "created": float}
_SINCE: Final = {
    "starts": float,
    "changed": int,
    "percent": int,
    "up": bool,
    "overrides": bool,
}  # what versions before did not write
_DEEPEST: Final = 20
_KNOWN: Final = frozenset({"kind", *(field.name for kind in KINDS.values() for field in fields_of(kind))}) - {"unknown"}
_KEPT_ELSEWHERE: Final = ("removed", "leased", "local")  # of an intent: the store's doing, or the reader's
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
_VOTE: Final = {"monitor": str, "address": str, "verdict": str, "since": float, "reason": str, "calm": bool}
_KINDS: Final = {
    str: "text",
    float: "a time in epoch seconds",
    int: "a whole number from 0 on",
    list: "a list",
    bool: "true or false",
}

Values = Mapping[str, Any]


def dump(values: Values) -> bytes:
    """The text of a value."""
    return json.dumps({"format": FORMAT, **values}, separators=(",", ":")).encode()


def load(octets: bytes, fields: Mapping[str, type]) -> dict[str, Any]:
    """The fields of a value. Raises ValueError that says what is wrong."""
    values = parsed(octets)
    version = _field(values, "format", int)
    oldest = _checked(values.get("oldest", max(version - 1, 0)), "`oldest`", int)
    if why := refusal(version, oldest, FORMAT):
        raise ValueError(why)
    return checked(values, fields)


def parsed(octets: bytes) -> dict[str, Any]:
    """Any object. Raises ValueError."""
    try:
        values = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError("must be an object")
    return values


def require_flat(values: Any, depth: int = _DEEPEST) -> None:
    """Raises ValueError for what is nested so deep that writing it out might fail where reading it did not."""
    if isinstance(values, dict | list):
        if not depth:
            raise ValueError(f"is nested more than {_DEEPEST} deep")
        for value in values.values() if isinstance(values, dict) else values:
            require_flat(value, depth - 1)


def checked(values: Values, fields: Mapping[str, type]) -> dict[str, Any]:
    """The fields of an object. Raises ValueError that says what is wrong."""
    return {name: _field(values, name, kind) for name, kind in fields.items()}


def _field(values: Values, name: str, kind: type) -> Any:
    if name not in values:
        raise ValueError(f"lacks `{name}`")
    return _checked(values[name], f"`{name}`", kind)


def _checked(value: Any, name: str, kind: type) -> Any:
    """The value, where everything that is done with one of its kind can be done with it: it is shown and counted."""
    good = isinstance(value, int | float if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if good and kind is str:
        good = value.isascii() or _is_text(value)
    elif good and kind in (int, float):
        low, beyond = _NUMBERS if kind is int else _TIMES
        good = low <= value < beyond
    if not good:
        raise ValueError(f"{name} must be {_KINDS[kind]} (got {ascii(value)[:40]})")
    return float(value) if kind is float else value


def _is_text(value: str) -> bool:
    try:
        return bool(value.encode())
    except UnicodeEncodeError:
        return False


def dump_intent(intent: Intent) -> bytes:
    """An intent that the store keeps for all nodes; its kind stands in its key."""
    return dump({name: value for name, value in intent.to_kept().items() if name not in _KEPT_ELSEWHERE})


def load_intent(kind: str, octets: bytes) -> Intent:
    """The inverse. Raises ValueError."""
    values = load(octets, _INTENT)
    told = parsed(octets)
    values |= checked(told, {name: of for name, of in _SINCE.items() if name in told})
    values["expires"] = None if kind == "force" and told.get("expires") is None else _field(told, "expires", float)
    if not 1 <= values.get("percent", 100) <= 100:
        raise ValueError(f"`percent` must be from 1 to 100 (got {values['percent']})")
    unknown = {name: value for name, value in told.items() if name not in _KNOWN}
    if told["format"] <= FORMAT:
        del unknown["format"]  # a newer one stays with what it stands for
    require_flat(unknown)
    try:
        return KINDS[kind].from_dict({**unknown, **values, "leased": True})
    except RequestError as error:
        raise ValueError(error.message) from error


def dump_node(node: Registration) -> bytes:
    """A node's registration."""
    return dump({**{name: getattr(node, name) for name in _NODE}, "begun": node.begun, "notifies": node.notifies})


def load_node(octets: bytes) -> Registration:
    """The inverse. Raises ValueError."""
    values = load(octets, _NODE)
    told = parsed(octets)
    begun, notifies = told.get("begun", []), told.get("notifies", False) is True
    if not isinstance(begun, list):
        raise ValueError("`begun` must be a list")
    values["roles"] = tuple(_checked(role, "a role", str) for role in values["roles"])
    values["begun"] = tuple(_checked(one, "an intent that has begun", str) for one in begun)
    return Registration(**values, notifies=notifies)


def check_secrets(octets: bytes) -> bytes:
    """The file of what DNS cookies are signed with, as every node can use it. Raises ValueError."""
    lines = [line.partition("#")[0].strip() for line in octets.decode("ascii").splitlines()]
    if not any(lines) or not all(_SECRET.fullmatch(line) for line in lines if line):
        raise ValueError("must be lines of 32 hexadecimal digits")
    return octets


def shown(key: str) -> str:
    """A key as people and logs can read it, whatever its octets."""
    return key.encode(errors="backslashreplace").decode()[:200]


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
        if not isinstance(row, list) or len(row) < len(_VOTE):
            raise ValueError(f"a vote must be [{', '.join(_VOTE)}] (got {ascii(row)[:60]})")
        fields = zip(row, _VOTE.items(), strict=False)
        values = [_checked(value, f"`{name}` of a vote", kind) for value, (name, kind) in fields]
        monitor, address, verdict, since, reason, calm = values
        yield TargetKey(monitor, address), Observation(_verdict(verdict), since, reason, calm)


def _verdict(text: str) -> Verdict:
    for verdict in _VERDICTS:
        if text == verdict:
            return verdict
    raise ValueError(f"verdict {ascii(text)[:40]} is not one of {', '.join(_VERDICTS)}")
