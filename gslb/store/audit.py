"""The record of what was done: per node a chain in which every entry holds the hash of the one before.

Whoever changes, removes or reorders entries breaks the chain from there on; `broken` finds where. An entry of the older
format has no source and no states, one of the next has more fields; each is hashed over what it has: chains go on
across a change of format.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from gslb.intents import Intent

FIRST: Final = ""  # what stands for the entry before the first
FORMAT: Final = 2
UNREADABLE: Final = "unreadable"  # the action of an entry that is there and cannot be understood
_OLDER: Final = MappingProxyType(  # fields of the older format, and what they are called since
    {
        "node": "node",
        "number": "number",
        "at": "at",
        "action": "action",
        "target": "target",
        "subject": "subject",
        "owner": "actor",
        "reason": "reason",
        "before": "link",
    }
)

State = Mapping[str, Any]


class Actor(NamedTuple):
    """Who does something, by the name of the token that was shown, and from where (an address)."""

    name: str
    source: str = ""


class Deed(NamedTuple):
    """Something that somebody does. `subject` is the id of what it is done to; `before` and `after` are its states."""

    action: str
    actor: Actor
    reason: str = ""
    target: str = ""
    subject: str = ""
    before: State | None = None
    after: State | None = None

    def about(self, before: Intent | None, after: Intent | None) -> "Deed":
        """The deed with what it does to an intent."""
        intent = after or before
        assert intent is not None
        states = [_told(one) if one else None for one in (before, after)]
        return self._replace(target=str(intent.target), subject=intent.id, before=states[0], after=states[1])


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that was done through `node`: `number` counts from 1, `at` is in epoch seconds, `link` is the hash of
    the entry before. `more` is what a newer gslb wrote, by field."""

    node: str
    number: int
    at: float
    action: str
    target: str
    subject: str
    actor: str
    source: str
    reason: str
    before: State | None = None
    after: State | None = None
    link: str = FIRST
    hash: str = ""
    format: int = FORMAT
    more: State = field(default_factory=dict)

    @classmethod
    def of(cls, node: str, at: float, deed: Deed) -> "Record":
        """An entry that is not in a chain yet."""
        who, where = deed.actor
        return cls(
            node, 0, at, deed.action, deed.target, deed.subject, who, where, deed.reason, deed.before, deed.after
        )

    @classmethod
    def unreadable(cls, node: str, number: int, at: float, why: str) -> "Record":
        """What stands for an entry that cannot be understood. It never verifies."""
        return cls(node, number, at, UNREADABLE, "", "", "", "", why)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; those of the older format under their older names."""
        if self.format == 1:
            return {**{old: getattr(self, new) for old, new in _OLDER.items()}, "hash": self.hash}
        return {**self.more, **{name: getattr(self, name) for name in _NAMES}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Record":
        """The inverse of `to_dict`. Raises KeyError where something is missing."""
        if values.get("format", 1) == 1:
            older = {new: values[old] for old, new in _OLDER.items()}
            return cls(**older, source="", hash=values["hash"], format=1)
        more = {name: value for name, value in values.items() if name not in _NAMES}
        return cls(**{name: values[name] for name in _NAMES}, more=more)


_NAMES: Final = tuple(one.name for one in fields(Record) if one.name != "more")


def chained(record: Record, before: Record | None, number: int = 0) -> Record:
    """The record as the next of a chain whose last is `before`; `number` where that of the next one is taken."""
    number = number or (before.number + 1 if before else 1)
    linked = replace(record, number=number, link=before.hash if before else FIRST)
    return replace(linked, hash=_hash(linked))


def broken(records: Iterable[Record]) -> list[str]:
    """What is wrong with the chains in `records` (oldest first); the first of each may follow one that is not there."""
    last: dict[str, Record] = {}
    found = []
    for record in records:
        former = last.get(record.node)
        if record.action == UNREADABLE and not record.hash:
            found.append(f"entry {record.number} of {record.node} cannot be read: {record.reason}")
        elif record.hash != _hash(record):
            found.append(f"entry {record.number} of {record.node} was changed")
        elif former and (record.number, record.link) != (former.number + 1, former.hash):
            found.append(f"entry {record.number} of {record.node} does not follow entry {former.number}")
        last[record.node] = record
    return found


def _hash(record: Record) -> str:
    values = {key: value for key, value in record.to_dict().items() if key != "hash"}
    return blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=32).hexdigest()


def _told(intent: Intent) -> State:
    """An intent as the record shows it: without what is known of the store alone."""
    return {name: value for name, value in intent.to_dict().items() if name not in ("leased", "removed")}
