"""Where clients go: for each name the chance of every address, client by client, walked and not drawn.

a client's distribution    what it connects to when it takes any record of an answer; nothing, where there is none
moved                      the total variation distance between its distributions before and after: the part of its
                           connections that go elsewhere
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from gslb.config.model import Config, DynamicName
from gslb.control.chances import chances, data_of, inclusion
from gslb.dns.message import AAAA, CNAME, A
from gslb.policy.nodes import Answer, Choice, Node, Sample
from gslb.policy.split import Split
from gslb.table.client import Client
from gslb.table.entries import ByRules, Chain, Table, TreeNode
from gslb.table.lookup import HIT, find
from gslb.table.poolview import records_of

Spread = Mapping[bytes, float]  # record data -> chance; b"" stands for no record at all

_NOTHING: Final[Spread] = MappingProxyType({b"": 1.0})
NOWHERE: Final = "(nowhere)"
ELSEWHERE: Final = "(no site)"
_TYPES: Final = (A, AAAA, CNAME)
_WALKS: Final = 250_000  # of leaves that treat clients one by one, for all names together
_FEWEST: Final = 500  # clients at each of them


class Shares(NamedTuple):
    """One name: the part of its clients that are moved, and the share of each site before and after."""

    name: str
    moved: float
    before: Mapping[str, float]
    after: Mapping[str, float]


class Walks:
    """Walks one table for many clients, remembering what is the same for all of them."""

    def __init__(self, config: Config, table: Table, clients: Sequence[bytes]) -> None:
        self._config = config
        self._table = table
        self._clients = clients
        self._client = Client(table, random.Random(0))
        self._rules: dict[int, list[int]] = {}
        self._fixed: dict[int, Spread | None] = {-1: _NOTHING}
        self._own: dict[int, dict[int, Spread]] = {}
        self._sites: dict[int, Mapping[bytes, str]] = {}
        lone = sum(self._spread(at) is None for at in range(len(table.nodes)))
        self._some = max(_FEWEST, _WALKS // max(1, lone))

    def tree(self, owner: bytes, rtype: int) -> TreeNode | None:
        """What a name has for a type."""
        outcome, entry = find(self._table.names, owner, rtype)
        return entry.types.get(rtype) if entry and outcome == HIT else None

    def chains(self, node: TreeNode | None) -> list[int]:
        """The chain that each client ends at."""
        if isinstance(node, ByRules):
            places = [chain.index for chain in node.children]
            if node.position not in self._rules:
                self._rules[node.position] = [node.rule(self._ask(client)) for client in self._clients]
            return [places[rule] for rule in self._rules[node.position]]
        return [self._end(node)] * len(self._clients)

    def single(self, node: TreeNode | None) -> int | None:
        """The chain that every client ends at, if it is one."""
        return None if isinstance(node, ByRules) else self._end(node)

    def _end(self, node: TreeNode | None) -> int:
        """The chain of a node; below 0 for what is none: static data, or nothing."""
        if isinstance(node, Chain):
            return node.index
        if not isinstance(node, Answer):
            return -1
        self._fixed[-2 - id(node)] = _told(node, self._client)
        return -2 - id(node)

    def enough(self, chain: int) -> int:
        """How many clients to walk at a chain: one, unless it treats each by its address; then as there is time for."""
        return 1 if self._spread(chain) is not None else self._some

    def spread(self, chain: int, client: int) -> Spread:
        """Where a client that ends at a chain goes."""
        fixed = self._spread(chain)
        if fixed is not None:
            return fixed
        own = self._own.setdefault(chain, {})
        if client not in own:
            own[client] = _told(self._table.nodes[chain], self._ask(self._clients[client]))
        return own[client]

    def sites(self, chain: int) -> Mapping[bytes, str]:
        """The site of each record that the members of a chain's pools may be answered with."""
        if chain not in self._sites:
            found = {b"": NOWHERE}
            spec = self._table.base.chains[chain] if chain >= 0 else None
            for pool in map(self._config.pools.__getitem__, spec.pools if spec else ()):
                for member in pool.members:
                    assert spec is not None
                    for record in records_of(member, member.addresses, spec):
                        found |= dict.fromkeys(data_of(record), member.site)
            self._sites[chain] = found
        return self._sites[chain]

    def _ask(self, source: bytes) -> Client:
        self._client.ask(self._table, source)
        return self._client

    def _spread(self, chain: int) -> Spread | None:
        """That of every client, if it is the same."""
        if chain not in self._fixed:
            node = self._table.nodes[chain]
            self._fixed[chain] = _told(node, self._client) if _same_for_all(node) else None
        return self._fixed[chain]


