"""DNS cookies: RFC 7873 with the interoperable server cookie of RFC 9018.

    client cookie (8)  version 1  reserved (3)  time (4)  hash (8)
    hash = SipHash-2-4 over all before it and the client's address, keyed with a secret of 16 octets

All nodes share the secrets, so a cookie from one is good at every other. The first secret signs; all of them verify:
that is how a secret is changed without anybody noticing (RFC 9018 section 5).
"""

from collections.abc import Sequence
from typing import Final

from siphash24 import siphash24

SECRET_SIZE: Final = 16

_FULL: Final = 24
_HEAD: Final = b"\x01\x00\x00\x00"
_OLDEST: Final = 3600  # seconds, RFC 9018 section 4.3
_FUTURE: Final = 300
_RENEW: Final = 1800
_WRAP: Final = 1 << 32


def make_cookie(secret: bytes, client: bytes, now: int, source: bytes) -> bytes:
    """The 24 octets for a client cookie of 8, made at `now` (epoch seconds) for a packed address."""
    head = client + _HEAD + (now % _WRAP).to_bytes(4, "big")
    return head + bytes(siphash24(head + source, key=secret).digest())


def answer_cookie(cookie: bytes, secrets: Sequence[bytes], now: int, source: bytes) -> tuple[bytes, bool]:
    """The cookie for the reply, and whether the one that was sent proves the client's address.

    A good cookie is sent back as it is until it is half an hour old, or signed with a secret that is leaving.
    """
    if len(cookie) == _FULL and cookie[8] == 1:
        age = (now - int.from_bytes(cookie[12:16], "big") + _FUTURE) % _WRAP - _FUTURE  # serial arithmetic
        if age <= _OLDEST:
            for secret in secrets:
                if siphash24(cookie[:16] + source, key=secret).digest() == cookie[16:]:
                    if age <= _RENEW and secret is secrets[0]:
                        return cookie, True
                    return make_cookie(secrets[0], cookie[:8], now, source), True
    return make_cookie(secrets[0], cookie[:8], now, source), False
