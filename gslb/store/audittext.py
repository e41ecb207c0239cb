"""Entries of the record as text, as it is kept everywhere: one way to write each, so that every octet counts."""

import json
from typing import Any, Final

from gslb.store.audit import FORMAT, Record
from gslb.store.valuetext import checked, parsed

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
    """The inverse. Raises ValueError where the text is not as `dump_record` writes it, or is of a newer format."""
    values = parsed(octets)
    version = values.get("format", 1)
    if version == 1:
        return Record.from_dict({**checked(values, _OLDER), "format": 1})
    if version != FORMAT:
        raise ValueError(f"is of the format {ascii(version)[:20]}, and this gslb reads up to {FORMAT}")
    record = Record.from_dict({**checked(values, _FIELDS), **{name: _state(values, name) for name in _STATES}})
    if dump_record(record) != octets:
        raise ValueError("is not as it was written")
    return record


_STATES: Final = ("before", "after", "format")


def _state(values: dict[str, Any], name: str) -> Any:
    value = values.get(name)
    if name != "format" and not isinstance(value, dict | None):
        raise ValueError(f"`{name}` must be an object or null")
    return value
