"""One pool in its present state: which members live, what they answer with, and what is served when none does."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address
from itertools import chain
from types import MappingProxyType
from typing import Final

from gslb.config.model import Member, Pool
from gslb.dns.edns import EDE_OTHER, extended_error
from gslb.dns.message import AAAA, CNAME, A
from gslb.dns.response import record
from gslb.health.states import MemberState
from gslb.policy import POLICIES
from gslb.policy.candidates import Candidate
from gslb.policy.columns import site_column
from gslb.policy.everyone import rotations
from gslb.policy.nodes import Answer, Node
from gslb.table.entries import ChainSpec

NO_LIVE_SITE: Final = extended_error(EDE_OTHER, "no live site")

_WHOLE: Final = 1000  # what weights are multiplied by while a member ramps up, so that a part of 1 is a number, too
_NO_SITES: Final[Mapping[str, int]] = MappingProxyType({})
_HINTS: Final = ((4, A), (6, AAAA))  # ipv4hint, ipv6hint


class PoolView:
    """A pool and the states of its members. `nearest` is the position of its distance map, -1 where it has none;
    `sites` are the positions of sites among those that answers are counted by.

    `ready`: no member is unknown. `lives` counts the members that live, in any family; `wanted` of them make the pool
    healthy. `calm`: no probe of any member failed lately. `parts`: the percents of drains that keep some clients away
    from a member that lives, by their targets. `leaving`: members that an operator is about to take out, with the most
    that an answer with them may live.
    """

    def __init__(
        self, pool: Pool, members: Mapping[str, MemberState], nearest: int, sites: Mapping[str, int] = _NO_SITES
    ) -> None:
        self.pool = pool
        self.members = members
        self.nearest = nearest
        self._sites = sites
        self.ready = True
        self._restless: set[str] = set()
        self._live: dict[str, list[str] | None] = {}  # by member; None: it does not live
        self._without: dict[Set[str], PoolView] = {}
        self.parts: dict[str, int] = {}
        self.leaving: list[tuple[Member, int]] = []
        for member in pool.members:
            state = members[member.name]
            live = []
            for address in state.addresses:
                if address.effective == "up":
                    live.append(address.address)
                elif address.effective == "unknown":
                    self.ready = False
                if not address.calm:
                    self._restless.add(address.address)
            # A name that nobody probes lives without any address, unless an operator takes it out.
            out = state.addresses or state.drained or state.forced_down
            self._live[member.name] = live if live or not out else None
            if state.drained_in_part and (live or not out):
                self.parts[state.drained_with] = state.percent
            if state.ttl is not None:
                self.leaving.append((member, state.ttl))
        self.lives = sum(live is not None for live in self._live.values())
        self.wanted = pool.min_up.of(len(pool.members))
        self.calm = not self._restless
        self._ramps = any(members[name].share < 1 for name, live in self._live.items() if live is not None)

    @property
    def healthy(self) -> bool:
        """Whether enough members live for the pool to be preferred to those after it."""
        return self.lives >= self.wanted

    def without(self, targets: Set[str]) -> "PoolView":
        """How it would be if the drains of these targets, that are for some clients, were for all."""
        if targets.isdisjoint(self.parts):
            return self
        if targets not in self._without:
            members = {
                name: _drained(state) if state.drained_in_part and state.drained_with in targets else state
                for name, state in self.members.items()
            }
            self._without[targets] = PoolView(self.pool, members, self.nearest, self._sites)
        return self._without[targets]

    def live_addresses(self) -> frozenset[str]:
        """Every address that may be served, or of a member that is a name: that must answer for the name to be."""
        return frozenset(chain.from_iterable(filter(None, self._live.values())))

    def configured(self, spec: ChainSpec) -> bool:
        """Whether any member has something to answer with at all."""
        return any(records_of(member, member.addresses, spec) for member in self.pool.members)

    def spare(self, spec: ChainSpec) -> bool:
        """Whether `all_down` has something that no operator has taken out."""
        if self.pool.all_down.mode in ("fallback", "nodata"):
            return True
        states = self.members
        standing = [m for m in self.pool.members if not (states[m.name].drained or states[m.name].forced_down)]
        return any(records_of(member, member.addresses, spec) for member in standing)

    def live(self, spec: ChainSpec) -> list[Candidate]:
        """The members with something to answer with now, in the pool's order."""
        found = []
        for position, member in enumerate(self.pool.members):
            live = self._live[member.name]
            records = () if live is None else records_of(member, live, spec)
            if records:
                weight = self._weight(member) if self._ramps else member.weight
                column = site_column(self._sites.get(member.site, -1), spec.rtype)
                found.append(Candidate(position, member.name, weight, member.priority, records, column))
        return found

    def _weight(self, member: Member) -> int:
        """Its part while it ramps up; never 0, which would make it a standby."""
        return member.weight * max(1, round(self.members[member.name].share * _WHOLE))

    def policy(self, spec: ChainSpec) -> Node | None:
        """The policy's node, or None where no member lives."""
        candidates = self.live(spec)
        return POLICIES[self.pool.policy](self.pool, candidates, self.nearest) if candidates else None

    def restless(self, spec: ChainSpec) -> list[bytes]:
        """The records of live members with an address, of those that the type shows, whose probes failed lately."""
        found: list[bytes] = []
        for member in self.pool.members if self._restless else ():
            live = self._live[member.name] or ()
            shown = [a for a in live if spec.rtype not in (A, AAAA) or _fits(a, spec.rtype)]
            if not self._restless.isdisjoint(shown):
                found += records_of(member, live, spec)
        return found

    def longest(self, spec: ChainSpec, answers: Sequence[Answer]) -> int:
        """The TTL of these answers: that of `spec`, or less where one is of a member that is about to be taken out."""
        ttl = spec.ttl
        for member, most in self.leaving:
            if most < ttl:
                shown = {
                    *records_of(member, member.addresses, spec),
                    *records_of(member, self._live[member.name] or (), spec),
                }
                if any(a.ede == NO_LIVE_SITE or any(one in a.records for one in shown) for a in answers):
                    ttl = most
        return ttl

    def all_down(self, spec: ChainSpec, last_good: frozenset[str]) -> Node:
        """What is served when nothing lives: never what an operator forced down, and what is drained only if there is
        nothing else."""
        mode = self.pool.all_down.mode
        records: list[bytes] = []
        if mode == "fallback":
            records += records_of(Member("", "", ()), self.pool.all_down.fallback, spec)
        elif mode != "nodata":
            records += self._open(spec, last_good if mode == "last_good" else None)
        if spec.rtype == CNAME:
            records = records[:1]  # a name has one CNAME at most
        column = site_column(-1, spec.rtype)
        return rotations(records, self.pool.max_answers, NO_LIVE_SITE, column) if records else Answer((), NO_LIVE_SITE)

    def _open(self, spec: ChainSpec, among: Set[str] | None) -> list[bytes]:
        allowed = [member for member in self.pool.members if not self.members[member.name].forced_down]
        standing = [member for member in allowed if not self.members[member.name].drained]
        if self.pool.exclusive:
            one = _one_of(standing or allowed, among or frozenset())
            return _records(one, spec, among) or _records(one, spec)
        for members in (standing, allowed):
            records = _records(members, spec, among) or _records(members, spec)
            if records:
                return records
        return []


