"""A small memory of OPT records that carry a cookie and nothing else: what they mean, and the reply's OPT record.

Resolvers send the same OPT record again and again, and reading it, checking the cookie and writing the reply's is a
third of the cost of such a query. What is remembered depends only on the record as sent, the source address, the
secrets and the minute, so nobody can put something wrong there for somebody else; and each has one place, found by a
hash that the process keys at random, so however much is sent, memory stays and a loser only pays the full price again.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

MINUTE: Final = 60.0  # seconds that anything is remembered
COOKIE_ALONE: Final = (11 + 4 + 24, 11 + 4 + 8)  # octets of an OPT record with one option, a full or a client cookie


class Seen(NamedTuple):
    """One OPT record. `key` is the record and the source address; `good` says that the cookie proves that address."""

    key: bytes
    until: float  # epoch seconds
    secrets: Sequence[bytes]
    good: bool
    payload: int
    dnssec_ok: bool
    cookie: bytes  # of the reply
    opt: bytes  # the reply's OPT record


class Memory:
    """`size` places, at least one."""

    __slots__ = ("_places", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._places: list[Seen | None] = [None] * size

    def find(self, key: bytes, now: float, secrets: Sequence[bytes]) -> Seen | None:
        """What is known of this record from this address, at `now` (epoch seconds) and with these secrets."""
        seen = self._places[hash(key) % self.size]
        if seen is not None and seen[0] == key and seen[1] > now and seen[2] is secrets:
            return seen
        return None

    def keep(self, seen: Seen) -> None:
        """Remember, in the place of what was there."""
        self._places[hash(seen.key) % self.size] = seen
