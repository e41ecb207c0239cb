"""Sites and pools from their shapes, with what they say about each other."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gslb.config.checks import checks_of
from gslb.config.document import Findings, Path, suggestion
from gslb.config.kinds import check_member_kind, check_pool_kind
from gslb.config.model import AllDown, Damping, Member, MonitorSet, Pool, Site
from gslb.config.schema import AllDownShape, DampingShape, MemberShape, MonitorSetShape, PoolShape, SiteShape
from gslb.config.targets import denied, remedy
from gslb.config.validate import validate
from gslb.config.values import identifier
from gslb.dns.name import ROOT, from_text
from gslb.errors import NameSyntaxError

_SET_HINT: Final = "a list (all must pass), {any: [...]}, or {at_least: 2, of: [...]}"


@dataclass(frozen=True, slots=True)
class Known:
    """What pools may refer to: every name in the files, whether its entry is right or not; and the sites that are."""

    sites: dict[str, Site]
    site_names: Collection[str]
    monitor_names: Collection[str]
    allow: tuple[str, ...]
    deny: tuple[str, ...] = ()


def build_site(name: str, raw: object, findings: Findings) -> Site | None:
    """The site, or None after its problems were noted."""
    path: Path = ("sites", name)
    _check_name(path, findings)
    shape = validate(SiteShape, {} if raw is None else raw, path, findings)
    if shape is None:
        return None
    if (shape.latitude is None) != (shape.longitude is None):
        findings.problem(path, "needs latitude and longitude, or neither")
    return Site(name, shape.country, shape.latitude, shape.longitude, shape.capacity)


def build_pool(name: str, raw: object, known: Known, findings: Findings) -> Pool | None:
    """The pool, or None after its problems were noted."""
    path: Path = ("pools", name)
    _check_name(path, findings)
    shape = validate(PoolShape, raw, path, findings)
    if shape is None:
        return None
    monitors = _monitor_set(shape.monitors, path, known, findings)
    for key, member in shape.members.items():
        _check_member(member, (*path, "members", key), shape, known, findings)
        check_member_kind(member, (*path, "members", key), bool(monitors.of), findings)
    check_pool_kind(shape, path, findings)
    _check_min_up(shape, path, findings)
    _check_load(shape, path, findings)
    _check_duplicates(shape, path, findings)
    return Pool(
        name=name,
        members=tuple(_member(key, member) for key, member in shape.members.items()),
        monitors=monitors,
        policy=shape.policy,
        answers=shape.answers,
        max_answers=shape.max_answers,
        all_down=_all_down(shape.all_down, path, findings),
        min_up=shape.min_up,
        scope=shape.scope,
        requires=tuple(shape.requires),
        failback=shape.failback,
        damping=_damping(shape.damping, path, findings),
        max_loss=shape.max_loss,
        ramp=shape.ramp,
        exclusive=shape.exclusive,
        family_down=shape.family_down,
        load=shape.load or 0.0,
        capacities=_capacities(shape, known),
    )


def _check_name(path: Path, findings: Findings) -> None:
    try:
        identifier(str(path[-1]))
    except ValueError as error:
        findings.problem(path, str(error), key=True)


def _member(name: str, shape: MemberShape) -> Member:
    addresses = tuple(shape.addresses or shape.check or ())
    cname, checks = _target(shape.cname), checks_of(shape)
    return Member(name, shape.site, addresses, shape.weight, shape.priority, cname, checks)


def _target(text: str | None) -> bytes:
    """Wire form of a member's name, empty where it has none or a wrong one, which is noted elsewhere."""
    with suppress(NameSyntaxError):
        return from_text(text, ROOT) if text else b""
    return b""


def _monitor_set(shape: MonitorSetShape, path: Path, known: Known, findings: Findings) -> MonitorSet:
    path = (*path, "monitors")
    given = [key for key in ("all", "any", "of") if getattr(shape, key) is not None]
    if not given and shape.at_least is None:
        return MonitorSet((), 0)
    if len(given) != 1 or (shape.at_least is not None) != (given == ["of"]):
        findings.problem(path, "must be one way to combine monitors", _SET_HINT)
        return MonitorSet((), 0)
    names: list[str] = getattr(shape, given[0])
    _check_references(names, path, known, findings)
    at_least = {"all": len(names), "any": min(1, len(names))}.get(given[0], shape.at_least or 0)
    if not names and given != ["all"]:
        findings.problem(path, "names no monitor", "leave `monitors` out for a pool that is not probed")
    elif at_least > len(names):
        findings.problem(path, f"at_least must be at most the number of monitors, {len(names)} (got {at_least})")
    return MonitorSet(tuple(names), at_least)


