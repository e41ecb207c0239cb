"""Health to Leaves: which pool of each chain answers, and the policy's node over its live members.

the first healthy pool of the chain with live members      its policy (a map: drawn by weight among such)
    of the family
no such pool, but live members of the family               the policy of the first pool that has some
no address of the family in any pool                       NODATA
none of the family lives, but another does                 NODATA, or `all_down` where `family_down` says so
none live at all                                           `all_down`, with EDE 0
a pool that is reached with a member still unknown         not ready: SERVFAIL, EDE 14
a member that is drained for some clients                  as if it were drained, for them: gslb.table.parts
a member that an operator is about to take out             the TTL of answers with it is no longer than until then
"""

from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import Final, NamedTuple

from gslb.config.model import Config, Pool
from gslb.dns.edns import EDE_NOT_READY, extended_error
from gslb.dns.message import SERVFAIL
from gslb.health.states import MemberState, States
from gslb.policy.nodes import Answer, Choice, Node
from gslb.policy.walk import answers_of
from gslb.table.entries import Base, ChainSpec, Leaves
from gslb.table.parts import split
from gslb.table.poolview import NO_LIVE_SITE, PoolView

NOT_READY: Final = Answer((), extended_error(EDE_NOT_READY), SERVFAIL)
NODATA: Final = Answer(())

LastGood = Mapping[str, frozenset[str]]


class Former(NamedTuple):
    """Leaves that were compiled from the same base and config, and the states that they were compiled in.

    `pools` are those of the config as they were then, where their loads move.
    """

    states: States
    leaves: Leaves
    pools: Mapping[str, Pool] = MappingProxyType({})


class _Moved(NamedTuple):
    """The pools that serve otherwise than before, and those where probes began or ceased to fail: that is nothing to a
    chain whose TTL never moves."""

    serving: Set[str]
    calm: Set[str]


def compile_pools(
    base: Base, config: Config, states: States, last_good: LastGood, former: Former | None = None
) -> Leaves:
    """What every chain serves in these states. `states` holds every pool and member of the config.

    `last_good` is what each pool served when it last had a live member, by address; the result carries it on.
    With `former`, only the chains of pools in another state are compiled; the other nodes stay the same objects.
    """
    moved = _moved(config, states, last_good, former)
    once = _Once(base, config, states)
    views = {name: once.view(name) for name in moved.serving}
    good = {name: once.kept(view, last_good.get(name, frozenset())) for name, view in views.items()}
    if former is None:
        return Leaves(base.digest, [once.node(spec, views, good) for spec in base.chains], good)
    nodes = list(former.leaves.nodes)
    serving, calm = moved
    touched = [
        at
        for at, spec in enumerate(base.chains)
        if not serving.isdisjoint(spec.pools) or (spec.ttl_min is not None and not calm.isdisjoint(spec.pools))
    ]
    for name in {name for at in touched for name in base.chains[at].pools} - views.keys():  # that share a chain
        views[name] = once.view(name)
    good = {**former.leaves.last_good, **good}
    for at in touched:
        nodes[at] = once.node(base.chains[at], views, good)
    return Leaves(base.digest, nodes, good)


class _Once:
    """Makes everything once for all pools that are alike and in the same state, as after the death of a site at which
    thousands have a member. Ids stand for what it has made, or `states` hold: neither goes away meanwhile."""

    def __init__(self, base: Base, config: Config, states: States) -> None:
        self._base = base
        self._config = config
        self._states = states
        self._sites = {site: at for at, site in enumerate(base.settings.sites)}
        self._views: dict[tuple[object, ...], PoolView] = {}
        self._good: dict[tuple[object, ...], frozenset[str]] = {}
        self._nodes: dict[tuple[object, ...], Node] = {}

    def view(self, name: str) -> PoolView:
        """The pool in its present state."""
        pool, members, nearest = self._config.pools[name], self._states[name], self._base.pool_maps.get(name, -1)
        key = self._base.alike.get(name, name), id(members), nearest, pool.load
        found = self._views.get(key)
        if found is None:
            found = self._views[key] = PoolView(pool, members, nearest, self._sites)
        return found

    def kept(self, view: PoolView, before: frozenset[str]) -> frozenset[str]:
        """What is remembered for `last_good`."""
        key = id(view), before
        found = self._good.get(key)
        if found is None:
            found = self._good[key] = _kept(view, before)
        return found

    def node(self, spec: ChainSpec, views: Mapping[str, PoolView], good: LastGood) -> Node:
        """What a chain serves."""
        those = [views[name] for name in spec.pools]
        key = *map(id, those), *map(good.__getitem__, spec.pools), spec[1:]  # whose first is the names of pools
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = compile_chain(spec, those, good)
        return found


def _kept(view: PoolView, before: frozenset[str]) -> frozenset[str]:
    """What lived last, each family for itself: one that dies alone must not be forgotten for the other. But of an
    exclusive pool nothing of another member may be remembered."""
    live = view.live_addresses()
    if live and view.pool.exclusive:
        return live
    families = {":" in address for address in live}
    return live | {address for address in before if (":" in address) not in families}