def _one_of(members: Sequence[Member], known: Set[str]) -> list[Member]:
    """The member with an address that is known, else the first by priority."""
    able = [member for member in members if not known.isdisjoint(member.addresses)] or members
    return [min(able, key=lambda member: member.priority)] if able else []


def _drained(state: MemberState) -> MemberState:
    addresses = tuple([replace(address, effective="down") for address in state.addresses])
    return replace(state, addresses=addresses, percent=100)


def _records(members: Sequence[Member], spec: ChainSpec, among: Set[str] | None = None) -> list[bytes]:
    """The records of members, by those of their addresses that are `among` these."""
    found: list[bytes] = []
    for member in members:
        addresses = [a for a in member.addresses if among is None or a in among]
        if addresses or not member.addresses:
            found += records_of(member, addresses, spec)
    return found


def records_of(member: Member, addresses: Sequence[str], spec: ChainSpec) -> tuple[bytes, ...]:
    """What a member answers with: its name, or those of the addresses that fit the type.

    For HTTPS and SVCB that is one record, with the addresses as hints (RFC 9460 section 7.3).
    """
    if member.cname:
        return (record(CNAME, spec.ttl, member.cname),) if spec.rtype == CNAME else ()
    if spec.service is None:
        rtype, ttl = spec.rtype, spec.ttl
        return tuple([_address_record(rtype, ttl, a) for a in addresses if _fits(a, rtype)])
    if not addresses:
        return ()
    priority, target, params = spec.service
    hints = [(key, _hint(addresses, rtype)) for key, rtype in _HINTS if any(_fits(a, rtype) for a in addresses)]
    rdata = priority.to_bytes(2, "big") + target
    for key, value in sorted([*params, *hints]):
        rdata += key.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value
    return (record(spec.rtype, spec.ttl, rdata),)


def _hint(addresses: Sequence[str], rtype: int) -> bytes:
    return b"".join(ip_address(a).packed for a in addresses if _fits(a, rtype))


@lru_cache(maxsize=1 << 16)
def _address_record(rtype: int, ttl: int, address: str) -> bytes:
    """Remembered: a change of health compiles the same addresses again, and reading one takes microseconds."""
    return record(rtype, ttl, ip_address(address).packed)


def _fits(address: str, rtype: int) -> bool:
    return (":" in address) == (rtype == AAAA)
