"""Entries of the record as text, as it is kept everywhere: one way to write each, so that every octet counts."""

import json
from typing import Any, Final

from gslb.formats import refusal
from gslb.store.audit import FORMAT, Record
from gslb.store.valuetext import checked, parsed, require_flat

_OLDER: Final = {
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
_FIELDS: Final = {
    "node": str,
    "number": int,
    "at": float,
    "action": str,
    "target": str,
    "subject": str,
    "actor": str,
    "source": str,
    "reason": str,
    "link": str,
    "hash": str,
}


def dump_record(record: Record) -> bytes:
    """The text of an entry."""
    return json.dumps(record.to_dict(), separators=(",", ":"), sort_keys=True).encode()


def load_record(octets: bytes) -> Record:
    """The inverse. Raises ValueError where the text is not as `dump_record` writes it, or too new.

    What is not known of it is kept: its hash covers that, too.
    """
    values = parsed(octets)
    version, oldest = checked({"format": 1, "oldest": 0, **values}, {"format": int, "oldest": int}).values()
    if version == 1:
        return Record.from_dict({**checked(values, _OLDER), "format": 1})
    if why := refusal(version, oldest, FORMAT):
        raise ValueError(why)
    require_flat(values)
    known = {**checked(values, _FIELDS), **{name: _state(values, name) for name in _STATES}}
    record = Record.from_dict({**values, **known})
    if dump_record(record) != octets:
        raise ValueError("is not as it was written")
    return record


_STATES: Final = ("before", "after")


def _state(values: dict[str, Any], name: str) -> Any:
    value = values.get(name)
    if not isinstance(value, dict | None):
        raise ValueError(f"`{name}` must be an object or null")
    return value
