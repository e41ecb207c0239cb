"""The compiled table as values: what a query finds. Everything is immutable once built.

    Table = Base (names, rules, static data: changes on reload) + Leaves (what pools serve: changes with health)

A dynamic name's types lead to `Chain` nodes, directly or through `ByRules`; a chain is a position in the leaves. Names
with equal rules and TTL share their chains, so a change of health costs by pools, not by names.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Final, NamedTuple, Protocol

from gslb.dns.ecs import IPV4
from gslb.dns.edns import EDE_PROHIBITED, extended_error
from gslb.dns.message import REFUSED, TXT
from gslb.dns.name import to_text
from gslb.dns.response import Template, record
from gslb.geo.nearest import NearestMap
from gslb.geo.rules import RuleMap
from gslb.policy.nodes import Answer, Client, Node

PROHIBITED: Final = Answer((), extended_error(EDE_PROHIBITED), REFUSED)
_MOST_RULES: Final = 8


class TableClient(Client, Protocol):
    """A client who asks at a table; `source` is the packed transport address."""

    table: "Table"
    source: bytes
    uses_ecs: bool


class TreeNode(Protocol):
    """A node of the base or of the leaves; those of the base look things up in the client's table."""

    def select(self, client: TableClient) -> Answer: ...


class ZoneData:
    """What replies need of a zone: its apex, and the SOA record of negative answers, anchored there (RFC 2308)."""

    __slots__ = ("apex", "negative", "row")

    def __init__(self, apex: bytes, negative: Template) -> None:
        self.apex = apex
        self.negative = negative
        self.row = 0  # see gslb.table.rows


class Section(NamedTuple):
    """Records whose names point into the question, anchored at one of its ancestors."""

    records: int
    template: Template


class Referral(NamedTuple):
    """A zone cut: NS, glue that must go along (in-domain, RFC 9471) and further addresses that may; anchored at it."""

    cut: bytes
    ns: Section
    glue: Section
    extra: Section


class Entry:
    """One owner name. `types` maps RR types to nodes; `wildcard` is the child "*".

    `alias` is the target of a static CNAME, and empty (but not None) where a pool chooses the target.
    """

    __slots__ = ("alias", "referral", "row", "types", "wildcard", "zone")

    def __init__(self, zone: ZoneData, types: Mapping[int, TreeNode]) -> None:
        self.zone = zone
        self.types = types
        self.row = 0  # see gslb.table.rows
        self.alias: bytes | None = None
        self.referral: Referral | None = None
        self.wildcard: Entry | None = None


class Chain:
    """A leaf's place: which pools answer is decided when leaves are compiled."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index

    def select(self, client: TableClient) -> Answer:
        """Go on at the leaf."""
        return client.table.nodes[self.index].select(client)


class ByRules:
    """The first rule that matches the client decides. `position` is the map's place in the base table."""

    __slots__ = ("_by_client", "_places", "children", "map", "position")

    def __init__(self, rules: RuleMap, position: int, children: Sequence[Chain]) -> None:
        self.map = rules
        self.position = position
        self.children = tuple(children)
        self._by_client = not rules.looks_at_source
        self._places = tuple(chain.index for chain in children)

    def rule(self, client: TableClient) -> int:
        """The position of the rule that matches, raising the client's scope to what that depended on."""
        family, address = client.locate()
        if self._by_client:
            index, scope = self.map.find(family, address)
        else:
            index, scope = self.map.find(family, address, *unpacked(client.source))
        if scope > client.scope:
            client.scope = scope
        return index

    def select(self, client: TableClient) -> Answer:
        """Go on at the rule's chain."""
        return client.table.nodes[self._places[self.rule(client)]].select(client)


class WhoAmI:
    """The TXT record of whoami.<zone>: how the answering path sees the one who asks. REFUSED to all but a few."""

    __slots__ = ()

    def select(self, client: TableClient) -> Answer:
        """Made per query: it is for people who look for a fault."""
        base = client.table.base
        if not holds(base.settings.whoami_acl, client.source):
            return PROHIBITED
        family, address = client.locate()
        size = 4 if family == IPV4 else 16
        lines = [f"source={ip_address(client.source)}"]
        if client.uses_ecs:
            lines.append(f"ecs={ip_address(address.to_bytes(size, 'big'))}")
        for rules, owner in zip(base.rule_maps[:_MOST_RULES], base.rule_names, strict=False):
            index, scope = rules.find(family, address, *unpacked(client.source))
            lines.append(f"{to_text(owner)} rule={index + 1} scope={scope}")
            client.scope = max(client.scope, scope)
        lines += [f"node={base.settings.node_name}", f"generation={client.table.generation}"]
        texts = [line.encode()[:255] for line in lines]
        return Answer([record(TXT, 0, b"".join(bytes((len(text),)) + text for text in texts))])


