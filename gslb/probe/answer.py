"""Whether an HTTP answer is the one a monitor expects. Pure. Every condition that is given must hold."""

import json
import re
from functools import lru_cache
from typing import Final, Protocol

from gslb.probe.result import ProbeError, brief

MAX_BODY = 65536  # octets that are read; conditions look at no more


class Expectation(Protocol):
    """The conditions of an `http` monitor."""

    @property
    def status(self) -> tuple[int, ...]:
        """Those that are right."""

    @property
    def contains(self) -> str | None:
        """What stands somewhere in the body."""

    @property
    def regex(self) -> str | None:
        """What fits somewhere in the body."""

    @property
    def json(self) -> tuple[tuple[str, object], ...]:
        """(path, value) pairs that hold in the body. The value PRESENT is any value at all."""


def judge_status(expected: Expectation, status: int) -> None:
    """Raises ProbeError("status") unless the status is one of those expected."""
    if status not in expected.status:
        raise ProbeError("status", f"{status}, expected {' or '.join(map(str, expected.status))}")


def judge_body(expected: Expectation, body: bytes) -> None:
    """Judge the body, of which at most MAX_BODY octets are looked at. Raises ProbeError("body")."""
    looked_at = body[:MAX_BODY]
    if expected.contains is not None and expected.contains.encode() not in looked_at:
        raise ProbeError("body", f"{len(body)} octets without {brief(expected.contains, 40)!r}")
    if expected.regex is not None and not _pattern(expected.regex).search(looked_at.decode(errors="replace")):
        raise ProbeError("body", f"{len(body)} octets that do not match {brief(expected.regex, 40)!r}")
    if expected.json:
        _judge_json(expected.json, body)


@lru_cache(maxsize=1024)
def _pattern(regex: str) -> re.Pattern[str]:
    return re.compile(regex)


def _judge_json(conditions: tuple[tuple[str, object], ...], body: bytes) -> None:
    if len(body) > MAX_BODY:
        raise ProbeError("body", f"longer than {MAX_BODY} octets: not read as JSON")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise ProbeError("body", f"{len(body)} octets that are not JSON") from None
    for path, expected in conditions:
        found = _find(document, path)
        if not _same(found, expected):
            raise ProbeError("body", f"{brief(path, 30)} is {_shown(found)}, expected {_shown(expected)}")


class _Absent:
    """Stands for a path that leads nowhere: unequal to everything, null included."""


class _Present:
    """Stands for whatever a path leads to."""


_ABSENT = _Absent()
PRESENT: Final = _Present()


def _find(document: object, path: str) -> object:
    """Walk "items.0.state": keys of objects, indexes (from 0) of arrays."""
    found = document
    for step in path.split("."):
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isascii() and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return _ABSENT
    return found


def _same(found: object, expected: object) -> bool:
    """Equality as JSON has it: true is not 1, but 1 is 1.0."""
    if isinstance(expected, _Present):
        return not isinstance(found, _Absent)
    return isinstance(found, bool) == isinstance(expected, bool) and found == expected


def _shown(value: object) -> str:
    if isinstance(value, _Present):
        return "something"
    return "absent" if isinstance(value, _Absent) else brief(json.dumps(value, default=str), 16)
