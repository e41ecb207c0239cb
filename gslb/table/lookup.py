"""Finding what a name means: RFC 1034 section 4.3.2 with wildcards by RFC 4592."""

from collections.abc import Mapping
from typing import Final

from gslb.dns.message import DS
from gslb.table.entries import Entry

HIT: Final = 0  # the entry answers: the name itself or a wildcard
MISS: Final = 1  # no such name; the entry is the closest encloser
DELEGATED: Final = 2  # at or below a zone cut; the entry holds the referral
OUTSIDE: Final = 3  # in no zone of ours


def find(names: Mapping[bytes, Entry], qname: bytes, qtype: int) -> tuple[int, Entry | None]:
    """The outcome for a lower-cased wire name, and the entry that it is about (None only where OUTSIDE).

    DS belongs to the parent's side of a cut (RFC 4035 section 3.1.4.1), also where the child is served here too.
    """
    entry = names.get(qname)
    if entry is None:
        return _closest(names, qname)
    if qtype == DS and entry.referral is None and entry.zone.apex == qname:
        return _parent_side(names, qname, entry)
    if entry.referral is not None and qtype != DS:
        return DELEGATED, entry
    return HIT, entry


def _closest(names: Mapping[bytes, Entry], qname: bytes) -> tuple[int, Entry | None]:
    ancestor = qname
    while ancestor != b"\0":
        ancestor = ancestor[1 + ancestor[0] :]
        entry = names.get(ancestor)
        if entry is not None:
            if entry.referral is not None:
                return DELEGATED, entry
            if entry.wildcard is not None:
                return HIT, entry.wildcard
            return MISS, entry
    return OUTSIDE, None


def _parent_side(names: Mapping[bytes, Entry], qname: bytes, apex: Entry) -> tuple[int, Entry]:
    if qname == b"\0":
        return HIT, apex
    _, above = _closest(names, qname)
    if above is None:
        return HIT, apex
    return HIT, Entry(above.zone, {DS: apex.types[DS]} if DS in apex.types else {})
