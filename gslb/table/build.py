"""Config to Base: static data to ready records, dynamic names to decision trees over chains."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from ipaddress import ip_network
from typing import Final

from gslb.config.alike import alike
from gslb.config.model import Config, DynamicName, Match, Record, Rule, Service, Zone
from gslb.config.settings import NodeSettings
from gslb.dns.message import AAAA, CNAME, DS, NS, SOA, TXT, A
from gslb.dns.name import is_within, parent
from gslb.dns.response import Template, compress, record, template
from gslb.geo.atlas import Atlas
from gslb.geo.nearest import compile_nearest
from gslb.geo.rules import RuleMap, compile_rules
from gslb.policy.columns import COLUMN
from gslb.policy.nodes import Answer
from gslb.table.entries import (
    Base,
    ByRules,
    Chain,
    ChainSpec,
    Entry,
    Networks,
    Referral,
    Section,
    Settings,
    TreeNode,
    WhoAmI,
    ZoneData,
)
from gslb.table.rows import number_rows
from gslb.table.snapshot import digest_of, link_wildcards

ADDRESS_TYPES: Final = (A, AAAA)

Owned = Mapping[bytes, Mapping[int, Sequence[Record]]]  # owner -> type -> records


def compile_base(config: Config, atlas: Atlas) -> Base:
    """The whole configuration without health. Deterministic: equal inputs give an equal base and digest."""
    base = Base(_settings(config.node)._replace(sites=tuple(sorted(config.sites))))
    work = _Work(config, atlas)
    names: dict[bytes, Entry] = {}
    zones: list[ZoneData] = []
    for apex in sorted(config.zones, key=lambda wire: (len(wire), wire)):  # parents before children
        data, entries = _zone(config.zones[apex], work)
        if any(is_within(apex, other.apex) for other in zones):
            _uproot(names, apex, entries)
        zones.append(data)
        names.update(entries)
    if base.settings.whoami_acl:
        _add_whoami(names, zones)
    link_wildcards(names)
    base.zones = tuple(zones)
    base.names = names
    number_rows(base)
    base.rule_maps = tuple(work.rule_maps)
    base.rule_names = tuple(work.rule_names)
    base.chains = tuple(work.chains)
    base.alike = alike(config.pools)
    _distances(base, config, atlas)
    base.digest = digest_of(base)
    return base


@dataclass
class _Work:
    """What names share while a base is compiled."""

    config: Config
    atlas: Atlas
    chains: dict[ChainSpec, Chain] = field(default_factory=dict)
    rule_maps: list[RuleMap] = field(default_factory=list)
    rule_names: list[bytes] = field(default_factory=list)
    positions: dict[tuple[Match | None, ...], int] = field(default_factory=dict)
    nodes: dict[tuple[tuple[Rule, ...], int, int | None, int, Service | None], TreeNode] = field(default_factory=dict)

    def chain(self, spec: ChainSpec) -> Chain:
        """The one chain of this description."""
        return self.chains.setdefault(spec, Chain(len(self.chains)))

    def types(self, name: DynamicName) -> dict[int, TreeNode]:
        """The decision trees of a dynamic name, by type: a CNAME where its pools hold names, else addresses."""
        if self.config.pools[name.rules[0].pools[0]].members[0].cname:
            return {CNAME: self.node(name, CNAME)}
        trees = {rtype: self.node(name, rtype) for rtype in ADDRESS_TYPES}
        return {**trees, **{service.rtype: self.node(name, service.rtype, service) for service in name.services}}

    def node(self, name: DynamicName, rtype: int, service: Service | None = None) -> TreeNode:
        """The decision tree of one type of a dynamic name; equal trees are one object."""
        key = (name.rules, name.ttl, name.ttl_min, rtype, service)
        if key not in self.nodes:
            more = (service.priority, service.target, service.params) if service else None
            specs = [ChainSpec(rule.pools, rule.weights, rtype, name.ttl, more, name.ttl_min) for rule in name.rules]
            children = [self.chain(spec) for spec in specs]
            self.nodes[key] = children[0] if len(children) == 1 else self._by_rules(name, children)
        return self.nodes[key]

    def _by_rules(self, name: DynamicName, children: Sequence[Chain]) -> ByRules:
        matches = tuple(rule.match for rule in name.rules)
        if matches not in self.positions:
            self.positions[matches] = len(self.rule_maps)
            self.rule_maps.append(compile_rules(self.atlas, matches))
            self.rule_names.append(name.owner)
        position = self.positions[matches]
        return ByRules(self.rule_maps[position], position, children)


def _zone(zone: Zone, work: _Work) -> tuple[ZoneData, dict[bytes, Entry]]:
    owned = _by_owner(zone.records)
    data = ZoneData(zone.apex, _negative(owned[zone.apex][SOA][0], zone.apex))
    cuts = {owner for owner, types in owned.items() if NS in types and owner != zone.apex}
    entries: dict[bytes, Entry] = {}
    for owner, types in owned.items():
        if not _occluded(owner, zone.apex, cuts):
            entries[owner] = _static(data, owner, types, owned if owner in cuts else None)
    for name in zone.names:
        entry = entries.get(name.owner, Entry(data, {}))
        trees = work.types(name)
        entry.types = {**entry.types, **trees}
        entry.alias = b"" if CNAME in trees else None
        entries[name.owner] = entry
    for owner in list(entries):
        _add_empty_non_terminals(entries, owner, data)
    return data, entries


def _settings(node: NodeSettings) -> Settings:
    return Settings(
        node.name,
        node.version,
        _networks(node.ecs_trust),
        () if {"0.0.0.0/0", "::/0"} <= set(node.acl_query) else _networks(node.acl_query),
        _networks(node.acl_whoami),
        node.cookie_secrets,
        astuple(node.rate_limit) if node.rate_limit else None,
        node.cookie_memory,
    )


def _networks(texts: Sequence[str]) -> Networks:
    nets = [ip_network(text) for text in texts]
    return tuple((net.version, int(net.network_address), net.prefixlen) for net in nets)


def _add_whoami(names: dict[bytes, Entry], zones: Sequence[ZoneData]) -> None:
    """Give every zone its whoami, unless the zone has a name of its own there."""
    for zone in zones:
        names.setdefault(b"\x06whoami" + zone.apex, Entry(zone, {TXT: WhoAmI()}))


def _by_owner(records: Sequence[Record]) -> dict[bytes, dict[int, list[Record]]]:
    """The RRsets: sets, so a record that is written twice is one (RFC 2181 section 5)."""
    owned: dict[bytes, dict[int, dict[bytes, Record]]] = {}
    for item in records:
        owned.setdefault(item.owner, {}).setdefault(item.rtype, {}).setdefault(item.rdata, item)
    return {owner: {rtype: list(rrset.values()) for rtype, rrset in types.items()} for owner, types in owned.items()}


def _occluded(owner: bytes, apex: bytes, cuts: set[bytes]) -> bool:
    """Whether the name lies below a zone cut, so that its records are at most glue."""
    while owner != apex:
        owner = parent(owner)
        if owner in cuts:
            return True
    return False


def _static(data: ZoneData, owner: bytes, types: Mapping[int, Sequence[Record]], glue: Owned | None) -> Entry:
    """`glue` is the zone's data where the owner is a cut: then only DS is authoritative here."""
    answers = {rtype: _answer(rtype, records) for rtype, records in types.items() if glue is None or rtype == DS}
    entry = Entry(data, answers)
    if glue is not None:
        entry.referral = _referral(owner, types[NS], glue)
    elif CNAME in types:
        entry.alias = types[CNAME][0].rdata.lower()
    return entry


