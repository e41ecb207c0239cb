"""Health to Leaves: which pool of each chain answers, and the policy's node over its live members.

a pool of the chain with live members of the family       the first such pool's policy (a map: drawn by weight)
no address of the family in any pool                       NODATA
none live, but the other family lives somewhere            NODATA
none live at all                                           `all_down`, with EDE 0
a pool that is reached with a member still unknown         not ready: SERVFAIL, EDE 14
"""

from collections.abc import Mapping, Sequence, Set
from functools import lru_cache
from ipaddress import ip_address
from itertools import chain
from typing import Final, NamedTuple

from gslb.config.model import Config, Member, Pool
from gslb.dns.edns import EDE_NOT_READY, EDE_OTHER, extended_error
from gslb.dns.message import AAAA, CNAME, SERVFAIL, A
from gslb.dns.response import record
from gslb.health.states import MemberState, States
from gslb.policy import POLICIES
from gslb.policy.candidates import Candidate
from gslb.policy.everyone import rotations
from gslb.policy.nodes import Answer, Choice, Node
from gslb.table.entries import Base, ChainSpec, Leaves

NO_LIVE_SITE: Final = extended_error(EDE_OTHER, "no live site")
NOT_READY: Final = Answer((), extended_error(EDE_NOT_READY), SERVFAIL)
NODATA: Final = Answer(())

LastGood = Mapping[str, frozenset[str]]

_HINTS: Final = ((4, A), (6, AAAA))  # ipv4hint, ipv6hint


class Former(NamedTuple):
    """Leaves that were compiled from the same base and config, and the states that they were compiled in."""

    states: States
    leaves: Leaves


def compile_pools(
    base: Base, config: Config, states: States, last_good: LastGood, former: Former | None = None
) -> Leaves:
    """What every chain serves in these states. `states` holds every pool and member of the config.

    `last_good` is what each pool served when it last had a live member, by address; the result carries it on.
    With `former`, only the chains of pools in another state are compiled; the other nodes stay the same objects.
    """
    moved = _moved(states, last_good, former)
    views = {name: PoolView(config.pools[name], states[name], base.pool_maps.get(name, -1)) for name in moved}
    good = {name: view.live_addresses() or last_good.get(name, frozenset()) for name, view in views.items()}
    if former is None:
        return Leaves(base.digest, [_compile(spec, views, good) for spec in base.chains], good)
    nodes = list(former.leaves.nodes)
    touched = [at for at, spec in enumerate(base.chains) if not moved.isdisjoint(spec.pools)]
    for name in {name for at in touched for name in base.chains[at].pools} - moved:  # that share a chain
        views[name] = PoolView(config.pools[name], states[name], base.pool_maps.get(name, -1))
    good = {**former.leaves.last_good, **good}
    for at in touched:
        nodes[at] = _compile(base.chains[at], views, good)
    return Leaves(base.digest, nodes, good)


def _moved(states: States, last_good: LastGood, former: Former | None) -> Set[str]:
    """The pools that are in another state than before, or were to serve others last."""
    if former is None:
        return states.keys()
    before, good = former.states, former.leaves.last_good
    moved = {name for name, members in states.items() if members is not before[name] and members != before[name]}
    if good is not last_good:
        moved |= {name for name in states if name in last_good and last_good[name] != good[name]}
    return moved


def _compile(spec: ChainSpec, views: Mapping[str, "PoolView"], good: LastGood) -> Node:
    return compile_chain(spec, [views[name] for name in spec.pools], good)


class PoolView:
    """One pool in its present state."""

    def __init__(self, pool: Pool, members: Mapping[str, MemberState], nearest: int) -> None:
        self.pool = pool
        self.members = members
        self.nearest = nearest
        self.ready = True
        self._live: dict[str, list[str] | None] = {}  # by member; None: it does not live
        for member in pool.members:
            state = members[member.name]
            live = []
            for address in state.addresses:
                if address.effective == "up":
                    live.append(address.address)
                elif address.effective == "unknown":
                    self.ready = False
            # A name that nobody probes lives without any address, unless it is drained.
            self._live[member.name] = live if live or not (state.addresses or state.drain) else None

    def live_addresses(self) -> frozenset[str]:
        """Every address that may be served, or of a member that is a name: that must answer for the name to be."""
        return frozenset(chain.from_iterable(filter(None, self._live.values())))

    def any_live(self) -> bool:
        """Whether any member lives, in any family."""
        return any(live is not None for live in self._live.values())

    def configured(self, spec: ChainSpec) -> bool:
        """Whether any member has something to answer with at all."""
        return any(records_of(member, member.addresses, spec) for member in self.pool.members)

    def live(self, spec: ChainSpec) -> list[Candidate]:
        """The members with something to answer with now, in the pool's order."""
        found = []
        for position, member in enumerate(self.pool.members):
            live = self._live[member.name]
            records = () if live is None else records_of(member, live, spec)
            if records:
                found.append(Candidate(position, member.name, member.weight, member.priority, records))
        return found

    def policy(self, spec: ChainSpec) -> Node | None:
        """The policy's node, or None where no member lives."""
        candidates = self.live(spec)
        return POLICIES[self.pool.policy](self.pool, candidates, self.nearest) if candidates else None

    def all_down(self, spec: ChainSpec, last_good: frozenset[str]) -> Node:
        """What is served when nothing lives: never a drained member while another one is configured."""
        mode = self.pool.all_down.mode
        records: list[bytes] = []
        if mode == "fallback":
            records += records_of(Member("", "", ()), self.pool.all_down.fallback, spec)
        elif mode != "nodata":
            standing = [member for member in self.pool.members if not self.members[member.name].drain]
            everybody = self._records(standing, spec) or self._records(self.pool.members, spec)
            good = self._records(standing, spec, last_good) if mode == "last_good" else []
            records += good or everybody
        if spec.rtype == CNAME:
            records = records[:1]  # a name has one CNAME at most
        return rotations(records, self.pool.max_answers, NO_LIVE_SITE) if records else Answer((), NO_LIVE_SITE)

    def _records(self, members: Sequence[Member], spec: ChainSpec, among: frozenset[str] | None = None) -> list[bytes]:
        return [
            record
            for member in members
            for record in records_of(member, [a for a in member.addresses if among is None or a in among], spec)
        ]


def compile_chain(spec: ChainSpec, views: Sequence[PoolView], good: LastGood) -> Node:
    """The node of one chain: see the table at the top."""
    if spec.weights:
        return _drawn(spec, views, good)
    for view in views:
        if not view.ready:
            return NOT_READY
        node = view.policy(spec)
        if node is not None:
            return node
    able = [view for view in views if view.configured(spec)]
    if not able or any(view.any_live() for view in views):
        return NODATA
    return able[-1].all_down(spec, good[able[-1].pool.name])


def _drawn(spec: ChainSpec, views: Sequence[PoolView], good: LastGood) -> Node:
    if not all(view.ready for view in views):
        return NOT_READY
    weighted = [(weight, view) for weight, view in zip(spec.weights, views, strict=True)]
    nodes = [(weight, node) for weight, view in weighted if (node := view.policy(spec)) is not None]
    if not nodes:
        able = [(weight, view) for weight, view in weighted if view.configured(spec)]
        if not able or any(view.any_live() for view in views):
            return NODATA
        nodes = [(w, view.all_down(spec, good[view.pool.name])) for w, view in able]
    in_use = [(weight, node) for weight, node in nodes if weight > 0] or [(1, node) for _, node in nodes]
    return in_use[0][1] if len(in_use) == 1 else Choice([w for w, _ in in_use], [node for _, node in in_use])


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
