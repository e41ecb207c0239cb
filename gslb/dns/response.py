"""Replies: headers made once, templates with pointers into the question, and the last assembly with its size check.

Names are compressed only against the question, whose name starts at offset 12: so a ready record depends on nothing
but the distance of an ancestor from there.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from gslb.dns.edns import OUR_PAYLOAD, PLAIN_OPT, PLAIN_OPT_DO, SMALLEST_PAYLOAD, opt_record
from gslb.dns.message import CLASS_IN, HEADER, Query

QR: Final = 0x8000
AA: Final = 0x0400
TC: Final = 0x0200
RD: Final = 0x0100

OWNER_IS_QUESTION: Final = b"\xc0\x0c"
MAX_MESSAGE: Final = 65535  # octets over TCP, RFC 1035 section 4.2.2
MAX_CHAIN: Final = 16  # CNAME records in one reply
# As far as the last target of the longest chain can reach: each link is a record of at most 12 + 255 octets.
POINTERS: Final = tuple(struct.pack("!H", 0xC000 | at) for at in range(HEADER + 260 + MAX_CHAIN * 267))

_FIXED: Final = struct.Struct("!HHIH")
_FLAGS_COUNTS: Final = struct.Struct("!HHHHH")

Template = tuple[tuple[bytes, int], ...]
"""Wire bytes with holes: each literal is followed by a pointer to (anchor + number), or by nothing where it is -1."""


@lru_cache(maxsize=4096)
def heads(flags: int, answers: int, authorities: int, additionals: int) -> tuple[bytes, bytes, bytes, bytes]:
    """Flags and counts, the ten bytes behind the id, for (no RD, RD) without OPT, then (no RD, RD) with OPT."""

    def head(rd: int, opt: int) -> bytes:
        return _FLAGS_COUNTS.pack(QR | flags | rd, 1, answers, authorities, additionals + opt)

    return head(0, 0), head(RD, 0), head(0, 1), head(RD, 1)


def record(rtype: int, ttl: int, rdata: bytes, owner: bytes = OWNER_IS_QUESTION, rclass: int = CLASS_IN) -> bytes:
    """One resource record, by default owned by the question's name."""
    return owner + _FIXED.pack(rtype, rclass, ttl, len(rdata)) + rdata


def reowned(records: bytes, owner: bytes) -> bytes:
    """The same records, each of whose owner is a two-byte pointer, owned by `owner` (the end of a CNAME chain)."""
    out = []
    at = 0
    while at < len(records):
        end = at + 12 + (records[at + 10] << 8 | records[at + 11])
        out.append(owner + records[at + 2 : end])
        at = end
    return b"".join(out)


def compress(name: bytes, anchor: bytes) -> tuple[bytes, int]:
    """Split a name into leading labels and the distance of its rest from the start of `anchor`; -1: nothing shared."""
    at = 0
    while name[at]:
        rest = name[at:]
        if anchor.endswith(rest) and _starts_label(anchor, len(anchor) - len(rest)):
            return name[:at], len(anchor) - len(rest)
        at += 1 + name[at]
    return name, -1


def _starts_label(name: bytes, offset: int) -> bool:
    at = 0
    while at < offset:
        at += 1 + name[at]
    return at == offset


def template(pieces: Sequence[bytes | tuple[bytes, int]]) -> Template:
    """Join literals and compressed names (from `compress`) into the shortest template."""
    out: list[tuple[bytes, int]] = []
    literal = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            literal += piece
        else:
            literal += piece[0]
            if piece[1] >= 0:
                out.append((literal, piece[1]))
                literal = b""
    if literal:
        out.append((literal, -1))
    return tuple(out)


def fill(parts: Template, anchor: int) -> bytes:
    """The template's bytes for an anchor that starts at this offset of the message."""
    return b"".join(
        [literal + POINTERS[anchor + distance] if distance >= 0 else literal for literal, distance in parts]
    )


def opt_for(query: Query, options: bytes) -> bytes:
    """The reply's OPT record, or nothing where the query had none."""
    if not query.edns:
        return b""
    if not options:
        return PLAIN_OPT_DO if query.dnssec_ok else PLAIN_OPT
    return opt_record(query.dnssec_ok, options)


def fits(reply: bytes, query: Query, *, datagram: bool) -> bool:
    """Whether a reply may be as large as it is."""
    return len(reply) <= SMALLEST_PAYLOAD or len(reply) <= size_limit(query, datagram=datagram)


def size_limit(query: Query, *, datagram: bool) -> int:
    """How large a reply may be: over UDP what the client takes (RFC 6891 section 6.2.3, RFC 9715), else 65,535."""
    if not datagram:
        return MAX_MESSAGE
    if not query.edns:
        return SMALLEST_PAYLOAD
    return min(max(query.payload, SMALLEST_PAYLOAD), OUR_PAYLOAD)


def bare(query: Query, flags: int, opt: bytes) -> bytes:
    """A reply of header, question as sent, and OPT: errors without data, and truncation."""
    wire = query.wire
    head = heads(flags, 0, 0, 0)[(2 if opt else 0) | wire[2] & 1]
    return wire[:2] + head + wire[HEADER : query.end] + opt


def header_only(query: Query, rcode: int, opt: bytes = b"") -> bytes:
    """A reply to a message whose question is not to be had: only QR, opcode and rcode set (RFC 8906)."""
    opcode = query.wire[2] & 0x78
    return query.wire[:2] + _FLAGS_COUNTS.pack(QR | opcode << 8 | rcode, 0, 0, 0, bool(opt)) + opt
