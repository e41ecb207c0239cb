"""The compiled table as bytes and back: what travels to the workers and waits on disk.

msgpack of nested tuples, so reading it can build values but never run code. Files, checksums and generations are the
server's business (gslb/server/state.py).
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, TypeVar

import msgpack

from gslb.errors import SnapshotError
from gslb.geo.nearest import NearestMap
from gslb.geo.rules import RuleMap
from gslb.policy.nodes import Answer, ByHash, Choice, Nearest, Node, Sample
from gslb.table.entries import (
    Base,
    ByRules,
    Chain,
    ChainSpec,
    Entry,
    Leaves,
    Networks,
    Referral,
    Section,
    Settings,
    TreeNode,
    WhoAmI,
    ZoneData,
)

T = TypeVar("T")
Packed = tuple[Any, ...]


def dump_base(base: Base) -> bytes:
    """A base as bytes; its digest is not in them, since it is their hash."""
    zones = {id(zone): position for position, zone in enumerate(base.zones)}
    names = [
        (
            owner,
            zones[id(entry.zone)],
            [(rtype, dump_node(node)) for rtype, node in entry.types.items()],
            entry.alias,
            entry.referral,
        )
        for owner, entry in base.names.items()
    ]
    return _pack(
        (
            _dump_settings(base.settings),
            [(zone.apex, zone.negative) for zone in base.zones],
            [rules.to_parts() for rules in base.rule_maps],
            base.rule_names,
            [nearest.to_parts() for nearest in base.nearest],
            list(base.pool_maps.items()),
            base.chains,
            names,
        )
    )


def load_base(payload: bytes) -> Base:
    """The inverse of `dump_base`. Raises SnapshotError for anything else."""
    return _guarded(_load_base, payload)


def digest_of(base: Base) -> bytes:
    """What ties leaves to this base."""
    return _digest(dump_base(base))


def dump_leaves(leaves: Leaves) -> bytes:
    """Leaves as bytes."""
    good = [(pool, sorted(addresses)) for pool, addresses in leaves.last_good.items()]
    return _pack((leaves.base_digest, [dump_node(node) for node in leaves.nodes], good))


def load_leaves(payload: bytes) -> Leaves:
    """The inverse of `dump_leaves`. Raises SnapshotError for anything else."""
    return _guarded(_load_leaves, payload)


def _load_base(payload: bytes) -> Base:
    settings, zones, rules, rule_names, nearest, pool_maps, chains, names = _unpack(payload)
    base = Base(_load_settings(settings))
    base.zones = tuple(ZoneData(apex, negative) for apex, negative in zones)
    base.rule_maps = tuple(RuleMap.from_parts(parts) for parts in rules)
    base.rule_names = rule_names
    base.nearest = tuple(NearestMap.from_parts(parts) for parts in nearest)
    base.pool_maps = dict(pool_maps)
    base.chains = tuple(ChainSpec(*spec) for spec in chains)
    entries: dict[bytes, Entry] = {}
    shared: dict[Packed, TreeNode] = {}
    for owner, zone, types, alias, referral in names:
        entry = Entry(base.zones[zone], {rtype: _base_node(node, base, shared) for rtype, node in types})
        entry.alias = alias
        if referral is not None:
            cut, *sections = referral
            ns, glue, extra = (Section(*section) for section in sections)
            entry.referral = Referral(cut, ns, glue, extra)
        entries[owner] = entry
    link_wildcards(entries)
    base.names = entries
    base.digest = _digest(payload)
    return base


def link_wildcards(names: Mapping[bytes, Entry]) -> None:
    """Tell every closest encloser its wildcard, so that a miss costs no further look-up."""
    for owner, entry in names.items():
        if owner[:2] == b"\x01*":
            names[owner[2:]].wildcard = entry


def _dump_settings(settings: Settings) -> Packed:
    def wide(networks: Networks) -> Packed:  # IPv6 is too wide for msgpack's integers
        return tuple((version, str(network), bits) for version, network, bits in networks)

    return settings._replace(
        ecs_trust=wide(settings.ecs_trust), query_acl=wide(settings.query_acl), whoami_acl=wide(settings.whoami_acl)
    )


def _load_settings(packed: Packed) -> Settings:
    def narrow(networks: Packed) -> Networks:
        return tuple((version, int(network), bits) for version, network, bits in networks)

    settings = Settings(*packed)
    return settings._replace(
        ecs_trust=narrow(settings.ecs_trust),
        query_acl=narrow(settings.query_acl),
        whoami_acl=narrow(settings.whoami_acl),
    )


def _load_leaves(payload: bytes) -> Leaves:
    digest, nodes, good = _unpack(payload)
    shared: dict[Packed, Node] = {}
    return Leaves(
        digest,
        [_shared(node, shared, load_node) for node in nodes],
        {pool: frozenset(addresses) for pool, addresses in good},
    )


def _base_node(packed: Packed, base: Base, shared: dict[Packed, TreeNode]) -> TreeNode:
    if packed[0] == _ANSWER:
        return load_node(packed)

    def build(packed: Packed) -> TreeNode:
        if packed[0] == _CHAIN:
            return Chain(packed[1])
        if packed[0] == _WHOAMI:
            return WhoAmI()
        return ByRules(base.rule_maps[packed[1]], packed[1], [Chain(index) for index in packed[2]])

    return _shared(packed, shared, build)


def _shared(packed: Packed, known: dict[Packed, T], build: Callable[[Packed], T]) -> T:
    """Equal nodes of a table become one object again."""
    node = known.get(packed)
    if node is None:
        node = known[packed] = build(packed)
    return node


_ANSWER: Final = 0
_CHOICE: Final = 1
_SAMPLE: Final = 2
_HASH: Final = 3
_NEAREST: Final = 4
_CHAIN: Final = 5
_RULES: Final = 6
_WHOAMI: Final = 7


def dump_node(node: TreeNode | None) -> Packed | None:
    """A node as nested tuples, its kind first."""
    match node:
        case Answer():
            return (_ANSWER, node.count, node.records, node.ede, node.rcode)
        case Choice():
            return (_CHOICE, node.weights, _dump_all(node.children))
        case Sample():
            return (_SAMPLE, node.weights, _dump_all(node.answers), node.count)
        case ByHash():
            return (_HASH, node.keys, node.weights, _dump_all(node.answers), node.count)
        case Nearest():
            return (_NEAREST, node.map, _dump_all(node.answers), node.count, dump_node(node.unknown))
        case Chain():
            return (_CHAIN, node.index)
        case ByRules():
            return (_RULES, node.position, [chain.index for chain in node.children])
        case WhoAmI():
            return (_WHOAMI,)
    return None


def _dump_all(nodes: Sequence[TreeNode | None]) -> list[Packed | None]:
    return [dump_node(node) for node in nodes]


def load_node(packed: Packed) -> Node:
    """The inverse of `dump_node`, for the kinds that leaves are made of."""
    match packed:
        case (0, count, records, ede, rcode):
            return Answer.joined(count, records, ede, rcode)
        case (1, weights, children):
            return Choice(weights, [load_node(child) for child in children])
        case (2, weights, answers, count):
            return Sample(weights, _answers(answers), count)
        case (3, keys, weights, answers, count):
            return ByHash(keys, weights, _answers(answers), count)
        case (4, nearest, answers, count, unknown):
            slots = [None if answer is None else Answer.joined(*answer[1:]) for answer in answers]
            return Nearest(nearest, slots, count, load_node(unknown))
    raise ValueError(f"no such kind of node: {packed[:1]}")


def _answers(packed: Sequence[Packed]) -> list[Answer]:
    return [Answer.joined(*answer[1:]) for answer in packed]


def _digest(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=16).digest()


def _pack(values: object) -> bytes:
    return bytes(msgpack.packb(values, use_bin_type=True))


def _unpack(payload: bytes) -> Packed:
    values = msgpack.unpackb(payload, use_list=False, raw=False, strict_map_key=False)
    if not isinstance(values, tuple):
        raise TypeError("a snapshot is a sequence")
    return values


def _guarded(load: Callable[[bytes], T], payload: bytes) -> T:
    try:
        return load(payload)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, msgpack.UnpackException) as error:
        raise SnapshotError(f"this is not a table that this version wrote: {type(error).__name__}: {error}") from error