def _answer(rtype: int, records: Sequence[Record]) -> Answer:
    return Answer([record(item.rtype, item.ttl, item.rdata) for item in records], column=COLUMN.get(rtype, 0))


def _negative(soa: Record, apex: bytes) -> Template:
    """The SOA record for NXDOMAIN and NODATA: TTL = min(its TTL, MINIMUM), RFC 2308 section 5."""
    ttl = min(soa.ttl, int.from_bytes(soa.rdata[-4:], "big"))
    mname, rest = _name_at(soa.rdata, 0)
    rname, end = _name_at(soa.rdata, rest)
    names = compress(mname, apex), compress(rname, apex)
    length = sum(len(labels) + (2 if distance >= 0 else 0) for labels, distance in names) + 20
    fixed = record(SOA, ttl, b"", b"")[:-2] + length.to_bytes(2, "big")
    return template([(b"", 0), fixed, *names, soa.rdata[end:]])


def _name_at(rdata: bytes, start: int) -> tuple[bytes, int]:
    end = start
    while rdata[end]:
        end += 1 + rdata[end]
    return rdata[start : end + 1], end + 1


def _referral(cut: bytes, ns: Sequence[Record], owned: Owned) -> Referral:
    pieces: list[bytes | tuple[bytes, int]] = []
    glue: list[Record] = []
    extra: list[Record] = []
    for item in ns:
        labels, distance = compress(item.rdata, cut)
        length = len(labels) + (2 if distance >= 0 else 0)
        pieces += [(b"", 0), record(NS, item.ttl, b"", b"")[:-2] + length.to_bytes(2, "big"), (labels, distance)]
        target = item.rdata.lower()
        addresses = [a for rtype in ADDRESS_TYPES for a in owned.get(target, {}).get(rtype, ())]
        (glue if is_within(target, cut) else extra).extend(addresses)
    return Referral(cut, Section(len(ns), template(pieces)), _additional(glue, cut), _additional(extra, cut))


def _additional(records: Sequence[Record], cut: bytes) -> Section:
    pieces: list[bytes | tuple[bytes, int]] = []
    for item in records:
        pieces += [compress(item.owner, cut), record(item.rtype, item.ttl, item.rdata, b"")]
    return Section(len(records), template(pieces))


def _add_empty_non_terminals(entries: dict[bytes, Entry], owner: bytes, data: ZoneData) -> None:
    """RFC 4592 section 2.2.2: every name on the way from the apex to an owner exists."""
    while owner != data.apex:
        owner = parent(owner)
        if owner in entries:
            return
        entries[owner] = Entry(data, {})


def _uproot(names: dict[bytes, Entry], apex: bytes, entries: dict[bytes, Entry]) -> None:
    """Make room below a parent zone for its child: of the parent's data only DS stays (RFC 4035 section 3.1.4.1)."""
    above = names.get(apex)
    for owner in [owner for owner in names if is_within(owner, apex)]:
        del names[owner]
    if above is not None and DS in above.types:
        entries[apex].types = {**entries[apex].types, DS: above.types[DS]}


def _distances(base: Base, config: Config, atlas: Atlas) -> None:
    """Distance maps for the pools that are chosen from by distance; equal sites share one."""
    positions: dict[tuple[tuple[float, float], ...], int] = {}
    pool_maps = {}
    for pool in config.pools.values():
        if pool.policy == "nearest":
            sites = [config.sites[member.site] for member in pool.members]
            points = tuple((site.latitude or 0.0, site.longitude or 0.0) for site in sites)
            pool_maps[pool.name] = positions.setdefault(points, len(positions))
    base.pool_maps = pool_maps
    base.nearest = tuple(compile_nearest(atlas, points) for points in positions)
