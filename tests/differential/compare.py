"""What must agree in two replies: every part, but for the allowances of docs/deviations.md, which are named here.

An allowance removes what a peer adds only if it is exactly what the zones hold; the rest must be equal to ours.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset
import dns.zone
from dns.rdatatype import AAAA, CNAME, MX, NS, SRV, A

Record = tuple[dns.name.Name, int, int, bytes]
"""Owner, type, TTL and data, the names in it lower-cased (RFC 4034 section 6.2); names compare without case."""
Data = Mapping[dns.name.Name, frozenset[Record]]
"""The records of each zone, as an independent reader finds them in the master files."""

_TARGETS: Final = {NS: "target", MX: "exchange", SRV: "target"}


class Reply(NamedTuple):
    """One reply, every part of which is compared. Records are counted, so that none may come twice.

    `chain` is the order of the RRsets in the answer; `targets` follows from the records of its type.
    """

    rcode: str
    flags: str
    question: str
    edns: str
    chain: tuple[tuple[dns.name.Name, int], ...]
    answer: Counter[Record]
    authority: Counter[Record]
    additional: Counter[Record]


class Case(NamedTuple):
    """Two replies to one query, and what an allowance may look at; `about` is our reply over TCP to any question."""

    ours: Reply
    theirs: Reply
    data: Data
    name: dns.name.Name
    rtype: int
    about: Callable[[dns.name.Name, int], Reply]


class Allowance(Protocol):
    """Theirs without what they alone may say."""

    def __call__(self, case: Case) -> Reply: ...


def read(wire: bytes) -> Reply:
    """A reply taken apart by an independent reader."""
    message = dns.message.from_wire(wire, one_rr_per_rrset=True)
    options = [int(option.otype) for option in message.options]
    return Reply(
        dns.rcode.to_text(message.rcode()),
        dns.flags.to_text(message.flags),
        " ".join(rrset.to_text() for rrset in message.question),
        f"{message.edns} {dns.flags.edns_to_text(message.ednsflags)} {options}",
        tuple(dict.fromkeys((rrset.name, int(rrset.rdtype)) for rrset in message.answer)),
        *(Counter(map(_record, section)) for section in (message.answer, message.authority, message.additional)),
    )


def _record(rrset: dns.rrset.RRset) -> Record:
    return rrset.name, int(rrset.rdtype), rrset.ttl, rrset[0].to_digestable()


def read_zones(files: Mapping[str, str]) -> Data:
    """The records of master files, by zone."""
    data = {}
    for zone, file in files.items():
        found = dns.zone.from_file(file, zone, relativize=False)
        data[dns.name.from_text(zone)] = frozenset(
            (owner, int(item.rdtype), ttl, item.to_digestable()) for owner, ttl, item in found.iterate_rdatas()
        )
    return data


def allowed(case: Case) -> set[str]:
    """The names of the allowances that these replies need; raises AssertionError where they do not suffice."""
    needed = set()
    for name, allowance in ALLOWANCES.items():
        rest = allowance(case)
        if rest != case.theirs:
            needed.add(name)
            case = case._replace(theirs=rest)
    different = [part for part in Reply._fields if getattr(case.ours, part) != getattr(case.theirs, part)]
    assert not different, f"they differ in {different}"
    return needed


def addresses(case: Case) -> Reply:
    """1: addresses of the targets of NS, MX and SRV beside authoritative data."""
    theirs = case.theirs
    if not _is_authoritative(theirs):
        return theirs
    targets = {target for record in (*theirs.answer, *theirs.authority) if (target := _target(record)) is not None}
    optional = {r for r in theirs.additional if r[0] in targets and r[1] in (A, AAAA) and _is_right(r, case)}
    return theirs._replace(
        additional=Counter({r: n for r, n in theirs.additional.items() if r not in optional or n > 1})
    )


def _is_right(address: Record, case: Case) -> bool:
    """Whether a zone holds it, be it as glue, or we say the same when asked for it: it may come from a wildcard."""
    held = any(address in records for records in case.data.values())
    return held or case.about(address[0], address[1]).answer[address] == 1


def referral_behind_alias(case: Case) -> Reply:
    """2: the referral to where an alias leads, at or below a cut of its zone."""
    theirs, cut = case.theirs, _cut_behind_alias(case)
    if cut is None or theirs.authority != Counter(cut):
        return theirs
    return theirs._replace(authority=Counter())


def data_behind_alias(case: Case) -> Reply:
    """3: the data of another zone served here that an alias leads to: what we say when asked for it."""
    if not _leaves_zone(case):
        return case.theirs
    end = case.about(_end_of_alias(case.ours), case.rtype)
    if not _is_authoritative(end) or case.theirs.rcode != end.rcode:
        return case.theirs
    if case.theirs[4:] != (*_after(case.ours, end), end.authority, end.additional):
        return case.theirs
    return case.theirs._replace(
        rcode=case.ours.rcode, chain=case.ours.chain, answer=case.ours.answer, authority=Counter()
    )


def beginning_of_answer(case: Case) -> Reply:
    """4: the first records of an answer that both truncate."""
    theirs = case.theirs
    if not all("TC" in reply.flags.split() for reply in (case.ours, theirs)):
        return theirs
    whole = case.about(case.name, case.rtype)
    if not theirs.answer <= whole.answer or theirs.chain != whole.chain[: len(theirs.chain)]:
        return theirs
    return theirs._replace(chain=(), answer=Counter())


def part_of_referral(case: Case) -> Reply:
    """5: a referral whose glue does not all fit, where we send none of it."""
    theirs = case.theirs
    if "TC" not in case.ours.flags.split() or _is_authoritative(case.ours):
        return theirs
    whole = case.about(case.name, case.rtype)
    if theirs.authority != whole.authority or not theirs.additional < whole.additional:
        return theirs
    return theirs._replace(flags=_truncated(theirs.flags), authority=Counter(), additional=Counter())


ALLOWANCES: Final[Mapping[str, Allowance]] = {
    "addresses": addresses,
    "referral behind an alias": referral_behind_alias,
    "data behind an alias": data_behind_alias,
    "beginning of an answer": beginning_of_answer,
    "part of a referral": part_of_referral,
}


def _is_authoritative(reply: Reply) -> bool:
    return "AA" in reply.flags.split()


def _truncated(flags: str) -> str:
    return flags if "TC" in flags.split() else f"{flags} TC"


def _after(first: Reply, then: Reply) -> tuple[object, object]:
    return first.chain + then.chain, first.answer + then.answer


def _target(record: Record) -> dns.name.Name | None:
    owner, rtype, _, wire = record
    if rtype not in _TARGETS:
        return None
    item = dns.rdata.from_wire(1, rtype, wire, 0, len(wire))
    target = getattr(item, _TARGETS[dns.rdatatype.RdataType(rtype)])
    assert isinstance(target, dns.name.Name), owner
    return target


def _end_of_alias(reply: Reply) -> dns.name.Name:
    """Where the last alias leads. The chain of our answers ends with it where the target is not ours to answer."""
    owner, rtype = reply.chain[-1]
    (wire,) = (record[3] for record in reply.answer if record[:2] == (owner, rtype))
    return dns.name.from_wire(wire, 0)[0]


def _alias_zone(case: Case) -> tuple[dns.name.Name, dns.name.Name] | None:
    """Of our answer's last alias: the zone that it stands in, and its target. None where it does not end with one."""
    if not case.ours.chain or case.ours.chain[-1][1] != CNAME or not _is_authoritative(case.ours):
        return None
    owner = case.ours.chain[-1][0]
    return max((apex for apex in case.data if owner.is_subdomain(apex)), key=len), _end_of_alias(case.ours)


def _cut_behind_alias(case: Case) -> frozenset[Record] | None:
    """The NS records of the cut that our answer's last alias leads to or below, seen from the alias's zone."""
    found = _alias_zone(case)
    if found is None:
        return None
    zone, target = found
    delegations = [r for r in case.data[zone] if r[1] == NS and r[0] != zone and target.is_subdomain(r[0])]
    return frozenset(delegations) or None


def _leaves_zone(case: Case) -> bool:
    """Whether our answer ends with an alias to another zone that is served here."""
    found = _alias_zone(case)
    if found is None:
        return False
    zone, target = found
    return max((apex for apex in case.data if target.is_subdomain(apex)), key=len, default=zone) != zone
