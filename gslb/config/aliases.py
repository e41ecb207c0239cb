"""CNAME records: alone at their names, and leading somewhere."""

from typing import Final

from gslb.config.content import CNAME, Content, Reporter
from gslb.config.model import Record
from gslb.dns.name import is_within, to_text

MAX_CHAIN: Final = 16  # CNAMEs in one answer; protocol row C26


def check_aliases(content: Content, report: Reporter) -> None:
    """Note CNAMEs beside other data, at the top of the zone, in loops and in chains that are too long."""
    for owner, types in content.owned.items():
        if CNAME not in types:
            continue
        alias = types[CNAME][0]
        if owner == content.apex:
            report.problem(alias, "the top of a zone cannot be a CNAME: SOA and NS stand there")
        elif len(types) > 1 or owner in content.dynamic:
            report.problem(alias, f"{to_text(owner)} is a CNAME and has other data too", "RFC 1034 section 3.6.2")
        elif len(types[CNAME]) > 1:
            report.problem(types[CNAME][1], f"{to_text(owner)} has more than one CNAME")
        else:
            _check_chain(alias, content, report)


def _check_chain(alias: Record, content: Content, report: Reporter) -> None:
    seen = {alias.owner}
    target = alias.rdata.lower()
    while True:
        following = _next(target, content)
        if following is None:
            return
        if target in seen:
            report.problem(alias, f"the CNAME {to_text(alias.owner)} leads in a loop through {to_text(target)}")
            return
        seen.add(target)
        if len(seen) > MAX_CHAIN:
            report.problem(alias, f"the CNAME {to_text(alias.owner)} leads over more than {MAX_CHAIN} CNAMEs")
            return
        target = following


def _next(name: bytes, content: Content) -> bytes | None:
    """Where a name of the zone leads on to, through a wildcard too; None where it does not."""
    if not is_within(name, content.apex) or name in content.cuts or content.cut_above(name) is not None:
        return None
    source = content.source(name)
    records = content.owned.get(source, {}).get(CNAME, ()) if source else ()
    return records[0].rdata.lower() if records else None
