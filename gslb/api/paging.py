"""Long lists in pages: an opaque cursor says where the next one begins.

It holds the key of the last item, not a position, so that what comes and goes meanwhile shifts nothing.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import islice
from typing import Any, Final, TypeVar

from gslb.errors import InvalidError

Key = tuple[str | int | float, ...]
T = TypeVar("T")

_MOST: Final = 1 << 62
_SUM: Final = 6  # octets: not against forgery, which gains nothing, but against what was cut or mixed up


def page(
    items: Iterable[T], key: Callable[[T], Key], kind: str, limit: int, cursor: str | None
) -> tuple[list[T], str | None]:
    """The first `limit` items behind the cursor, and the cursor of the next page, None where this is the last.

    `items` are in the order of their keys. Raises InvalidError: the cursor is none of this kind.
    """
    if cursor is not None:
        after = read_cursor(kind, cursor)
        items = (item for item in items if _behind(key(item), after))
    found = list(islice(items, limit + 1))
    return found[:limit], cursor_at(kind, key(found[limit - 1])) if len(found) > limit else None


def cursor_at(kind: str, key: Key) -> str:
    """The cursor that stands behind a key."""
    text = json.dumps([kind, *key], separators=(",", ":")).encode()
    return urlsafe_b64encode(_checksum(text) + text).decode().rstrip("=")


def read_cursor(kind: str, cursor: str) -> Key:
    """The key that a cursor stands behind. Raises InvalidError: it is none of this kind."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        found: Any = json.loads(raw[_SUM:]) if raw[:_SUM] == _checksum(raw[_SUM:]) else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or found[:1] != [kind] or len(found) < 2:
        raise _foreign()
    return tuple(found[1:])


def read_number(kind: str, cursor: str) -> int:
    """The number that a cursor stands behind, where keys are numbers. Raises InvalidError, as `read_cursor`."""
    number, *more = read_cursor(kind, cursor)
    if type(number) is not int or more or not 0 <= number < _MOST:
        raise _foreign()
    return number


def _behind(key: Key, after: Key) -> bool:
    try:
        return key > after
    except TypeError:
        raise _foreign() from None


def _foreign() -> InvalidError:
    hint = "begin again without one: it is `next` of a page"
    return InvalidError("this is no cursor of this list", pointer="/cursor", hint=hint)


def _checksum(text: bytes) -> bytes:
    return blake2b(text, digest_size=_SUM).digest()