def _moved(config: Config, states: States, last_good: LastGood, former: Former | None) -> _Moved:
    if former is None:
        return _Moved(states.keys(), frozenset())
    before, good = former.states, former.leaves.last_good
    loaded = {name for name, pool in former.pools.items() if pool.load != config.pools[name].load}
    known: dict[tuple[int, int], tuple[bool, bool]] = {}
    serving, calm = set(), set()
    for name, members in states.items():
        was = before[name]
        if members is not was:
            key = id(was), id(members)  # pools that are alike share their states
            if key not in known:
                known[key] = _differ(was, members)
            serves, calms = known[key]
            if serves:
                serving.add(name)
            if calms:
                calm.add(name)
    if good is not last_good:
        serving |= {name for name in states if name in last_good and last_good[name] != good[name]}
    return _Moved(serving | loaded, calm)


def _differ(before: Mapping[str, MemberState], members: Mapping[str, MemberState]) -> tuple[bool, bool]:
    """Whether they serve otherwise, and whether any is calm that was not, or no more."""
    pairs = [(before[name], new) for name, new in members.items()]
    pairs = [(old, new) for old, new in pairs if old is not new and old != new]
    serves = any(_serving(old) != _serving(new) for old, new in pairs)
    calms = any(_calm(old) != _calm(new) for old, new in pairs)
    return serves, calms


def _serving(one: MemberState) -> tuple[object, ...]:
    """All that answers are made of, but for calm; what was observed, and why, is not among it."""
    part = (one.percent, one.drained_with) if one.drained_in_part else None
    effective = [address.effective for address in one.addresses]
    return one.drained, one.forced_down, one.share, part, one.ttl, effective


def _calm(one: MemberState) -> list[bool]:
    return [address.calm for address in one.addresses]


def compile_chain(spec: ChainSpec, views: Sequence[PoolView], good: LastGood) -> Node:
    """The node of one chain: see the table at the top."""
    node = _chosen(spec, views, good)
    if spec.ttl_min is not None and _is_restless(spec, views, node):
        spec = spec._replace(ttl=spec.ttl_min)
        node = _chosen(spec, views, good)
    ttl = _longest(spec, views, node) if any(view.leaving for view in views) else spec.ttl
    return _chosen(spec._replace(ttl=ttl), views, good) if ttl < spec.ttl else node


def _longest(spec: ChainSpec, views: Sequence[PoolView], node: Node) -> int:
    answers = list(answers_of(node))
    return min(view.longest(spec, answers) for view in views)


def _chosen(spec: ChainSpec, views: Sequence[PoolView], good: LastGood) -> Node:
    choose = _drawn if spec.weights else _in_order
    return split(views, lambda those: choose(spec, those, good))


def _is_restless(spec: ChainSpec, views: Sequence[PoolView], node: Node) -> bool:
    """Whether the node may answer with something whose probes failed lately, or in place of it."""
    if all(view.calm for view in views):
        return False
    answers = list(answers_of(node))
    if any(answer.ede == NO_LIVE_SITE for answer in answers):
        return True
    suspects = [record for view in views for record in view.restless(spec)]
    return any(record in answer.records for record in suspects for answer in answers)


def _in_order(spec: ChainSpec, views: Sequence[PoolView], good: LastGood) -> Node:
    below: Node | None = None
    for view in views:
        if not view.ready:
            return NOT_READY
        node = view.policy(spec)
        if node is not None and view.healthy:
            return node
        below = node if below is None else below
    return below or _last_resort(spec, views, good)


def _drawn(spec: ChainSpec, views: Sequence[PoolView], good: LastGood) -> Node:
    if not all(view.ready for view in views):
        return NOT_READY
    nodes = [view.policy(spec) for view in views]
    found = [
        (weight, node)
        for weight, view, node in zip(spec.weights, views, nodes, strict=True)
        if node is not None and view.healthy
    ]
    if found:
        return _mixed(found)
    at = first_below(spec, [node is not None for node in nodes])
    below = None if at is None else nodes[at]
    return below or _last_resort(spec, views, good)


def first_below(spec: ChainSpec, live: Sequence[bool]) -> int | None:
    """Which pool serves where none is healthy, by whether each has live members: the first, a standby only if it must.

    None where nothing lives.
    """
    able = [at for at, lives in enumerate(live) if lives]
    return next((at for at in able if not spec.weights or spec.weights[at]), able[0] if able else None)


def deciding(spec: ChainSpec, views: Sequence[PoolView]) -> list[int]:
    """The pools whose `all_down` is served where none of the family lives: none of them, and it is NODATA.

    Those of which an operator has taken out everything are passed over, where there is another.
    """
    able = [at for at, view in enumerate(views) if view.configured(spec)]
    able = [at for at in able if views[at].spare(spec)] or able
    last = able if spec.weights else able[-1:]
    if any(view.lives for view in views):
        return [at for at in last if views[at].pool.family_down == "all_down"]
    return last


def _last_resort(spec: ChainSpec, views: Sequence[PoolView], good: LastGood) -> Node:
    places = deciding(spec, views)
    if not places:
        return NODATA
    nodes = [views[at].all_down(spec, good[spec.pools[at]]) for at in places]
    return _mixed([(spec.weights[at] if spec.weights else 1, node) for at, node in zip(places, nodes, strict=True)])


def _mixed(found: Sequence[tuple[int, Node]]) -> Node:
    """A draw by weight; weight 0 is standby, drawn only where there is no other, and then evenly."""
    in_use = [(weight, node) for weight, node in found if weight > 0] or [(1, node) for _, node in found]
    return in_use[0][1] if len(in_use) == 1 else Choice([w for w, _ in in_use], [node for _, node in in_use])
