"""Where replies are counted: rows of counters, one for each zone or dynamic name, with a column for what was answered.

The first columns count by type; after them come four for each site, and before those of the first site four for answers
of no one site: of several together, or with nobody alive behind them.
"""

from collections.abc import Sequence
from typing import Final

from gslb.dns.message import AAAA, ANY, CNAME, DS, HTTPS, NS, SOA, SVCB, TXT, A

TYPES: Final = (
    *("other", "A", "AAAA", "CNAME", "HTTPS", "SVCB", "NS", "SOA", "MX", "TXT", "SRV", "PTR", "CAA", "DS", "DNSKEY"),
    "ANY",
)
_MX, _SRV, _PTR, _CAA, _DNSKEY = 15, 33, 12, 257, 48
_NUMBERS: Final = (A, AAAA, CNAME, HTTPS, SVCB, NS, SOA, _MX, TXT, _SRV, _PTR, _CAA, DS, _DNSKEY, ANY)
COLUMN: Final = {number: at for at, number in enumerate(_NUMBERS, 1)}
"""Type -> its column; those that are not in it have column 0."""

FIRST: Final = len(TYPES)
SITE_TYPES: Final = ("A", "AAAA", "HTTPS", "other")
EACH: Final = len(SITE_TYPES)
_KIND: Final = {A: 0, AAAA: 1, HTTPS: 2}


def width(sites: int) -> int:
    """How many columns a row has."""
    return FIRST + EACH * (sites + 1)


def site_column(site: int, rtype: int) -> int:
    """The column of answers of a type from a site, by its position; -1: from no one site."""
    return FIRST + EACH * (site + 1) + _KIND.get(rtype, EACH - 1)


def meant_for(column: int, rtype: int) -> int:
    """The column for a query of another type than the one whose answer decided on the site: an alias was followed."""
    return COLUMN.get(rtype, 0) if column < FIRST else column - (column - FIRST) % EACH + _KIND.get(rtype, EACH - 1)


def shared(columns: Sequence[int]) -> int:
    """The column of several answers together, all of one type: their own where all are from one site."""
    first = columns[0]
    if first < FIRST or columns.count(first) == len(columns):
        return first
    return FIRST + (first - FIRST) % EACH
