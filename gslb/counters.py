"""What `respond` counts: a name and a position for each."""

from typing import Final

NAMES: Final = (
    "udp_queries",
    "tcp_queries",
    "ignored",
    "noerror",
    "nodata",
    "nxdomain",
    "referral",
    "refused",
    "formerr",
    "notimp",
    "badvers",
    "badcookie",
    "servfail",
    "truncated",
    "cookies_good",
    "cookies_learned",
    "rate_limited",
    "fail_open",
    "not_ready",
    "failed",
)
"""Names of `Context.counters` by position. `ignored` got no reply; `failed` met a fault of ours and got none either."""

(
    UDP_QUERIES,
    TCP_QUERIES,
    IGNORED,
    NOERROR,
    NODATA,
    NXDOMAIN,
    REFERRAL,
    REFUSED,
    FORMERR,
    NOTIMP,
    BADVERS,
    BADCOOKIE,
    SERVFAIL,
    TRUNCATED,
    COOKIES_GOOD,
    COOKIES_LEARNED,
    RATE_LIMITED,
    FAIL_OPEN,
    NOT_READY,
    FAILED,
) = range(len(NAMES))
