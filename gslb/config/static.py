"""Static data of a zone: SOA and NS from their keys, inline records, and the master file, all to records."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gslb.config.document import Findings, MarkedMap, Path, dotted
from gslb.config.schema import RrsetShape, SoaShape, ZoneShape
from gslb.config.validate import validate
from gslb.config.values import shown
from gslb.dns.name import from_text, is_within, to_text
from gslb.dns.rdata import to_wire, type_number
from gslb.dns.record import Record
from gslb.dns.zonefile import Include, read
from gslb.errors import NameSyntaxError, RdataError

NS: Final = 2
SOA: Final = 6
_DEFAULT_SERIAL: Final = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Where names of a zone are read: its apex (lower-cased wire), its place in the files, its default TTL."""

    apex: bytes
    path: Path
    ttl: int
    findings: Findings

    def name(self, text: str, path: Path) -> bytes | None:
        """Wire form of a name, or None after its problem was noted."""
        try:
            return from_text(text, self.apex)
        except NameSyntaxError as error:
            self.findings.problem(path, error.message)
            return None

    def owner(self, text: str, path: Path) -> bytes | None:
        """Lower-cased wire form of a name that lies in the zone, or None after its problem was noted."""
        wire = self.name(text, path)
        if wire is None:
            return None
        owner = wire.lower()
        if not is_within(owner, self.apex):
            hint = f"without the final dot it is relative to {to_text(self.apex)}"
            self.findings.problem(path, f"{to_text(wire)} lies outside its zone", hint, key=True)
            return None
        if not text.endswith(".") and f".{text}.".lower().endswith("." + to_text(self.apex)):
            self.findings.warn(path, f"means {to_text(wire)}", "end it with a dot, or leave the zone's name out")
        return owner


def static_records(shape: ZoneShape, origin: Origin, include: Include) -> list[Record]:
    """All static records of a zone; what could not be read was noted."""
    records = list(_name_servers(shape.ns, origin))
    if shape.soa is not None:
        records += _soa(shape.soa, origin)
    for owner, types in shape.records.items():
        records += _inline(owner, types, origin)
    if shape.zonefile is not None:
        records += _master_file(shape.zonefile, origin, include)
    return records


def _name_servers(targets: list[str], origin: Origin) -> Iterator[Record]:
    for at, text in enumerate(targets):
        path = (*origin.path, "ns", at)
        target = origin.name(text, path)
        if target is not None:
            yield Record(origin.apex, NS, origin.ttl, target, origin.findings.where(path))


def _soa(soa: SoaShape, origin: Origin) -> Iterator[Record]:
    path = (*origin.path, "soa")
    mname = origin.name(soa.mname, (*path, "mname"))
    rname = _mailbox(soa.rname, (*path, "rname"), origin)
    serial = soa.serial
    if serial is None:
        serial = _DEFAULT_SERIAL
        hint = "give a serial, and raise it with every change"
        origin.findings.warn(path, f"has no serial, so it is {serial}", hint)
    if mname is not None and rname is not None:
        rdata = mname + rname + struct.pack(">5I", serial, soa.refresh, soa.retry, soa.expire, soa.minimum)
        ttl = origin.ttl if soa.ttl is None else soa.ttl
        yield Record(origin.apex, SOA, ttl, rdata, origin.findings.where(path))


def _mailbox(text: str, path: Path, origin: Origin) -> bytes | None:
    """RFC 1035 section 8: the mailbox of the person in charge is a name, its first label the part before the @."""
    if "@" in text:
        message = f"must be a mailbox written as a name (got {shown(text)})"
        origin.findings.problem(path, message, "for example hostmaster.example.com.")
        return None
    return origin.name(text, path)


def _inline(owner_text: str, types: object, origin: Origin) -> Iterator[Record]:
    path = (*origin.path, "records", owner_text)
    owner = origin.owner(owner_text, path)
    if not isinstance(types, MarkedMap) or not types:
        message = f"must be a mapping of record types to data (got {shown(types)})"
        origin.findings.problem(path, message, "for example {A: [192.0.2.1]}")
    elif owner is not None:
        for type_text, data in types.items():
            yield from _rrset(owner, data, (*path, type_text), origin)


def _rrset(owner: bytes, data: object, path: Path, origin: Origin) -> Iterator[Record]:
    findings = origin.findings
    try:
        rtype = type_number(str(path[-1]))
    except RdataError as error:
        findings.problem(path, error.message, error.hint, key=True)
        return
    if rtype == SOA:
        findings.problem(path, "the SOA has a key of its own", "give `soa` of the zone", key=True)
        return
    shape = validate(RrsetShape, data if isinstance(data, MarkedMap) else {"data": data}, path, findings)
    if shape is None:
        return
    where = findings.where(path, key=True)
    for text in shape.data:
        try:
            rdata = to_wire(rtype, text, origin.apex)
        except RdataError as error:
            findings.problem(path, error.message, error.hint)
        else:
            yield Record(owner, rtype, origin.ttl if shape.ttl is None else shape.ttl, rdata, where)


def _master_file(name: str, origin: Origin, include: Include) -> list[Record]:
    path = (*origin.path, "zonefile")
    findings = origin.findings
    try:
        file, text = include(name, findings.document(path).file)
    except ValueError as error:
        findings.problem(path, str(error))
        return []
    records, problems = read(file, text, origin.apex, origin.ttl, include)
    findings.problems += [problem._replace(path=dotted(origin.path)) for problem in problems]
    return records
