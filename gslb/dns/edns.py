"""EDNS(0), RFC 6891: the OPT record of a query and of its reply."""

import struct
from typing import Final

from gslb.dns.ecs import Ecs, parse_ecs

NSID: Final = 3
ECS: Final = 8
COOKIE: Final = 10
KEEPALIVE: Final = 11
EDE: Final = 15

EDE_OTHER: Final = 0
EDE_NOT_READY: Final = 14
EDE_PROHIBITED: Final = 18
EDE_NOT_AUTHORITATIVE: Final = 20
EDE_INVALID_QUERY_TYPE: Final = 30

OUR_PAYLOAD: Final = 1232  # RFC 9715 section 3.2: fits every path without a fragment
KEEPALIVE_UNIT: Final = 0.1  # seconds, RFC 7828 section 3.1
_SMALLEST_PAYLOAD: Final = 512
_OPTION: Final = struct.Struct("!HH")


class Edns:
    """What the query's OPT record says. `malformed` means FORMERR; `cookie` and `ecs` are None where not sent."""

    __slots__ = ("cookie", "dnssec_ok", "ecs", "keepalive", "malformed", "nsid", "payload", "version")

    def __init__(self, payload: int, version: int, dnssec_ok: bool) -> None:
        self.payload = payload if payload > _SMALLEST_PAYLOAD else _SMALLEST_PAYLOAD
        self.version = version
        self.dnssec_ok = dnssec_ok
        self.malformed = False
        self.nsid = False
        self.cookie: bytes | None = None
        self.ecs: Ecs | None = None
        self.keepalive = False


def parse_options(edns: Edns, data: bytes) -> None:
    """Read OPT RDATA into `edns`; of an option sent twice the first counts (RFC 7873 section 5.2)."""
    at, end = 0, len(data)
    seen_ecs = False
    while at < end:
        if end - at < 4:
            edns.malformed = True
            return
        code, length = _OPTION.unpack_from(data, at)
        at += 4
        if length > end - at:
            edns.malformed = True
            return
        if code == COOKIE:
            if edns.cookie is None:
                edns.cookie = data[at : at + length]
                # RFC 7873 section 5.2.2: a client part of 8, alone or with a server part of 8 to 32 octets
                if length != 8 and not 16 <= length <= 40:
                    edns.cookie = None
                    edns.malformed = True
        elif code == ECS:
            if not seen_ecs:
                seen_ecs = True
                edns.ecs = parse_ecs(data[at : at + length])
                if edns.ecs is None:
                    edns.malformed = True
        elif code == NSID:
            edns.nsid = True
        elif code == KEEPALIVE:
            edns.keepalive = True
        at += length


def option(code: int, data: bytes) -> bytes:
    """One EDNS option in wire form."""
    return _OPTION.pack(code, len(data)) + data


def extended_error(code: int, text: str = "") -> bytes:
    """An Extended DNS Error option (RFC 8914). `text` must not name a site."""
    return option(EDE, struct.pack("!H", code) + text.encode())


def opt_record(dnssec_ok: bool, options: bytes, extended_rcode: int = 0) -> bytes:
    """The OPT record of a reply: version 0, our payload size, DO copied (RFC 6891 section 6.1, RFC 3225 section 3)."""
    head = b"\x80\x00" if dnssec_ok else b"\x00\x00"
    return _OPT_HEAD + bytes((extended_rcode, 0)) + head + len(options).to_bytes(2, "big") + options


_OPT_HEAD: Final = b"\x00\x00\x29" + OUR_PAYLOAD.to_bytes(2, "big")
PLAIN_OPT: Final = opt_record(False, b"")
PLAIN_OPT_DO: Final = opt_record(True, b"")