def unpacked(source: bytes) -> tuple[int, int]:
    """Family and integer of a packed address."""
    return IPV4 if len(source) == 4 else 6, int.from_bytes(source, "big")


class ChainSpec(NamedTuple):
    """What a leaf is compiled from: pools in order, or drawn by weight, for one RR type and TTL.

    `service` is set for HTTPS and SVCB: priority, target and parameters, to which hints are added. `ttl_min` is served
    instead of `ttl` while a probe of something in the answer failed lately; None: the TTL never moves.
    """

    pools: tuple[str, ...]
    weights: tuple[int, ...]
    rtype: int
    ttl: int
    service: tuple[int, bytes, tuple[tuple[int, bytes], ...]] | None = None
    ttl_min: int | None = None


Networks = tuple[tuple[int, int, int], ...]
"""(family, network, prefix length) of each."""


def holds(networks: Networks, source: bytes) -> bool:
    """Whether a packed address lies in one of the networks."""
    family, address = unpacked(source)
    bits = 32 if family == IPV4 else 128
    return any(
        family == version and address >> (bits - length) == network >> (bits - length)
        for version, network, length in networks
    )


class Settings(NamedTuple):
    """What answering needs of the node file. `query_acl` is empty where everybody may ask.

    `sites` are those that answers are counted by.
    """

    node_name: str
    version: str = ""
    ecs_trust: Networks = ()
    query_acl: Networks = ()
    whoami_acl: Networks = ()
    cookie_secrets: tuple[bytes, ...] = ()
    rate_limit: tuple[float, float, int, bool] | None = None
    cookie_memory: int = 0
    sites: tuple[str, ...] = ()


class Base:
    """Names, rules and static data. `digest` ties leaves to the base that they were compiled for."""

    __slots__ = (
        *("alike", "chains", "digest", "names", "nearest", "pool_maps", "rows", "rule_maps", "rule_names", "settings"),
        "zones",
    )

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.zones: tuple[ZoneData, ...] = ()
        self.names: Mapping[bytes, Entry] = {}
        self.rule_maps: tuple[RuleMap, ...] = ()
        self.rule_names: tuple[bytes, ...] = ()  # a name that uses each of them
        self.nearest: tuple[NearestMap, ...] = ()
        self.pool_maps: Mapping[str, int] = {}  # pool -> position in `nearest`
        self.chains: tuple[ChainSpec, ...] = ()
        self.alike: Mapping[str, int] = {}  # by pool: gslb.config.alike; of a base that was loaded, nobody wants it
        self.digest = b""
        self.rows = 1  # of counters: see gslb.table.rows


class Leaves:
    """What each chain serves now, by its position; and what each pool served last, for `all_down: last_good`."""

    __slots__ = ("base_digest", "last_good", "nodes")

    def __init__(self, base_digest: bytes, nodes: Sequence[Node], last_good: Mapping[str, frozenset[str]]) -> None:
        self.base_digest = base_digest
        self.nodes = list(nodes)  # a leaf may unfold in its place: gslb.table.pack
        self.last_good = last_good


class Table:
    """A base and its leaves: what one query sees from beginning to end. `generation` is 0 if it was not published.

    What every query needs is kept here, too: `names`, `nodes`, `query_acl`, `cookie_secrets`.
    """

    __slots__ = ("base", "cookie_secrets", "generation", "leaves", "names", "nodes", "query_acl")

    def __init__(self, base: Base, leaves: Leaves, generation: int = 0) -> None:
        if base.digest != leaves.base_digest:
            raise ValueError("these leaves were compiled for another base")
        self.base = base
        self.generation = generation
        self.leaves = leaves
        self.names = base.names
        self.nodes = leaves.nodes
        self.query_acl = base.settings.query_acl
        self.cookie_secrets = base.settings.cookie_secrets
