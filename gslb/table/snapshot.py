"""The compiled table as bytes and back: what travels to the workers and waits on disk.

Files, checksums, formats and generations are the server's business (gslb/server/snapfile.py). What only the compiler
needs (chains, distance maps by pool, what was last good) lies apart: a worker loads `lean`, without it.

Whatever is a sequence here may be longer in the next format: what is behind the known is passed over. In the format
before, nothing lay apart, equal types were not shared, and the nodes of leaves were no bytes of their own.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from gslb.geo.nearest import NearestMap
from gslb.geo.rules import RuleMap
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
from gslb.table.pack import (
    ANSWER,
    Packed,
    Reader,
    digest,
    dump_node,
    guarded,
    leaf,
    load_node,
    pack,
    pack_nodes,
    unpack,
)
from gslb.table.rows import number_rows

LastGood = Mapping[str, frozenset[str]]

_PARTS: Final = 8  # of a base
_NAME_END: Final = 5


def dump_base(base: Base) -> bytes:
    """A base as bytes; its digest is not in them, since it is their hash."""
    zones = {id(zone): position for position, zone in enumerate(base.zones)}
    sets: dict[Packed, int] = {}  # dynamic names have few different ones
    names = [
        (owner, zones[id(entry.zone)], _dump_types(entry.types, sets), entry.alias, entry.referral)
        for owner, entry in base.names.items()
    ]
    return pack(
        (
            _dump_settings(base.settings),
            [(zone.apex, zone.negative) for zone in base.zones],
            [rules.to_parts() for rules in base.rule_maps],
            base.rule_names,
            [nearest.to_parts() for nearest in base.nearest],
            pack((list(base.pool_maps.items()), base.chains)),
            list(sets),
            names,
        )
    )


def _dump_types(types: Mapping[int, TreeNode], sets: dict[Packed, int]) -> Packed | int:
    """The types of a name: static data as they are, decision trees as the position of the set among all of them."""
    packed = tuple((rtype, dump_node(node)) for rtype, node in types.items())
    if not types or any(node[0] == ANSWER for _, node in packed if node):
        return packed
    return sets.setdefault(packed, len(sets))


def load_base(payload: bytes, *, lean: bool = False) -> Base:
    """The inverse of `dump_base`. Raises SnapshotError for anything else."""
    return guarded(partial(_load_base, payload, lean))


def digest_of(base: Base) -> bytes:
    """What ties leaves to this base."""
    return digest(dump_base(base))


def dump_leaves(leaves: Leaves) -> bytes:
    """Leaves as bytes."""
    return join_leaves(leaves.base_digest, pack_nodes(leaves.nodes), leaves.last_good)


def join_leaves(base_digest: bytes, nodes: list[bytes], last_good: LastGood) -> bytes:
    """Leaves as bytes, of nodes that are bytes already."""
    return pack((base_digest, nodes, pack([(pool, sorted(addresses)) for pool, addresses in last_good.items()])))


def load_leaves(payload: bytes, *, lean: bool = False) -> Leaves:
    """The inverse of `dump_leaves`. Raises SnapshotError for anything else."""
    return guarded(partial(_load_leaves, payload, lean))


def _load_base(payload: bytes, lean: bool) -> Base:
    reader = Reader(payload)
    length = reader.array()
    if length < _PARTS:
        raise ValueError("a base has eight parts")
    base = Base(_load_settings(reader.next()))
    base.zones = tuple(ZoneData(apex, negative) for apex, negative, *_ in reader.next())
    base.rule_maps = tuple(RuleMap.from_parts(parts) for parts in reader.next())
    base.rule_names = reader.next()
    base.nearest = tuple(NearestMap.from_parts(parts) for parts in reader.next())
    apart = reader.next()
    before = type(apart) is not bytes
    pool_maps, chains, *_ = (apart, reader.next()) if before else ((), ()) if lean else unpack(apart)
    if not lean:
        base.pool_maps = dict(pool_maps)
        base.chains = tuple(ChainSpec(*spec[: len(ChainSpec._fields)]) for spec in chains)
    base.names = _load_names(reader, base, 0 if before else reader.array())
    for _ in range(length - _PARTS):
        reader.next()
    reader.end()
    link_wildcards(base.names)
    number_rows(base)
    base.digest = digest(payload)
    return base


def _load_names(reader: Reader, base: Base, count: int) -> dict[bytes, Entry]:
    """The names; before them are so many sets of types, which several of them have."""
    names: dict[bytes, Entry] = {}
    trees = _Trees(base)
    sets = [trees.types(reader.next()) for _ in range(count)]
    for _ in range(reader.array()):
        owner, zone, types, alias, referral = reader.next()[:_NAME_END]
        entry = Entry(base.zones[zone], sets[types] if type(types) is int else trees.types(types))
        entry.alias = alias
        if referral is not None:
            cut, *sections = referral
            ns, glue, extra = (Section(*section[:2]) for section in sections[:3])
            entry.referral = Referral(cut, ns, glue, extra)
        names[owner] = entry
    return names


class _Trees:
    """Makes the nodes of names; chains and rules that are equal become one object again."""

    def __init__(self, base: Base) -> None:
        self._maps = base.rule_maps
        self._chains: dict[int, Chain] = {}
        self._rules: dict[Packed, ByRules] = {}

    def types(self, packed: Packed) -> dict[int, TreeNode]:
        """The types of a name, or of many."""
        return {rtype: self._node(node) for rtype, node in packed}

    def _node(self, packed: Packed) -> TreeNode:
        match packed[0]:
            case 0:
                return load_node(packed)
            case 5:
                return self._chain(packed[1])
            case 6:
                return self._rules.get(packed) or self._rules.setdefault(packed, self._by_rules(*packed[1:3]))
            case 7:
                return WhoAmI()
        raise ValueError(f"no such kind of node: {packed[:1]}")

    def _by_rules(self, position: int, chains: Sequence[int]) -> ByRules:
        return ByRules(self._maps[position], position, [self._chain(index) for index in chains])

    def _chain(self, index: int) -> Chain:
        return self._chains.get(index) or self._chains.setdefault(index, Chain(index))


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

    settings = Settings(*packed[: len(Settings._fields)])
    return settings._replace(
        ecs_trust=narrow(settings.ecs_trust),
        query_acl=narrow(settings.query_acl),
        whoami_acl=narrow(settings.whoami_acl),
    )


def _load_leaves(payload: bytes, lean: bool) -> Leaves:
    base_digest, nodes, good, *_ = unpack(payload)
    if type(good) is not bytes:
        nodes, good = [pack(node) for node in nodes], pack(good)
    last_good = {} if lean else {pool: frozenset(addresses) for pool, addresses in unpack(good)}
    return Leaves(base_digest, [leaf(index, packed) for index, packed in enumerate(nodes)], last_good)