def compare(names: Iterable[tuple[str, DynamicName]], before: Walks, after: Walks, clients: int) -> Iterator[Shares]:
    """Each name that was there before, with the part of its clients that go elsewhere."""
    known: dict[tuple[int, int], tuple[float, Mapping[str, float], Mapping[str, float]]] = {}
    for text, name in names:
        found = []
        for rtype in _TYPES:
            pair = before.tree(name.owner, rtype), after.tree(name.owner, rtype)
            if isinstance(pair[0], (ByRules, Chain)):
                key = id(pair[0]), id(pair[1])
                if key not in known:
                    known[key] = _compared(pair, before, after, clients)
                found.append(known[key])
        served = [one for one in found if one[1].keys() != {NOWHERE}] or found
        yield Shares(
            text,
            sum(moved for moved, _, _ in served) / len(served),
            _mean([old for _, old, _ in served]),
            _mean([new for _, _, new in served]),
        )


def _compared(
    pair: tuple[TreeNode | None, TreeNode | None], before: Walks, after: Walks, clients: int
) -> tuple[float, Mapping[str, float], Mapping[str, float]]:
    moved = 0.0
    sites: tuple[dict[str, float], dict[str, float]] = {}, {}
    for (old, new), group in _groups(pair, before, after, clients):
        enough = [most for most in (before.enough(old), after.enough(new)) if most > 1]
        asked = group[: min(enough, default=1)]
        part = len(group) / clients / len(asked)
        for client in asked:
            spreads = before.spread(old, client), after.spread(new, client)
            moved += part * distance(*spreads)
            for spread, found, site_of in zip(spreads, sites, (before.sites(old), after.sites(new)), strict=True):
                for data, chance in spread.items():
                    site = site_of.get(data, ELSEWHERE)
                    found[site] = found.get(site, 0.0) + part * chance
    return moved, *sites


def _groups(
    pair: tuple[TreeNode | None, TreeNode | None], before: Walks, after: Walks, clients: int
) -> Iterator[tuple[tuple[int, int], Sequence[int]]]:
    """The clients that end at the same two chains."""
    old, new = before.single(pair[0]), after.single(pair[1])
    if old is not None and new is not None:
        yield (old, new), range(clients)
        return
    groups: dict[tuple[int, int], list[int]] = {}
    for at, ends in enumerate(zip(before.chains(pair[0]), after.chains(pair[1]), strict=True)):
        groups.setdefault(ends, []).append(at)
    yield from groups.items()


def distance(before: Spread, after: Spread) -> float:
    """Total variation: 0 where both are the same, 1 where nothing is left of the first."""
    if before is after:
        return 0.0
    return sum(max(0.0, chance - after.get(data, 0.0)) for data, chance in before.items())


def _same_for_all(node: Node) -> bool:
    match node:
        case Answer() | Sample():
            return True
        case Choice():
            return all(map(_same_for_all, node.children))
    return False


def _told(node: Node, client: Client) -> Spread:
    """Where a client goes that takes any record of what it is answered."""
    match node:
        case Choice():
            total = sum(node.weights)
            parts = [(weight / total, child) for weight, child in zip(node.weights, node.children, strict=True)]
            return _mixed([(part, _told(child, client)) for part, child in parts])
        case Sample():
            drawn = inclusion(node.weights, node.count)
            pairs = zip(drawn, node.answers, strict=True)
            return _mixed([(chance / sum(drawn), _told(answer, client)) for chance, answer in pairs])
        case Split():
            return _told(node.child(client), client)
    found = chances(node, client)
    whole = sum(found.values())
    return {data: chance / whole for data, chance in found.items()} if whole else _NOTHING


def _mixed(parts: Iterable[tuple[float, Spread]]) -> Spread:
    mixed: dict[bytes, float] = {}
    for part, spread in parts:
        for data, chance in spread.items():
            mixed[data] = mixed.get(data, 0.0) + part * chance
    return mixed


def _mean(those: Sequence[Mapping[str, float]]) -> dict[str, float]:
    sites = dict.fromkeys(site for one in those for site in one)
    return {site: sum(one.get(site, 0.0) for one in those) / len(those) for site in sites}
