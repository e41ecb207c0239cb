"""EDNS(0), RFC 6891: the OPT record of a query and of its reply."""

import struct
from typing import Final

from gslb.dns import ecs
from gslb.dns.ecs import Ecs, parse_ecs

NSID: Final = 3
ECS: Final = ecs.OPTION
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
SMALLEST_PAYLOAD: Final = 512  # RFC 6891 section 6.2.3: less is taken for this
_OPTION: Final = struct.Struct("!HH")
_OPTION_HEAD: Final = _OPTION.unpack_from


class Edns:
    """What a query's OPT record says; without one, `edns` is False and only `cookie` and `ecs` have a meaning: None.

    `malformed` means FORMERR. `asks` is set where an option that we know was sent: without one the reply's OPT record
    is one of two constants. Objects are used again and again: `meet` starts on another OPT record.
    """

    __slots__ = ("asks", "cookie", "dnssec_ok", "ecs", "edns", "keepalive", "malformed", "nsid", "payload", "version")

    asks: bool
    cookie: bytes | None
    dnssec_ok: bool
    ecs: Ecs | None
    edns: bool
    keepalive: bool
    malformed: bool
    nsid: bool
    payload: int
    version: int

    def meet(self, payload: int, version: int, dnssec_ok: bool) -> None:
        """Take the fixed part of an OPT record, as sent."""
        self.edns = True
        self.payload = payload
        self.version = version
        self.dnssec_ok = dnssec_ok
        self.malformed = self.asks = self.nsid = self.keepalive = False


def parse_options(edns: Edns, wire: bytes, at: int, end: int) -> None:
    """Read the options in wire[at:end] into `edns`; of one sent twice the first counts (RFC 7873 section 5.2)."""
    seen_ecs = False
    while at < end:
        if end - at < 4:
            edns.malformed = True
            return
        code, length = _OPTION_HEAD(wire, at)
        at += 4
        if length > end - at:
            edns.malformed = True
            return
        if code == COOKIE:
            edns.asks = True
            if edns.cookie is None:
                # RFC 7873 section 5.2.2: a client part of 8, alone or with a server part of 8 to 32 octets
                if length == 8 or 16 <= length <= 40:
                    edns.cookie = wire[at : at + length]
                else:
                    edns.malformed = True
        elif code == ECS:
            edns.asks = True
            if not seen_ecs:
                seen_ecs = True
                edns.ecs = parse_ecs(wire[at : at + length])
                if edns.ecs is None:
                    edns.malformed = True
        elif code == NSID:
            edns.asks = edns.nsid = True
        elif code == KEEPALIVE:
            edns.asks = edns.keepalive = True
        at += length


def option(code: int, data: bytes) -> bytes:
    """One EDNS option in wire form."""
    return _OPTION.pack(code, len(data)) + data


def extended_error(code: int, text: str = "") -> bytes:
    """An Extended DNS Error option (RFC 8914). `text` must not name a site."""
    return option(EDE, struct.pack("!H", code) + text.encode())


def opt_record(dnssec_ok: bool, options: bytes, extended_rcode: int = 0) -> bytes:
    """The OPT record of a reply: version 0, our payload size, DO copied (RFC 6891 section 6.1, RFC 3225 section 3)."""
    if extended_rcode:
        fixed = _OPT_HEAD + bytes((extended_rcode, 0)) + (b"\x80\0" if dnssec_ok else b"\0\0")
    else:
        fixed = _FIXED_DO if dnssec_ok else _FIXED_PLAIN
    return fixed + _LENGTHS[len(options)] + options


_LENGTHS: Final = tuple(length.to_bytes(2, "big") for length in range(OUR_PAYLOAD))
_OPT_HEAD: Final = b"\x00\x00\x29" + OUR_PAYLOAD.to_bytes(2, "big")
_FIXED_PLAIN: Final = _OPT_HEAD + bytes(4)
_FIXED_DO: Final = _OPT_HEAD + b"\0\0\x80\0"
PLAIN_OPT: Final = opt_record(False, b"")
PLAIN_OPT_DO: Final = opt_record(True, b"")
