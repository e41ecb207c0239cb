"""respond(): query bytes in, reply bytes out. The seam between what is compiled and what is sent.

UDP, TCP, `gslb explain` and every wire test call this one function. It does not wait, raises nothing, and changes
nothing but the counters and the state of the random generator.
"""

from typing import Final

from gslb import counters
from gslb.context import TCP, UDP, Context
from gslb.dns.edns import (
    EDE_INVALID_QUERY_TYPE,
    EDE_NOT_AUTHORITATIVE,
    EDE_PROHIBITED,
    Edns,
    extended_error,
    opt_record,
)
from gslb.dns.message import (
    ANY,
    AXFR,
    BADVERS,
    CLASS_ANY,
    CLASS_CH,
    CLASS_IN,
    CNAME,
    FORMERR,
    HINFO,
    IXFR,
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    NXNAME,
    OPT,
    SERVFAIL,
    TXT,
    Query,
    parse,
)
from gslb.dns.response import (
    AA,
    MAX_CHAIN,
    OWNER_IS_QUESTION,
    POINTERS,
    bare,
    fill,
    header_only,
    opt_for,
    record,
    reowned,
)
from gslb.policy.nodes import Answer
from gslb.replies import authoritative, negative, options, positive, referral, refuse, send, servfail
from gslb.table.entries import Entry
from gslb.table.lookup import DELEGATED, HIT, MISS, OUTSIDE, find

_RCODE_COUNTER: Final = {
    FORMERR: counters.FORMERR,
    NOTIMP: counters.NOTIMP,
}

# Types that a query may name but no zone can hold (RFC 6895 section 3.1); ANY is one too, and served.
_META: Final = frozenset({0, OPT, *range(128, 255)})

_NOTHING: Final = Answer(())
_INVALID_QUERY_TYPE: Final = extended_error(EDE_INVALID_QUERY_TYPE)
_NOT_AUTHORITATIVE: Final = extended_error(EDE_NOT_AUTHORITATIVE)
_PROHIBITED: Final = extended_error(EDE_PROHIBITED)
_MINIMAL_ANY: Final = Answer([record(HINFO, 3600, b"\x07RFC8482\x00")])  # RFC 8482 section 4.2
_NODE_NAMES: Final = (b"\x02id\x06server\x00", b"\x08hostname\x04bind\x00")  # RFC 4892

COUNTERS: Final = counters.NAMES
__all__ = ["COUNTERS", "TCP", "UDP", "Context", "respond"]


def respond(ctx: Context, wire: bytes, source: bytes, transport: int) -> bytes | None:
    """The reply to one message, or None to send nothing. Never raises.

    `wire` is one datagram, or a TCP message without its length; `source` the client's packed address, 4 or 16 octets.
    """
    ctx.counters[transport] += 1
    try:
        query = parse(wire)
        if query is None:
            ctx.counters[counters.IGNORED] += 1
            return None
        return _reply(ctx, query, source, transport)
    except Exception:  # the last line of defence: one query lost and counted, not a process
        ctx.counters[counters.FAILED] += 1
        return None


def _reply(ctx: Context, query: Query, source: bytes, transport: int) -> bytes:
    if query.rcode or not query.qname:
        rcode = query.rcode or FORMERR
        ctx.counters[_RCODE_COUNTER[rcode]] += 1
        return header_only(query, rcode)
    edns = query.edns
    if edns is not None and (edns.malformed or edns.version):
        return _edns_error(ctx, query, edns)
    if query.qclass != CLASS_IN and query.qclass != CLASS_ANY:
        return _other_class(ctx, query)
    client = ctx.client
    client.ask(ctx.table, source, None if edns is None else edns.ecs)
    if query.qtype in _META:
        return _meta(ctx, query, transport)
    outcome, entry = find(ctx.table.names, query.qname, query.qtype)
    if entry is None:
        return refuse(ctx, query, _NOT_AUTHORITATIVE)
    if outcome == HIT:
        node = entry.types.get(query.qtype)
        if node is not None:
            return positive(ctx, query, node.select(client), entry.zone, transport)
        if entry.alias is not None and query.qtype != ANY:
            return _follow(ctx, query, entry, transport)
        if query.qtype == ANY and entry.types:
            answer = entry.types[CNAME].select(client) if entry.alias is not None else _MINIMAL_ANY
            return positive(ctx, query, answer, entry.zone, transport)
        return negative(ctx, query, 0, entry.zone, transport)
    if outcome == DELEGATED and entry.referral is not None:
        return referral(ctx, query, entry.referral, transport)
    return negative(ctx, query, NXDOMAIN, entry.zone, transport)


