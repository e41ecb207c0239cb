"""Pools of addresses and pools of names: what may stand together, since a name with a CNAME has nothing else."""

from collections.abc import Iterator, Mapping
from typing import Final

from gslb.config.checks import check_pairs
from gslb.config.document import Findings, Path
from gslb.config.model import DynamicName, Pool, Zone
from gslb.config.schema import MemberShape, PoolShape
from gslb.dns.name import ROOT, from_text, to_text
from gslb.errors import NameSyntaxError, Problem

_ONE_CNAME: Final = "a name has one CNAME"


def check_member_kind(shape: MemberShape, path: Path, probed: bool, findings: Findings) -> None:
    """Note what is wrong with a member's addresses, name, and what is probed for it."""
    check_pairs(shape, path, findings)
    if (shape.addresses is None) == (shape.cname is None):
        findings.problem(path, "needs either addresses or cname")
    elif shape.cname is not None:
        if probed and shape.check is None:
            findings.problem((*path, "cname"), "needs `check`: the addresses that are probed for it", key=True)
        try:
            from_text(shape.cname, ROOT)
        except NameSyntaxError as error:
            findings.problem((*path, "cname"), error.message)


def check_pool_kind(shape: PoolShape, path: Path, findings: Findings) -> None:
    """Note what a pool of names cannot do."""
    names = [key for key, member in shape.members.items() if member.cname is not None]
    if not names:
        return
    if len(names) < len(shape.members):
        findings.problem((*path, "members", names[0]), "is a name, and other members have addresses", key=True)
    for key, wrong in (("answers", shape.answers != 1), ("policy", shape.policy == "all")):
        if wrong:
            findings.problem((*path, key), f"{_ONE_CNAME}, and the members of this pool are names")
    if shape.all_down.fallback is not None:
        findings.problem((*path, "all_down"), "a pool of names cannot fall back to addresses")
    if shape.policy == "failover":
        ranks = [member.priority for member in shape.members.values()]
        if any(ranks) and len(set(ranks)) < len(ranks):
            findings.problem(path, f"members of equal priority are answered together, but {_ONE_CNAME}", key=True)


def check_names(zones: Mapping[bytes, Zone], pools: Mapping[str, Pool], findings: Findings) -> None:
    """Note dynamic names that mix kinds, or have something beside a CNAME."""
    for zone in zones.values():
        static = {record.owner: record.where for record in zone.records}
        for name in zone.names:
            for message, hint in _faults(name, zone.apex, pools, static):
                findings.problems.append(Problem(name.where, to_text(name.owner), message, hint))


def _faults(
    name: DynamicName, apex: bytes, pools: Mapping[str, Pool], static: Mapping[bytes, str]
) -> Iterator[tuple[str, str]]:
    used = [pools[pool] for rule in name.rules for pool in rule.pools]
    kinds = {bool(pool.members[0].cname) for pool in used}
    if True not in kinds:
        return
    if len(kinds) == 2:
        yield "uses pools of names and pools of addresses", "use one kind"
    if name.owner == apex:
        yield "the top of a zone cannot be a CNAME", "use a pool of addresses"
    elif name.owner in static:
        yield "is answered with a CNAME and has static data too", f"the data is at {static[name.owner]}"
    if name.services:
        yield "is answered with a CNAME, so it has no HTTPS or SVCB", "leave out https and svcb"
