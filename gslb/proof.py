"""Cookies of queries: read, or recalled, and the reply's prepared. Who sends a good one proves its address."""

from gslb import counters
from gslb.context import Context
from gslb.dns.cookie import answer_cookie
from gslb.dns.message import CLASS_IN, Query, read_opt
from gslb.dns.response import opt_for
from gslb.memory import MINUTE, Memory, Seen
from gslb.replies import options


def recall(ctx: Context, memory: Memory, query: Query) -> bool:
    """Take from the memory what an OPT record says and is answered with, or put it there. Whether it proves the source.

    Then nothing is left to be done for the query's cookie.
    """
    client, secrets = ctx.client, ctx.table.cookie_secrets
    key = query.wire[query.opt :] + client.source
    seen = memory.find(key, ctx.now, secrets)
    if seen is not None:
        _, _, _, good, payload, dnssec_ok, client.cookie, client.opt = seen
        query.meet(payload, 0, dnssec_ok)
        query.asks = True
        query.usual = query.qclass == CLASS_IN
        if good:
            ctx.counters[counters.COOKIES_GOOD] += 1
        return good
    read_opt(query)
    if query.cookie is None:
        return False
    good = read_cookie(ctx, query.cookie, client.source)
    query.cookie = None
    if client.cookie and not (query.version or query.ecs or query.nsid or query.keepalive):
        ctx.counters[counters.COOKIES_LEARNED] += 1
        client.opt = opt_for(query, options(ctx, query))
        until = ctx.now + MINUTE
        memory.keep(Seen(key, until, secrets, good, query.payload, query.dnssec_ok, client.cookie, client.opt))
    return good


def read_cookie(ctx: Context, cookie: bytes, source: bytes) -> bool:
    """Prepare the cookie of the reply; whether the one that came proves the source."""
    secrets = ctx.table.cookie_secrets
    if not secrets:
        return False
    ctx.client.cookie, good = answer_cookie(cookie, secrets, int(ctx.now), source)
    if good:
        ctx.counters[counters.COOKIES_GOOD] += 1
    return good
