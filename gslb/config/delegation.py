"""Zone cuts: what may stand at and below them, and the addresses that name servers need."""

from typing import Final

from gslb.config.content import ADDRESSES, CNAME, DS, MX, NS, SOA, WILDCARD, Content, Reporter
from gslb.config.model import Record
from gslb.dns.name import ROOT, is_within, to_text
from gslb.dns.rdata import type_text

_AT_CUT: Final = frozenset({NS, DS, SOA})  # an SOA there is reported as such


def check_delegations(content: Content, report: Reporter) -> None:
    """Note misplaced data around zone cuts, and servers of names and mail without an address."""
    servers = {
        record.rdata.lower() for types in content.owned.values() for record in types.get(NS, ()) if record.rdata != ROOT
    }
    for owner, types in content.owned.items():
        if content.cuts:
            _check_placement(owner, servers, content, report)
        if owner[:2] == WILDCARD and NS in types:
            report.problem(types[NS][0], f"{to_text(owner)}: a wildcard cannot be delegated", "RFC 4592 section 4.2")
        for record in types.get(NS, ()):
            _check_name_server(record, content, report)
        for record in types.get(MX, ()):
            _check_mail_server(record, content, report)


def _check_placement(owner: bytes, servers: set[bytes], content: Content, report: Reporter) -> None:
    cut = content.cut_above(owner)
    if cut is None and owner not in content.cuts:
        return
    for rtype, records in content.owned[owner].items():
        if rtype in ADDRESSES and owner in servers:
            continue
        if cut is not None:
            hint = "only addresses of name servers may stand there"
            report.problem(records[0], f"{to_text(owner)} lies below the zone cut {to_text(cut)}", hint)
        elif rtype not in _AT_CUT:
            hint = "only NS, DS and addresses of name servers may stand there"
            report.problem(records[0], f"{to_text(owner)} is a zone cut: its {type_text(rtype)} is not here", hint)


def _check_name_server(record: Record, content: Content, report: Reporter) -> None:
    target = record.rdata.lower()
    if not is_within(target, content.apex):
        return
    name = to_text(target)
    below = target in content.cuts or content.cut_above(target) is not None
    source = target if below else content.source(target)
    if source is not None and CNAME in content.owned.get(source, {}):
        report.problem(record, f"the name server {name} is a CNAME", "it needs addresses: RFC 2181 section 10.3")
    elif (source is None or not content.has_address(source)) and not _has_address_in_child(target, content):
        hint = f"add an A or AAAA record for {name}" + (" as glue" if below else "")
        report.problem(record, f"the name server {name} has no address", hint)


def _has_address_in_child(target: bytes, content: Content) -> bool:
    return any(
        any(name.owner == target for name in child.names)
        or any(record.owner == target and record.rtype in ADDRESSES for record in child.records)
        for apex, child in content.children.items()
        if is_within(target, apex)
    )


def _check_mail_server(record: Record, content: Content, report: Reporter) -> None:
    target = record.rdata[2:].lower()
    if target == ROOT or not is_within(target, content.apex):  # RFC 7505: the root means no mail
        return
    if target in content.cuts or content.cut_above(target) is not None:
        return
    source = content.source(target)
    if source is None or not content.has_address(source):
        report.warn(record, f"the mail server {to_text(target)} has no address", "mail will not arrive")
