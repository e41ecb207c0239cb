"""Replies: from what was found to the bytes that are sent. Every reply but a bare header ends here."""

from typing import Final

from gslb import counters
from gslb.context import TCP, UDP, Context
from gslb.counters import NODATA, NOERROR, NXDOMAIN
from gslb.dns.edns import (
    COOKIE,
    KEEPALIVE,
    NSID,
    PLAIN_OPT,
    PLAIN_OPT_DO,
    SMALLEST_PAYLOAD,
    opt_record,
    option,
)
from gslb.dns.message import BADCOOKIE, CLASS_IN, HEADER, REFUSED, SERVFAIL, Query
from gslb.dns.response import AA, TC, bare, fill, fits, header_only, heads, opt_for, size_limit
from gslb.policy.columns import COLUMN
from gslb.policy.nodes import Answer
from gslb.table.entries import Entry, Referral, ZoneData

_column_of: Final = COLUMN.get  # bound once: every negative answer needs it

Counted = tuple[int, bytes]
"""A number of records, and the records."""
Reply = tuple[int, Counted, Counted]
"""Flags with RCODE, answer section, authority section."""


def positive(ctx: Context, query: Query, answer: Answer, entry: Entry, transport: int) -> bytes:
    """What a node chose; a choice without records is NODATA, or SERVFAIL where nothing is known yet."""
    if not answer.records:
        if answer.rcode == REFUSED:
            return refuse(ctx, query, answer.ede)
        if answer.rcode:
            ctx.rows[entry.zone.row][_column_of(query.qtype, 0)] += 1
            return servfail(ctx, query, answer)
        return negative(ctx, query, 0, entry.zone, transport, answer.ede)
    if answer.ede:
        ctx.counters[counters.FAIL_OPEN] += 1
    ctx.counters[NOERROR] += 1
    ctx.rows[entry.row][answer.column] += 1
    wire = query.wire
    if query.edns:
        at = 2 | wire[2] & 1
        if query.asks or answer.ede:
            opt = opt_of(ctx, query, answer.ede)
        else:
            opt = PLAIN_OPT_DO if query.dnssec_ok else PLAIN_OPT
    else:
        opt, at = b"", wire[2] & 1
    head = answer.heads[at] if query.qclass == CLASS_IN else heads(0, answer.count, 0, 0)[at]
    reply = b"".join((wire[:2], head, wire[HEADER : query.end], answer.records, opt))
    if len(reply) > SMALLEST_PAYLOAD and not fits(reply, query, datagram=transport == UDP):
        return _truncated(ctx, query, authoritative(query), opt)
    return reply


def negative(ctx: Context, query: Query, rcode: int, zone: ZoneData, transport: int, ede: bytes = b"") -> bytes:
    """NXDOMAIN or NODATA with the zone's SOA (RFC 2308)."""
    ctx.counters[NXDOMAIN if rcode else NODATA] += 1
    ctx.rows[zone.row][_column_of(query.qtype, 0)] += 1
    wire, flags = query.wire, authoritative(query) | rcode
    soa = fill(zone.negative, HEADER + len(query.qname) - len(zone.apex))
    opt = opt_of(ctx, query, ede)
    head = heads(flags, 0, 1, 0)[(2 if opt else 0) | wire[2] & 1]
    reply = b"".join((wire[:2], head, wire[HEADER : query.end], soa, opt))
    return reply if fits(reply, query, datagram=transport == UDP) else _truncated(ctx, query, flags, opt)


def referral(ctx: Context, query: Query, cut: Referral, transport: int) -> bytes:
    """NS of the cut, and glue. In-domain glue must go along or TC=1 (RFC 9471); other addresses only if they fit."""
    ctx.counters[counters.REFERRAL] += 1
    anchor = HEADER + len(query.qname) - len(cut.cut)
    authority = cut.ns.records, fill(cut.ns.template, anchor)
    glue = cut.glue.records, fill(cut.glue.template, anchor)
    more = glue[0] + cut.extra.records, glue[1] + fill(cut.extra.template, anchor)
    opt = opt_of(ctx, query)
    limit = size_limit(query, datagram=transport == UDP)
    for additional in (more, glue):
        reply = _assemble(query, 0, ((0, b""), authority, additional), opt)
        if len(reply) <= limit:
            return reply
    return _truncated(ctx, query, 0, opt)


