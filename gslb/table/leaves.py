"""Health to Leaves: which pool of each chain answers, and the policy's node over its live members.

a pool of the chain with live members of the family       the first such pool's policy (a map: drawn by weight)
no address of the family in any pool                       NODATA
none live, but the other family lives somewhere            NODATA
none live at all                                           `all_down`, with EDE 0
a pool that is reached with a member still unknown         not ready: SERVFAIL, EDE 14
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Final

from gslb.config.model import Config, Member, Pool
from gslb.dns.edns import EDE_NOT_READY, EDE_OTHER, extended_error
from gslb.dns.message import AAAA, SERVFAIL
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


def compile_pools(base: Base, config: Config, states: States, last_good: Mapping[str, frozenset[str]]) -> Leaves:
    """What every chain serves in these states. `states` holds every pool and member of the config.

    `last_good` is what each pool served when it last had a live member, by address; the result carries it on.
    """
    views = {name: PoolView(pool, states[name], base.pool_maps.get(name, -1)) for name, pool in config.pools.items()}
    good = {name: view.live_addresses() or last_good.get(name, frozenset()) for name, view in views.items()}
    nodes = [compile_chain(spec, [views[name] for name in spec.pools], good) for spec in base.chains]
    return Leaves(base.digest, nodes, good)


class PoolView:
    """One pool in its present state."""

    def __init__(self, pool: Pool, members: Mapping[str, MemberState], nearest: int) -> None:
        self.pool = pool
        self.members = members
        self.nearest = nearest
        self.ready = all(a.effective != "unknown" for state in members.values() for a in state.addresses)

    def live_addresses(self) -> frozenset[str]:
        """Every address that may be served."""
        states = self.members.values()
        return frozenset(a.address for state in states for a in state.addresses if a.effective == "up")

    def configured(self, rtype: int) -> bool:
        """Whether any member has an address of this family at all."""
        return any(_fits(address, rtype) for member in self.pool.members for address in member.addresses)

    def live(self, rtype: int, ttl: int) -> list[Candidate]:
        """The members with a live address of this family, in the pool's order."""
        found = []
        for index, member in enumerate(self.pool.members):
            addresses = self.members[member.name].addresses
            records = _records([a.address for a in addresses if a.effective == "up"], rtype, ttl)
            if records:
                found.append(Candidate(index, member.name, member.weight, member.priority, records))
        return found

    def policy(self, rtype: int, ttl: int) -> Node | None:
        """The policy's node, or None where no member lives."""
        candidates = self.live(rtype, ttl)
        return POLICIES[self.pool.policy](self.pool, candidates, self.nearest) if candidates else None

    def all_down(self, rtype: int, ttl: int, last_good: frozenset[str]) -> Node:
        """What is served when nothing lives: never a drained member while another one is configured."""
        mode = self.pool.all_down.mode
        addresses: Sequence[str] = ()
        if mode == "fallback":
            addresses = self.pool.all_down.fallback
        elif mode != "nodata":
            standing = self._addresses(rtype, [m for m in self.pool.members if not self.members[m.name].drain])
            addresses = standing or self._addresses(rtype, self.pool.members)
            if mode == "last_good":
                addresses = [address for address in standing if address in last_good] or addresses
        records = _records(addresses, rtype, ttl)
        return rotations(records, self.pool.max_answers, NO_LIVE_SITE) if records else Answer((), NO_LIVE_SITE)

    def _addresses(self, rtype: int, members: Sequence[Member]) -> list[str]:
        return [address for member in members for address in member.addresses if _fits(address, rtype)]


def compile_chain(spec: ChainSpec, views: Sequence[PoolView], good: Mapping[str, frozenset[str]]) -> Node:
    """The node of one chain: see the table at the top."""
    if spec.weights:
        return _drawn(spec, views, good)
    for view in views:
        if not view.ready:
            return NOT_READY
        node = view.policy(spec.rtype, spec.ttl)
        if node is not None:
            return node
    able = [view for view in views if view.configured(spec.rtype)]
    if not able or any(view.live_addresses() for view in views):
        return NODATA
    return able[-1].all_down(spec.rtype, spec.ttl, good[able[-1].pool.name])


def _drawn(spec: ChainSpec, views: Sequence[PoolView], good: Mapping[str, frozenset[str]]) -> Node:
    if not all(view.ready for view in views):
        return NOT_READY
    weighted = [(weight, view) for weight, view in zip(spec.weights, views, strict=True)]
    nodes = [(weight, node) for weight, view in weighted if (node := view.policy(spec.rtype, spec.ttl)) is not None]
    if not nodes:
        able = [(weight, view) for weight, view in weighted if view.configured(spec.rtype)]
        if not able or any(view.live_addresses() for view in views):
            return NODATA
        nodes = [(w, view.all_down(spec.rtype, spec.ttl, good[view.pool.name])) for w, view in able]
    in_use = [(weight, node) for weight, node in nodes if weight > 0] or [(1, node) for _, node in nodes]
    return in_use[0][1] if len(in_use) == 1 else Choice([w for w, _ in in_use], [node for _, node in in_use])


def _fits(address: str, rtype: int) -> bool:
    return (":" in address) == (rtype == AAAA)


def _records(addresses: Sequence[str], rtype: int, ttl: int) -> tuple[bytes, ...]:
    return tuple(record(rtype, ttl, ip_address(a).packed) for a in addresses if _fits(a, rtype))
