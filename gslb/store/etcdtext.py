"""What etcd's JSON gateway says and hears: values of ours on one side, its JSON on the other.

In that JSON 64-bit numbers are strings, zeros and empty values are left out, and keys and values are base64. A key is
text here; octets that are not UTF-8 survive the way there and back (surrogateescape).
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from gslb.store.etcderrors import TooLongError

Json: TypeAlias = dict[str, Any]
Target: TypeAlias = Literal["mod_revision", "create_revision", "version", "lease"]
Relation: TypeAlias = Literal["=", "!=", "<", ">"]

_TARGETS: Final = {"mod_revision": "MOD", "create_revision": "CREATE", "version": "VERSION", "lease": "LEASE"}
_RELATIONS: Final = {"=": "EQUAL", "!=": "NOT_EQUAL", "<": "LESS", ">": "GREATER"}


class Item(NamedTuple):
    """A key with its value. `version` counts the writes since it was created; lease 0 = none, it stays."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int


class Change(NamedTuple):
    """One key that was written, or removed (value None, create_revision, version and lease 0) at mod_revision."""

    key: str
    value: bytes | None
    create_revision: int
    mod_revision: int
    version: int
    lease: int


class Batch(NamedTuple):
    """What a watch tells at once, oldest first. A watch that begins at revision + 1 misses nothing of its prefix.

    Without changes it is a sign of life, and `revision` is where the store is.
    """

    revision: int
    changes: tuple[Change, ...] = ()


class Listing(NamedTuple):
    """What a range of keys held at `revision`, in the order of the keys."""

    revision: int
    items: tuple[Item, ...]


class Bounds(NamedTuple):
    """How much of a store is held in memory at most."""

    keys: int = 100_000
    octets: int = 64 << 20  # of keys and values together

    def check(self, prefix: str, keys: int, octets: int) -> None:
        """Raises TooLongError where there is more than that under a prefix."""
        for found, most, unit in ((keys, self.keys, "keys"), (octets, self.octets, "octets")):
            if found > most:
                raise TooLongError(f"more than {most} {unit} under {prefix!r}", hint="remove what is not gslb's")


class Tally(NamedTuple):
    """How many keys a prefix has at `revision`; `newer` tells whether one was written since the revision asked for."""

    revision: int
    keys: int
    newer: bool = False


class Compare(NamedTuple):
    """A condition of a transaction. With `prefix` it holds when it does for every key that begins with `key`.

    A key that does not exist has 0 for everything; one that was removed leaves no trace.
    """

    key: str
    target: Target
    relation: Relation
    value: int
    prefix: bool = False


class Put(NamedTuple):
    """Write a key; it goes when its lease does (0 = it stays)."""

    key: str
    value: bytes
    lease: int = 0


class Delete(NamedTuple):
    """Remove a key, or with `prefix` all that begin with it."""

    key: str
    prefix: bool = False


class Read(NamedTuple):
    """Read a key, or with `prefix` all that begin with it."""

    key: str
    prefix: bool = False


class TxnResult(NamedTuple):
    """`succeeded` tells whether the conditions held; `items` is what the reads found where they did not."""

    succeeded: bool
    revision: int
    items: tuple[Item, ...]


class Status(NamedTuple):
    """One member as it sees itself. Ids are hexadecimal as in etcd's own tools; leader "" = it knows none."""

    endpoint: str
    member: str = ""
    leader: str = ""
    version: str = ""
    revision: int = 0
    size: int = 0  # octets of the database
    alarms: tuple[str, ...] = ()
    problem: str = ""  # why it could not be asked; everything else is empty then


def octets_of(items: Iterable[Item]) -> int:
    """What keys and values come to, as Bounds counts them."""
    return sum(len(to_octets(item.key)) + len(item.value) for item in items)


def absent(key: str) -> Compare:
    """The key does not exist."""
    return Compare(key, "create_revision", "=", 0)


def unchanged(item: Item) -> Compare:
    """The key is as it was read."""
    return Compare(item.key, "mod_revision", "=", item.mod_revision)


def key_body(key: str, *, prefix: bool = False) -> Json:
    """One key, or with `prefix` all that begin with it."""
    return {"key": encode(key), "range_end": encode_octets(prefix_end(key))} if prefix else {"key": encode(key)}


def page_body(prefix: str, after: str | None, limit: int, at: int) -> Json:
    """At most `limit` keys under a prefix, those behind the key `after`, as they were at a revision (0 = now)."""
    body = {**key_body(prefix, prefix=True), "limit": str(limit), "revision": str(at)}
    return body if after is None else {**body, "key": encode_octets(to_octets(after) + b"\0")}


def span_body(first: str, end: bytes, limit: int, *, newest_first: bool) -> Json:
    """At most `limit` keys from `first` on, before `end`; or the last of them, last one first."""
    order = {"sort_order": "DESCEND", "sort_target": "KEY"} if newest_first else {}
    return {"key": encode(first), "range_end": encode_octets(end), "limit": str(limit), **order}