def _follow(ctx: Context, query: Query, entry: Entry, transport: int) -> bytes:
    """A CNAME chain within the zone and the data of its last name; the RCODE is that name's (RFC 6604)."""
    zone = entry.zone
    count, chain, outcome, last, target = _chase(ctx, query, entry)
    start = query.end + len(chain) - len(target)  # of the last target: it ends the chain, uncompressed
    answer = _NOTHING
    rcode = NXDOMAIN if outcome == MISS else NOERROR
    if last is None:
        rcode = SERVFAIL
    elif outcome == HIT and query.qtype in last.types:
        answer = last.types[query.qtype].select(ctx.client)
        rcode = answer.rcode
    if rcode == SERVFAIL:
        return servfail(ctx, query, answer)
    authority = (0, b"")
    if not answer.count and outcome in (HIT, MISS):
        authority = 1, fill(zone.negative, start + len(target) - len(zone.apex))
    ctx.counters[counters.NXDOMAIN if rcode else counters.NODATA if authority[0] else counters.NOERROR] += 1
    ctx.counters[counters.FAIL_OPEN] += bool(answer.ede)
    records = count + answer.count, chain + reowned(answer.records, POINTERS[start])
    return send(ctx, query, (authoritative(query) | rcode, records, authority), transport, answer.ede)


def _chase(ctx: Context, query: Query, entry: Entry) -> tuple[int, bytes, int, Entry | None, bytes]:
    """Follow aliases: (links, their records, outcome and entry of the last target, the target).

    Out of the zone or below a cut the outcome is OUTSIDE; a chain that is too long or a loop ends without an entry.
    """
    chain, owner, links = b"", OWNER_IS_QUESTION, 0
    found: Entry | None = entry
    while found is not None and found.alias is not None and links < MAX_CHAIN:
        target = found.alias
        chain += reowned(found.types[CNAME].select(ctx.client).records, owner)
        links += 1
        owner = POINTERS[query.end + len(chain) - len(target)]
        outcome, found = find(ctx.table.names, target, query.qtype)
        if found is None or found.zone is not entry.zone or outcome == DELEGATED:
            return links, chain, OUTSIDE, entry, target
        if outcome == MISS or query.qtype in found.types or found.alias is None:
            return links, chain, outcome, found, target
    return links, chain, OUTSIDE, None, b""


def _other_class(ctx: Context, query: Query) -> bytes:
    """CHAOS names this node (RFC 4892); nothing else is served."""
    ctx.client.ask(ctx.table, b"\0\0\0\0", None)
    if query.qclass == CLASS_CH and query.qtype == TXT and query.qname in _NODE_NAMES:
        ctx.counters[counters.NOERROR] += 1
        text = ctx.table.base.node_name.encode()
        answer = record(TXT, 0, bytes((len(text),)) + text, rclass=CLASS_CH)
        return send(ctx, query, (AA, (1, answer), (0, b"")), TCP)
    return refuse(ctx, query)


def _meta(ctx: Context, query: Query, transport: int) -> bytes:
    """Types that are no data: transfers (RFC 5936), and the range that RFC 6895 section 3.1 keeps for such types."""
    if query.qtype in (OPT, NXNAME, 0):
        ctx.counters[counters.FORMERR] += 1
        return bare(query, FORMERR, opt_for(query, options(ctx, query, _INVALID_QUERY_TYPE)))
    if query.qtype == IXFR or (query.qtype == AXFR and transport == TCP):
        return refuse(ctx, query, _PROHIBITED)
    ctx.counters[counters.NOTIMP] += 1
    return bare(query, NOTIMP, opt_for(query, options(ctx, query)))


def _edns_error(ctx: Context, query: Query, edns: Edns) -> bytes:
    """BADVERS for a version that we do not speak (RFC 6891 section 6.1.3), else FORMERR; both with an OPT record."""
    ctx.client.ask(ctx.table, b"\0\0\0\0", None)
    if edns.malformed:
        ctx.counters[counters.FORMERR] += 1
        return bare(query, FORMERR, opt_for(query, b""))
    ctx.counters[counters.BADVERS] += 1
    edns.ecs = None
    return bare(query, NOERROR, opt_record(edns.dnssec_ok, options(ctx, query), extended_rcode=BADVERS >> 4))
