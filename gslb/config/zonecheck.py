"""Whether a zone makes sense as a whole: its top, its record sets, and static beside dynamic data."""

from collections.abc import Mapping, Sequence
from typing import Final

from gslb.config.aliases import check_aliases
from gslb.config.content import ADDRESSES, CNAME, NS, SOA, Content, Reporter
from gslb.config.delegation import check_delegations
from gslb.config.model import Record
from gslb.dns.name import to_text
from gslb.dns.rdata import type_text

MAX_MESSAGE: Final = 65_535
_OVERHEAD: Final = 27  # octets of header, question without its name, and OPT
_PTR: Final = 12
_DNAME: Final = 39
_NAME_ONLY: Final = frozenset({NS, CNAME, _PTR})  # the whole data is one name, compared without case
_SIGNED: Final = frozenset({46, 47, 50, 51})  # RRSIG, NSEC, NSEC3, NSEC3PARAM
_UNSERVED: Final = frozenset({0, 41, _DNAME, *range(128, 256)}) | _SIGNED  # and OPT, meta types


def check_zone(content: Content, report: Reporter) -> None:
    """Note every problem of one zone."""
    for record in content.outside:
        report.problem(record, f"{to_text(record.owner)} lies outside its zone")
    _check_apex(content, report)
    for types in content.owned.values():
        for records in types.values():
            _check_rrset(records, report)
    _check_dynamic(content, report)
    check_delegations(content, report)
    check_aliases(content, report)


def _check_apex(content: Content, report: Reporter) -> None:
    types: Mapping[int, Sequence[Record]] = content.owned.get(content.apex, {})
    for owner, owned in content.owned.items():
        if SOA in owned and owner != content.apex:
            report.problem(owned[SOA][0], f"SOA at {to_text(owner)}, which is not the top of the zone")
    soas = types.get(SOA, ())
    if not soas:
        report.problem(content, "has no SOA", "give `soa`, or an SOA record in the zonefile")
    for surplus in soas[1:]:
        hint = f"the first is at {soas[0].where}: give `soa`, or the one in the zonefile"
        report.problem(surplus, "has more than one SOA", hint)
    if NS not in types:
        report.problem(content, "has no name servers", "give `ns`, or NS records of the zone in the zonefile")


def _check_rrset(records: Sequence[Record], report: Reporter) -> None:
    first = records[0]
    if first.rtype in _UNSERVED:
        hint = "the zone must be unsigned" if first.rtype in _SIGNED else ""
        report.problem(first, f"{_name(first)}: records of this type cannot be served", hint)
    if len(records) > 1 and first.rtype != SOA:
        _check_set(records, report)
    size = _OVERHEAD + len(first.owner) + sum(12 + len(record.rdata) for record in records)
    if size > MAX_MESSAGE:
        report.problem(first, f"{_name(first)} needs a message of {size} octets, at most {MAX_MESSAGE} fit")


def _check_set(records: Sequence[Record], report: Reporter) -> None:
    first = records[0]
    seen: dict[bytes, Record] = {}
    for record in records:
        if record.ttl != first.ttl:
            hint = f"it is {first.ttl} at {first.where}; a set has one TTL, RFC 2181 section 5.2"
            report.problem(record, f"{_name(first)}: TTL {record.ttl} differs within the set", hint)
        key = record.rdata.lower() if record.rtype in _NAME_ONLY else record.rdata
        if key in seen:
            report.problem(record, f"{_name(first)} has the same data twice", f"the first is at {seen[key].where}")
        seen.setdefault(key, record)


def _check_dynamic(content: Content, report: Reporter) -> None:
    for name in content.names:
        made = ADDRESSES | {service.rtype for service in name.services}
        static = [rtype for rtype in content.owned.get(name.owner, {}) if rtype in made]
        for rtype in static:
            hint = f"the records are at {content.owned[name.owner][rtype][0].where}; leave one out"
            report.problem(name, f"{to_text(name.owner)} has both pools and static {type_text(rtype)} records", hint)
        cut = name.owner if name.owner in content.cuts else content.cut_above(name.owner)
        if cut is not None:
            report.problem(name, f"{to_text(name.owner)} lies at or below the zone cut {to_text(cut)}")


def _name(record: Record) -> str:
    return f"{to_text(record.owner)} {type_text(record.rtype)}"
