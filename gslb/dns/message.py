"""Queries: a single-pass, total parser. This is the security boundary: any bytes in, a `Query` or None out.

Nothing is trusted: labels are walked once with a bound, pointers are refused in the question, record counts are
capped, and every length is checked by the slice or index that uses it.
"""

import struct
from typing import Final

from gslb.dns.edns import Edns, parse_options

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
BADVERS: Final = 16
BADCOOKIE: Final = 23

A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
HINFO: Final = 13
TXT: Final = 16
AAAA: Final = 28
OPT: Final = 41
DS: Final = 43
SVCB: Final = 64
HTTPS: Final = 65
NXNAME: Final = 128  # RFC 9824
IXFR: Final = 251
AXFR: Final = 252
ANY: Final = 255

CLASS_IN: Final = 1
CLASS_CH: Final = 3
CLASS_ANY: Final = 255

HEADER: Final = 12
_MAX_QNAME: Final = 255
_MAX_RECORDS: Final = 16  # besides the question; honest queries have one or two

_COUNTS: Final = struct.Struct("!HHHHH")  # flags and the four counts, behind the id
_TYPE_CLASS: Final = struct.Struct("!HH")
_FIXED: Final = struct.Struct("!HHIH")  # type, class, TTL, RDLENGTH


class Query:
    """One parsed query. `rcode` other than 0 says why it cannot be answered; then only what was read is set.

    `qname` is lower-cased wire, empty where there is no question; `end` is where the question ends in `wire`.
    """

    __slots__ = ("edns", "end", "flags", "opcode", "qclass", "qname", "qtype", "rcode", "wire")

    def __init__(self, wire: bytes, flags: int, rcode: int) -> None:
        self.wire = wire
        self.flags = flags
        self.opcode = flags >> 11 & 15
        self.rcode = rcode
        self.end = HEADER
        self.qname = b""
        self.qtype = 0
        self.qclass = 0
        self.edns: Edns | None = None


def parse(wire: bytes) -> Query | None:
    """Read one message. None means that no reply may be sent: too short, or itself a reply (RFC 1035, RFC 8906)."""
    if len(wire) < HEADER or wire[2] & 0x80:
        return None
    flags, questions, answers, authorities, additionals = _COUNTS.unpack_from(wire, 2)
    query = Query(wire, flags, NOERROR)
    if query.opcode:
        query.rcode = NOTIMP
    elif questions > 1:  # RFC 9619
        query.rcode = FORMERR
    else:
        try:
            if questions:
                _read_question(query, wire)
            if answers or authorities or additionals:
                _read_records(query, wire, answers + authorities, additionals)
        except (IndexError, struct.error, ValueError):
            query.rcode = FORMERR
    return query


def _read_question(query: Query, wire: bytes) -> None:
    head = wire[HEADER : HEADER + _MAX_QNAME]  # indexing past it ends an overlong name
    at = 0
    while length := head[at]:
        if length > 63:  # a pointer, or a label type that was never deployed (RFC 6891 section 5)
            raise ValueError
        at += length + 1
    end = HEADER + at + 1
    query.qtype, query.qclass = _TYPE_CLASS.unpack_from(wire, end)
    query.qname = head[: at + 1].lower()
    query.end = end + 4


def _read_records(query: Query, wire: bytes, before: int, additionals: int) -> None:
    """Walk the records behind the question to find OPT; it counts in the additional section only (RFC 6891)."""
    if before + additionals > _MAX_RECORDS:
        raise ValueError
    at = query.end
    for index in range(before + additionals):
        owner = at
        at = _skip_name(wire, at)
        rtype, rclass, ttl, length = _FIXED.unpack_from(wire, at)
        at += 10 + length
        if at > len(wire):
            raise ValueError
        if rtype == OPT and index >= before:
            _read_opt(query, rclass, ttl, wire[at - length : at], rooted=not wire[owner])


def _read_opt(query: Query, payload: int, ttl: int, data: bytes, *, rooted: bool) -> None:
    if query.edns is not None or not rooted:  # RFC 6891 section 6.1.1: one OPT, owned by the root
        query.edns = query.edns or Edns(payload, 0, False)
        query.edns.malformed = True
        return
    query.edns = edns = Edns(payload, ttl >> 16 & 0xFF, bool(ttl & 0x8000))
    if data:
        parse_options(edns, data)
        if edns.version:  # what its options must be, only those who speak it know: BADVERS comes first
            edns.malformed = False


def _skip_name(wire: bytes, at: int) -> int:
    """The offset behind a name. A pointer ends it and is not followed, so this cannot loop."""
    limit = at + _MAX_QNAME
    while (length := wire[at]) and at < limit:
        if length >= 0xC0:
            return at + 2
        if length > 63:
            raise ValueError
        at += length + 1
    if at >= limit:
        raise ValueError
    return at + 1
