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

_ONLY_A_QUESTION: Final = b"\0\1\0\0\0\0\0\0"
_AND_ONE_RECORD: Final = b"\0\1\0\0\0\0\0\1"
_PLAIN_COUNTS: Final = {_ONLY_A_QUESTION: 0, _AND_ONE_RECORD: 1}
_ODD: Final = 2
_ROOT_OPT: Final = b"\0\0\x29"

_COUNTS: Final = struct.Struct("!HHH")  # records behind the question, by section
_TYPE_CLASS: Final = struct.Struct("!HH").unpack_from
_FIXED: Final = struct.Struct("!HHIH").unpack_from  # type, class, TTL, RDLENGTH
_OPT_FIXED: Final = struct.Struct("!HBBHH").unpack_from  # payload, upper RCODE, version, flags, RDLENGTH


class Query(Edns):
    """One parsed query. `rcode` other than 0 says why it cannot be answered; then there is no question either.

    `qname` is lower-cased wire, empty where there is no question; `end` is where the question ends in `wire`.
    `opt` is the offset of an OPT record that waits for `read_opt`, else 0.
    `usual` is set where nothing stands in the way of looking the question up: class IN, and EDNS that we understand.
    """

    __slots__ = ("end", "opt", "qclass", "qname", "qtype", "rcode", "usual", "wire")

    end: int
    opt: int
    qclass: int
    qname: bytes
    qtype: int
    rcode: int
    usual: bool
    wire: bytes


def parse(wire: bytes) -> Query | None:
    """Read one message. None means that no reply may be sent: too short, or itself a reply (RFC 1035, RFC 8906)."""
    query = read(wire, Query())
    if query is not None and query.opt:
        read_opt(query)
    return query


def read(wire: bytes, query: Query) -> Query | None:
    """As `parse`, into an object that is used again and again: making one costs more than filling it.

    What stands where nearly every query has its OPT record is left for `read_opt`, and `opt` says where.
    """
    if len(wire) < HEADER or wire[2] & 0x80:
        return None
    query.wire = wire
    query.rcode = NOERROR
    query.usual = query.edns = False
    query.opt = 0
    query.cookie = query.ecs = None
    if wire[2] & 0x78:  # opcode
        return _without_question(query, NOTIMP)
    try:
        records = _PLAIN_COUNTS.get(wire[4:12], _ODD)
        if records == _ODD and wire[4:6] != b"\0\1":
            return _without_question(query, FORMERR if wire[4:6] != b"\0\0" else NOERROR)  # RFC 9619
        head = wire[HEADER : HEADER + _MAX_QNAME]  # indexing past it ends an overlong name
        at = 0
        while length := head[at]:
            if length > 63:  # a pointer, or a label type that was never deployed (RFC 6891 section 5)
                raise ValueError
            at += length + 1
        query.qtype, query.qclass = _TYPE_CLASS(wire, HEADER + at + 1)
        query.qname = head[: at + 1].lower()
        query.end = end = HEADER + at + 5
        if records:
            if records == 1 and wire[end : end + 3] == _ROOT_OPT:  # what may come behind it is ignored
                query.opt = end
                return query
            _read_records(query, wire)
    except (IndexError, struct.error, ValueError):
        return _without_question(query, FORMERR)
    if query.edns and (query.malformed or query.version):
        _distrust(query)
    elif query.qclass == CLASS_IN:
        query.usual = True
    return query


def read_opt(query: Query) -> None:
    """Read the OPT record that `read` left."""
    try:
        _read_opt(query, query.wire, query.opt + 3)
    except (IndexError, struct.error, ValueError):
        _without_question(query, FORMERR)
    else:
        if query.malformed or query.version:
            _distrust(query)
        elif query.qclass == CLASS_IN:
            query.usual = True


def _distrust(query: Query) -> None:
    """With another version the cookie is still served, with malformed options nothing."""
    query.ecs = None
    if query.malformed:
        query.cookie = None


def _without_question(query: Query, rcode: int) -> Query:
    """A message that asks nothing; with a good header, it may still carry a cookie (RFC 7873 section 5.4)."""
    query.rcode = rcode
    query.qname = b""
    query.end = HEADER
    query.qtype = query.qclass = 0
    if not rcode:
        try:
            _read_records(query, query.wire)
        except (IndexError, struct.error, ValueError):
            query.rcode = FORMERR
    if query.edns and (query.malformed or query.version):
        _distrust(query)
    return query


def _read_records(query: Query, wire: bytes) -> None:
    """Walk the records behind the question to find OPT; it counts in the additional section only (RFC 6891)."""
    answers, authorities, additionals = _COUNTS.unpack_from(wire, 6)
    before = answers + authorities
    if before + additionals > _MAX_RECORDS:
        raise ValueError
    at = query.end
    for index in range(before + additionals):
        owner = at
        at = _skip_name(wire, at)
        rtype, _, _, length = _FIXED(wire, at)
        if at + 10 + length > len(wire):
            raise ValueError
        if rtype == OPT and index >= before:
            if not query.edns and not wire[owner]:
                _read_opt(query, wire, at + 2)
            else:  # RFC 6891 section 6.1.1: one OPT, owned by the root
                if not query.edns:
                    query.meet(0, 0, False)
                query.malformed = True
        at += 10 + length


def _read_opt(query: Query, wire: bytes, at: int) -> None:
    """The OPT record whose class begins at an offset."""
    payload, _, version, flags, length = _OPT_FIXED(wire, at)
    query.meet(payload, version, flags > 0x7FFF)
    if length:
        at += 8
        if at + length > len(wire):
            raise ValueError
        parse_options(query, wire, at, at + length)
        if version:  # what its options must be, only those who speak it know: BADVERS comes first
            query.malformed = False


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
