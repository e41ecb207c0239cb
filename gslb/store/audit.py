"""The record of what was done: per node a chain in which every entry holds the hash of the one before.

Whoever changes or removes an entry breaks the chain from there on; `broken` finds where.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import Final

FIRST: Final = ""  # what stands for the entry before the first


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that was done at `node`: `number` counts from 1; `at` is in epoch seconds."""

    node: str
    number: int
    at: float
    action: str  # drain, force-drain, undrain
    target: str
    subject: str  # the intent's id
    owner: str
    reason: str
    before: str = FIRST
    hash: str = ""


def added(*, forced: bool) -> str:
    """The action of a drain that begins; `forced`: against the safety rule."""
    return "force-drain" if forced else "drain"


def chained(record: Record, before: Record | None, number: int = 0) -> Record:
    """The record as the next of a chain whose last is `before`; `number` where that of the next one is taken."""
    number = number or (before.number + 1 if before else 1)
    linked = replace(record, number=number, before=before.hash if before else FIRST)
    return replace(linked, hash=_hash(linked))


def newest(records: Iterable[Record], limit: int) -> tuple[Record, ...]:
    """The last of several chains, newest first. `records` has each chain in order, and so has the result, although a
    node's clock may have been set back."""
    latest: dict[str, float] = {}
    found = []
    for record in records:
        latest[record.node] = max(record.at, latest.get(record.node, record.at))
        found.append((latest[record.node], record.node, record.number, record))
    found.sort(key=lambda one: one[:3], reverse=True)
    return tuple(one[-1] for one in found[:limit])


def broken(records: Iterable[Record]) -> list[str]:
    """What is wrong with the chains in `records` (oldest first); the first of each may follow one that is not there."""
    last: dict[str, Record] = {}
    found = []
    for record in records:
        former = last.get(record.node)
        if record.hash != _hash(record):
            found.append(f"entry {record.number} of {record.node} was changed")
        elif former and (record.number, record.before) != (former.number + 1, former.hash):
            found.append(f"entry {record.number} of {record.node} does not follow entry {former.number}")
        last[record.node] = record
    return found


def _hash(record: Record) -> str:
    values = {key: value for key, value in asdict(record).items() if key != "hash"}
    return blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=32).hexdigest()