def servfail(ctx: Context, query: Query, answer: Answer) -> bytes:
    """SERVFAIL: nothing is known yet (EDE 14), or a chain of aliases never ends."""
    ctx.counters[counters.SERVFAIL] += 1
    ctx.counters[counters.NOT_READY] += bool(answer.ede)
    return bare(query, SERVFAIL, opt_of(ctx, query, answer.ede))


def refuse(ctx: Context, query: Query, ede: bytes = b"") -> bytes:
    """REFUSED: not ours to answer; never an upward referral."""
    ctx.counters[counters.REFUSED] += 1
    ctx.rows[0][_column_of(query.qtype, 0)] += 1
    return bare(query, REFUSED, opt_of(ctx, query, ede))


def send(ctx: Context, query: Query, reply: Reply, transport: int, ede: bytes = b"") -> bytes:
    """Assemble a reply, truncated if it does not fit."""
    flags, answer, authority = reply
    opt = opt_of(ctx, query, ede)
    wire = _assemble(query, flags, (answer, authority, (0, b"")), opt)
    if not fits(wire, query, datagram=transport == UDP):
        return _truncated(ctx, query, flags, opt)
    return wire


def _truncated(ctx: Context, query: Query, flags: int, opt: bytes) -> bytes:
    """TC=1 with question and OPT only (RFC 2181 section 9): the client asks again over TCP."""
    ctx.counters[counters.TRUNCATED] += 1
    return bare(query, flags | TC, opt)


def _assemble(query: Query, flags: int, sections: tuple[Counted, Counted, Counted], opt: bytes) -> bytes:
    (answers, first), (authorities, second), (additionals, third) = sections
    head = heads(flags, answers, authorities, additionals)[(2 if opt else 0) | query.wire[2] & 1]
    wire = query.wire
    return b"".join((wire[:2], head, wire[HEADER : query.end], first, second, third, opt))


def opt_of(ctx: Context, query: Query, ede: bytes = b"") -> bytes:
    """The reply's OPT record, or nothing where the query had none."""
    known = ctx.client.opt
    return known if known and not ede else opt_for(query, options(ctx, query, ede))


def options(ctx: Context, query: Query, ede: bytes = b"") -> bytes:
    """The EDNS options of the reply: only what was asked for, and EDE."""
    if not query.edns or not query.asks:
        return ede if query.edns else b""
    client = ctx.client
    cookie, ecs = client.cookie, client.ecs
    out = _COOKIE_HEAD + cookie + ede if cookie else ede
    if ecs is not None:
        out = ecs.echo(client.scope if client.uses_ecs else 0) + out
    if query.nsid:
        out = option(NSID, ctx.table.base.settings.node_name.encode()) + out
    if query.keepalive and client.transport == TCP:
        out = option(KEEPALIVE, ctx.keepalive.to_bytes(2, "big")) + out
    return out


_COOKIE_HEAD: Final = option(COOKIE, bytes(24))[:4]  # ours are of one size


def authoritative(query: Query) -> int:
    """The AA flag; a query of class ANY is never answered with authority (RFC 1035 section 6.2)."""
    return AA if query.qclass == CLASS_IN else 0


def limited(ctx: Context, query: Query) -> bytes | None:
    """A short reply to who asks too much: BADCOOKIE to who knows cookies (RFC 7873 section 5.2.3), else TC=1."""
    if ctx.client.cookie:
        ctx.counters[counters.BADCOOKIE] += 1
        opt = opt_record(query.dnssec_ok, option(COOKIE, ctx.client.cookie), extended_rcode=BADCOOKIE >> 4)
        return bare(query, BADCOOKIE & 15, opt) if query.qname else header_only(query, BADCOOKIE & 15, opt)
    return _truncated(ctx, query, 0, opt_for(query, b"")) if query.qname else None
