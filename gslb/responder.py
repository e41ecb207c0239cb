"""respond(): query bytes in, reply bytes out. The seam between what is compiled and what is sent.

UDP, TCP, `gslb explain` and every wire test call this one function. It does not wait, raises nothing, and changes
nothing but the counters and the state of the random generator.
"""

from typing import Final, NamedTuple

from gslb import counters
from gslb.context import TCP, UDP, Context
from gslb.dns.edns import (
    EDE_INVALID_QUERY_TYPE,
    EDE_NOT_AUTHORITATIVE,
    NSID,
    extended_error,
    opt_record,
    option,
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
    REFUSED,
    SERVFAIL,
    TXT,
    Query,
    read,
    read_opt,
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
from gslb.limiter import SLIP, Limiter
from gslb.memory import COOKIE_ALONE
from gslb.policy.columns import COLUMN, FIRST, meant_for
from gslb.policy.nodes import Answer
from gslb.proof import read_cookie, recall
from gslb.replies import authoritative, limited, negative, opt_of, options, positive, referral, refuse, send, servfail
from gslb.table.entries import PROHIBITED, Entry, ZoneData, holds
from gslb.table.lookup import DELEGATED, HIT, MISS, OUTSIDE, find

_RCODE_COUNTER: Final = {
    FORMERR: counters.FORMERR,
    NOTIMP: counters.NOTIMP,
}

# Types that a query may name but no zone can hold (RFC 6895 section 3.1); ANY is one too, and served.
_META: Final = frozenset({0, OPT, *range(128, 255)})

_RDATA: Final = 12  # octets of a record before its data, the owner being a pointer
_NOTHING: Final = Answer(())
_FAILURE: Final = Answer((), rcode=SERVFAIL)
_INVALID_QUERY_TYPE: Final = extended_error(EDE_INVALID_QUERY_TYPE)
_NOT_AUTHORITATIVE: Final = extended_error(EDE_NOT_AUTHORITATIVE)
_MINIMAL_ANY: Final = Answer([record(HINFO, 3600, b"\x07RFC8482\x00")], column=COLUMN[ANY])  # RFC 8482 section 4.2
_VERSIONS: Final = (b"\x07version\x04bind\x00", b"\x07version\x06server\x00")
_NODE_NAMES: Final = (b"\x02id\x06server\x00", b"\x08hostname\x04bind\x00")  # RFC 4892


def respond(ctx: Context, wire: bytes, source: bytes, transport: int) -> bytes | None:
    """The reply to one message, or None to send nothing. Never raises.

    `wire` is one datagram, or a TCP message without its length; `source` the client's packed address, 4 or 16 octets.
    """
    ctx.counters[transport] += 1
    try:
        query = read(wire, ctx.query)
        if query is None:
            ctx.counters[counters.IGNORED] += 1
            return None
        table, client = ctx.table, ctx.client
        client.ask(table, source, transport)
        proven = False
        if query.opt:
            if len(wire) - query.opt in COOKIE_ALONE and ctx.memory is not None and transport == UDP:
                proven = recall(ctx, ctx.memory, query)
            else:
                read_opt(query)
        client.ecs = query.ecs
        if query.cookie is not None:
            proven = read_cookie(ctx, query.cookie, source)
        if ctx.limiter is not None and not proven and transport == UDP:
            verdict = _verdict(ctx, ctx.limiter, source)
            if verdict:
                return limited(ctx, query) if verdict == SLIP and not query.rcode else None
        if not query.usual or table.query_acl:
            return _with_care(ctx, query, source, transport)
        entry = table.names.get(query.qname)
        if entry is not None:
            node = entry.types.get(query.qtype)  # what an entry holds, it answers for: a zone cut holds DS alone
            if node is not None:
                return positive(ctx, query, node.select(client), entry, transport)
        return _look_up(ctx, query, transport)
    except Exception:  # the last line of defence: one query lost and counted, not a process
        ctx.counters[counters.FAILED] += 1
        return None


def _with_care(ctx: Context, query: Query, source: bytes, transport: int) -> bytes:
    """The reply to a message whose question cannot be looked up at once, if at all."""
    if query.rcode or not query.qname:
        return _without_question(ctx, query)
    if query.edns and (query.malformed or query.version):
        return _edns_error(ctx, query)
    if ctx.table.query_acl and not holds(ctx.table.query_acl, source):
        return refuse(ctx, query, PROHIBITED.ede)
    if query.qclass != CLASS_IN and query.qclass != CLASS_ANY:
        return _other_class(ctx, query)
    return _look_up(ctx, query, transport)


def _verdict(ctx: Context, limiter: Limiter, source: bytes) -> int:
    """The limiter's verdict; a dry run is counted, and lets everything pass."""
    verdict = limiter.judge(source, ctx.now)
    if verdict:
        ctx.counters[counters.RATE_LIMITED] += 1
    return 0 if limiter.limit.dry_run else verdict


def _look_up(ctx: Context, query: Query, transport: int) -> bytes:
    """What a question means, whatever it asks for."""
    qtype = query.qtype
    outcome, entry = find(ctx.table.names, query.qname, qtype)
    if qtype in _META:
        return _meta(ctx, query, transport)
    if entry is None:
        return refuse(ctx, query, _NOT_AUTHORITATIVE)
    if outcome == MISS:
        return negative(ctx, query, NXDOMAIN, entry.zone, transport)
    if outcome == DELEGATED and entry.referral is not None:
        ctx.rows[entry.zone.row][COLUMN.get(qtype, 0)] += 1
        return referral(ctx, query, entry.referral, transport)
    node = entry.types.get(qtype)
    if node is not None:
        return positive(ctx, query, node.select(ctx.client), entry, transport)
    if entry.alias is not None and qtype != ANY:
        return _follow(ctx, query, entry, transport)
    if qtype == ANY and entry.types:
        answer = entry.types[CNAME].select(ctx.client) if entry.alias is not None else _MINIMAL_ANY
        return positive(ctx, query, answer, entry, transport)
    return negative(ctx, query, 0, entry.zone, transport)


def _without_question(ctx: Context, query: Query) -> bytes:
    """No question that could be answered; with none at all, a cookie alone is a fair request (RFC 7873 section 5.4)."""
    if not query.rcode and ctx.client.cookie:
        ctx.counters[counters.NOERROR] += 1
        return header_only(query, NOERROR, opt_of(ctx, query))
    rcode = query.rcode or FORMERR
    ctx.counters[_RCODE_COUNTER[rcode]] += 1
    return header_only(query, rcode, b"" if query.rcode else opt_of(ctx, query))


def _follow(ctx: Context, query: Query, entry: Entry, transport: int) -> bytes:
    """A CNAME chain within the zone and the data of its last name; the RCODE is that name's (RFC 6604)."""
    zone = entry.zone
    first = entry.types[CNAME].select(ctx.client)
    if not first.records:  # a pool that serves nothing now
        return positive(ctx, query, first, entry, transport)
    chain = _chase(ctx, query, zone, first)
    start = query.end + len(chain.records) - len(chain.target)  # of the last target: it ends the chain, uncompressed
    answer = chain.end
    if chain.found is not None and query.qtype in chain.found.types:
        answer = chain.found.types[query.qtype].select(ctx.client)
    if answer.rcode == REFUSED:
        return refuse(ctx, query, answer.ede)
    decides, column = entry, first.column
    if chain.found is not None and answer.column >= FIRST:  # a pool at the end of the chain
        decides, column = chain.found, answer.column
    ctx.rows[decides.row][meant_for(column, query.qtype)] += 1
    if answer.rcode:
        return servfail(ctx, query, answer)
    authority = (0, b"")
    if not answer.records and chain.outcome in (HIT, MISS):
        authority = 1, fill(zone.negative, start + len(chain.target) - len(zone.apex))
    rcode = NXDOMAIN if chain.outcome == MISS else NOERROR
    ede = chain.ede or answer.ede
    ctx.counters[counters.NXDOMAIN if rcode else counters.NODATA if authority[0] else counters.NOERROR] += 1
    ctx.counters[counters.FAIL_OPEN] += bool(ede)
    records = chain.links + answer.count, chain.records + reowned(answer.records, POINTERS[start])
    return send(ctx, query, (authoritative(query) | rcode, records, authority), transport, ede)


class _Chain(NamedTuple):
    """Aliases that were followed, and where they led. `found` is the last target's entry, if its data is to be added;
    `end` stands for the data where there is none, or says why there is no answer at all.
    """

    links: int
    records: bytes
    ede: bytes
    target: bytes
    outcome: int
    found: Entry | None
    end: Answer = _NOTHING


def _chase(ctx: Context, query: Query, zone: ZoneData, link: Answer) -> _Chain:
    """Follow aliases from the first, as long as they stay in the zone and above its cuts."""
    chain, owner, ede = b"", OWNER_IS_QUESTION, b""
    for links in range(1, MAX_CHAIN + 1):
        target = link.records[_RDATA:].lower()
        chain += reowned(link.records, owner)
        ede = ede or link.ede
        outcome, found = find(ctx.table.names, target, query.qtype)
        if found is None or found.zone is not zone or outcome == DELEGATED:
            return _Chain(links, chain, ede, target, OUTSIDE, None)
        if outcome == MISS:
            return _Chain(links, chain, ede, target, MISS, None)
        if query.qtype in found.types or found.alias is None:
            return _Chain(links, chain, ede, target, HIT, found)
        owner = POINTERS[query.end + len(chain) - len(target)]
        link = found.types[CNAME].select(ctx.client)
        if not link.records:
            return _Chain(links, chain, ede, target, HIT, None, link)
    return _Chain(MAX_CHAIN, chain, ede, b"", OUTSIDE, None, _FAILURE)  # too long, or a loop


def _other_class(ctx: Context, query: Query) -> bytes:
    """CHAOS names this node and, if the operator wants it, the version (RFC 4892); nothing else is served."""
    settings = ctx.table.base.settings
    told = settings.node_name if query.qname in _NODE_NAMES else settings.version if query.qname in _VERSIONS else ""
    if query.qclass == CLASS_CH and query.qtype == TXT and told:
        ctx.counters[counters.NOERROR] += 1
        text = told.encode()
        answer = record(TXT, 0, bytes((len(text),)) + text, rclass=CLASS_CH)
        return send(ctx, query, (AA, (1, answer), (0, b"")), TCP)
    return refuse(ctx, query)


def _meta(ctx: Context, query: Query, transport: int) -> bytes:
    """Types that are no data: transfers (RFC 5936), and the range that RFC 6895 section 3.1 keeps for such types."""
    if query.qtype in (OPT, NXNAME, 0):
        ctx.counters[counters.FORMERR] += 1
        return bare(query, FORMERR, opt_of(ctx, query, _INVALID_QUERY_TYPE))
    if query.qtype == IXFR or (query.qtype == AXFR and transport == TCP):
        return refuse(ctx, query, PROHIBITED.ede)
    ctx.counters[counters.NOTIMP] += 1
    return bare(query, NOTIMP, opt_of(ctx, query))


def _edns_error(ctx: Context, query: Query) -> bytes:
    """BADVERS for a version that we do not speak (RFC 6891 section 6.1.3), else FORMERR; both with an OPT record."""
    if query.malformed:
        ctx.counters[counters.FORMERR] += 1
        asked = option(NSID, ctx.table.base.settings.node_name.encode()) if query.nsid else b""
        return bare(query, FORMERR, opt_for(query, asked))
    ctx.counters[counters.BADVERS] += 1
    return bare(query, NOERROR, opt_record(query.dnssec_ok, options(ctx, query), extended_rcode=BADVERS >> 4))