def _check_references(names: list[str], path: Path, known: Known, findings: Findings) -> None:
    for position, name in enumerate(names):
        if name not in known.monitor_names:
            hint = suggestion(name, known.monitor_names)
            findings.problem((*path, position), f"there is no monitor {name!r}", hint)
        if name in names[:position]:
            findings.problem((*path, position), f"monitor {name!r} stands twice in the list")


def _check_member(member: MemberShape, path: Path, pool: PoolShape, known: Known, findings: Findings) -> None:
    if member.site not in known.site_names:
        hint = suggestion(member.site, known.site_names)
        findings.problem((*path, "site"), f"there is no site {member.site!r}", hint)
    site = known.sites.get(member.site)
    if pool.policy == "nearest" and site is not None and site.latitude is None:
        findings.problem((*path, "site"), f"policy nearest needs latitude and longitude of site {member.site!r}")
    if pool.policy == "capacity" and site is not None and site.capacity is None:
        findings.problem((*path, "site"), f"policy capacity needs the capacity of site {member.site!r}")
    if "monitors" not in pool.model_fields_set:
        return
    key = "addresses" if member.check is None else "check"
    for position, address in enumerate(member.check or member.addresses or ()):
        reason = denied(address, known.allow, known.deny)
        if reason:
            message = f"{address} must not be probed: it is {reason}"
            findings.problem((*path, key, position), message, remedy(address, known.deny))


def _check_duplicates(shape: PoolShape, path: Path, findings: Findings) -> None:
    first: dict[str, str] = {}
    for key, member in shape.members.items():
        for position, address in enumerate(member.addresses or ()):
            where = (*path, "members", key, "addresses", position)
            if address in first:
                findings.problem(where, f"{address} is in this pool already", f"the first is at {first[address]}")
            else:
                first[address] = findings.where(where)


def _all_down(shape: AllDownShape, path: Path, findings: Findings) -> AllDown:
    if shape.fallback is None:
        return AllDown(shape.mode or "all")
    if shape.mode is not None:
        findings.problem((*path, "all_down"), "must be a mode or fallback addresses, not both")
    return AllDown("fallback", tuple(shape.fallback))


def _check_min_up(shape: PoolShape, path: Path, findings: Findings) -> None:
    members = len(shape.members)
    least = shape.min_up.of(members)
    if least > members:
        findings.problem((*path, "min_up"), f"must be at most the number of members, {members} (got {least})")
    elif shape.exclusive and least > 1:
        findings.problem((*path, "min_up"), f"an exclusive pool has one member up, and never {least}")


def _check_load(shape: PoolShape, path: Path, findings: Findings) -> None:
    if shape.policy == "capacity" and shape.load is None:
        hint = "what all clients of the pool need together, in the unit of the sites' capacity"
        findings.problem((*path, "policy"), "policy capacity needs `load`", hint)
    if shape.policy != "capacity" and shape.load is not None:
        findings.problem((*path, "load"), f"goes with policy capacity (got {shape.policy})", key=True)


def _damping(shape: DampingShape | None, path: Path, findings: Findings) -> Damping | None:
    if shape is None:
        return None
    if shape.suppress <= shape.reuse:
        message = f"must be more than reuse, {shape.reuse:g} (got {shape.suppress:g})"
        findings.problem((*path, "damping", "suppress"), message)
    return Damping(shape.half_life, shape.suppress, shape.reuse)


def _capacities(shape: PoolShape, known: Known) -> tuple[tuple[str, float], ...]:
    """Of the members' sites, for the policy that asks for them."""
    if shape.policy != "capacity":
        return ()
    sites = dict.fromkeys(member.site for member in shape.members.values())
    found = [(name, known.sites[name].capacity) for name in sites if name in known.sites]
    return tuple((name, capacity) for name, capacity in found if capacity is not None)
