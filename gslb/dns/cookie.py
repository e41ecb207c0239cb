"""DNS cookies: RFC 7873 with the interoperable server cookie of RFC 9018.

    client cookie (8)  version 1  reserved (3)  time (4)  hash (8)
    hash = SipHash-2-4 over all before it and the client's address, keyed with a secret of 16 octets

All nodes share the secrets, so a cookie from one is good at every other. The first secret signs; all of them verify:
that is how a secret is changed without anybody noticing (RFC 9018 section 5).
"""

import struct
from collections.abc import Sequence
from typing import Final

from siphashc import siphash

SECRET_SIZE: Final = 16

_FULL: Final = 24
_HEAD: Final = b"\x01\x00\x00\x00"
_OLDEST: Final = 3600  # seconds, RFC 9018 section 4.3
_FUTURE: Final = 300
_RENEW: Final = 1800
_WRAP: Final = 1 << 32
_TIME: Final = struct.Struct("!I").pack
_SEEN: Final = struct.Struct("!I").unpack_from
_HASH: Final = struct.Struct("<Q").pack


def make_cookie(secret: bytes, client: bytes, now: int, source: bytes) -> bytes:
    """The 24 octets for a client cookie of 8, made at `now` (epoch seconds) for a packed address."""
    head = client + _HEAD + _TIME(now % _WRAP)
    return head + _HASH(siphash(secret, head + source))


def answer_cookie(cookie: bytes, secrets: Sequence[bytes], now: int, source: bytes) -> tuple[bytes, bool]:
    """The cookie for the reply, and whether the one that was sent proves the client's address.

    A good cookie is sent back as it is until it is half an hour old, or signed with a secret that is leaving.
    """
    if len(cookie) == _FULL and cookie[8] == 1:
        age = now - _SEEN(cookie, 12)[0]
        if not -_FUTURE <= age <= _OLDEST:
            age = (age + _FUTURE) % _WRAP - _FUTURE  # serial arithmetic
        if age <= _OLDEST:
            signed, signature = cookie[:16] + source, cookie[16:]
            for secret in secrets:
                if _HASH(siphash(secret, signed)) == signature:
                    if age <= _RENEW and secret is secrets[0]:
                        return cookie, True
                    return make_cookie(secrets[0], cookie[:8], now, source), True
    return make_cookie(secrets[0], cookie[:8], now, source), False