def watch_body(prefix: str, first: int) -> Json:
    """A watch of all keys under a prefix, from the revision `first` on."""
    options = {"start_revision": str(first), "progress_notify": True, "fragment": True}
    return {"create_request": {**key_body(prefix, prefix=True), **options}}


def txn_body(compares: Sequence[Compare], writes: Sequence[Put | Delete], otherwise: Sequence[Read]) -> Json:
    """The writes where all the conditions hold, else the reads."""
    return {
        "compare": list(map(_compare, compares)),
        "success": list(map(_write, writes)),
        "failure": list(map(_read, otherwise)),
    }


def prefix_end(prefix: str) -> bytes:
    """The first key after all that begin with the prefix; a zero octet = there is none after."""
    octets = to_octets(prefix).rstrip(b"\xff")
    return octets[:-1] + bytes((octets[-1] + 1,)) if octets else b"\0"


def to_octets(key: str) -> bytes:
    """A key as etcd has it."""
    return key.encode(errors="surrogateescape")


def encode(key: str) -> str:
    """A key as the gateway wants it. An empty one, which etcd refuses, stands for the first of all keys."""
    return encode_octets(to_octets(key) or b"\0")


def encode_octets(octets: bytes) -> str:
    """Octets as the gateway wants them."""
    return base64.b64encode(octets).decode()


def number(values: Json, name: str) -> int:
    """A 64-bit number, 0 where it was left out. Raises ValueError, TypeError."""
    return int(values.get(name, 0))


def revision(answer: Json) -> int:
    """Where the store was when it answered. Raises KeyError, ValueError, TypeError."""
    return int(answer["header"]["revision"])


def items(answer: Json) -> tuple[Item, ...]:
    """The keys in the answer to a range. Raises KeyError, ValueError, TypeError, AttributeError."""
    return tuple(map(_item, answer.get("kvs", ())))


def tally(answer: Json) -> Tally:
    """The answer to a range of which only the number matters. Raises as `items` does."""
    return Tally(revision(answer), number(answer, "count"), newer=bool(answer.get("kvs")))


def txn_result(answer: Json) -> TxnResult:
    """The answer to a transaction. Raises as `items` does."""
    reads = (response["response_range"] for response in answer.get("responses", ()) if "response_range" in response)
    found = tuple(item for read in reads for item in items(read))
    return TxnResult(bool(answer.get("succeeded", False)), revision(answer), found)


def batch(result: Json, first: int) -> Batch:
    """A message of a watch that began at the revision `first`. Raises as `items` does."""
    changes = tuple(map(_change, result.get("events", ())))
    if result.get("created"):
        return Batch(first - 1 if first else revision(result), changes)  # the past from `first` on comes after it
    if not changes:
        return Batch(revision(result))
    # While it catches up, the header is ahead of the events; and more of the last revision may be in the next fragment.
    return Batch(changes[-1].mod_revision - bool(result.get("fragment")), changes)


def status(endpoint: str, answer: Json) -> Status:
    """The answer to a question for a member's state. Raises as `items` does."""
    leader = number(answer, "leader")
    return Status(
        endpoint,
        member=f"{int(answer['header']['member_id']):x}",
        leader=f"{leader:x}" if leader else "",
        version=str(answer.get("version", "")),
        revision=revision(answer),
        size=number(answer, "dbSize"),
        alarms=tuple(map(str, answer.get("errors", ()))),
    )


def _item(values: Json) -> Item:
    return Item(_key(values), _octets(values.get("value", "")), *_numbers(values))


def _change(event: Json) -> Change:
    values = event["kv"]
    value = None if event.get("type") == "DELETE" else _octets(values.get("value", ""))
    return Change(_key(values), value, *_numbers(values))


def _numbers(values: Json) -> tuple[int, int, int, int]:
    created, modified = number(values, "create_revision"), number(values, "mod_revision")
    return created, modified, number(values, "version"), number(values, "lease")


def _key(values: Json) -> str:
    return _octets(values["key"]).decode(errors="surrogateescape")


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _compare(compare: Compare) -> Json:
    body = key_body(compare.key, prefix=compare.prefix)
    body |= {"target": _TARGETS[compare.target], "result": _RELATIONS[compare.relation]}
    return {**body, compare.target: str(compare.value)}


def _write(write: Put | Delete) -> Json:
    if isinstance(write, Delete):
        return {"request_delete_range": key_body(write.key, prefix=write.prefix)}
    value = encode_octets(write.value)
    return {"request_put": {"key": encode(write.key), "value": value, "lease": str(write.lease)}}


def _read(read: Read) -> Json:
    return {"request_range": key_body(read.key, prefix=read.prefix)}
