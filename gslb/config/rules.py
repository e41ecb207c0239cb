"""The rules of a dynamic name: pools they use, and rules that no client can reach."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import NamedTuple

from gslb.config.document import Findings, Path, suggestion
from gslb.config.model import Match, Rule
from gslb.config.schema import MatchShape, NameShape, RuleShape

Block = tuple[int, int, int]  # version, prefix length, network address shifted right by the host bits
_EVERYWHERE = frozenset(((4, 0, 0), (6, 0, 0)))


@dataclass(slots=True)
class Rules:
    """Builds the rules of all names; `used` are the pools seen, `located` the first place that asks for a location."""

    pool_names: Collection[str]
    findings: Findings
    used: set[str] = field(default_factory=set)
    located: Path | None = None
    _short: dict[str, tuple[Rule, ...]] = field(default_factory=dict)

    def build(self, shape: NameShape, path: Path) -> tuple[Rule, ...]:
        """The rules of a name; equal short forms are one value."""
        if shape.pool is not None and shape.rules is None:
            self._check_pool(shape.pool, (*path, "pool"))
            return self._short.setdefault(shape.pool, (Rule((shape.pool,)),))
        if shape.rules is None or shape.pool is not None:
            self.findings.problem(path, "needs either pool or rules")
            return ()
        rules = tuple(self._rule(rule, (*path, "rules", at)) for at, rule in enumerate(shape.rules))
        self._check_order(rules, (*path, "rules"))
        return rules

    def _rule(self, shape: RuleShape, path: Path) -> Rule:
        pools = tuple(pool for pool, _ in shape.pools)
        weights = tuple(weight for _, weight in shape.pools if weight is not None)
        for at, pool in enumerate(pools):
            self._check_pool(pool, (*path, "pools", pool if weights else at))
            if pool in pools[:at]:
                self.findings.problem((*path, "pools", at), f"pool {pool!r} stands twice in the list")
        match = None if shape.match is None else _match(shape.match)
        if match == Match():
            self.findings.problem((*path, "match"), "has no condition", "leave `match` out to match everyone")
        if match and (match.country or match.continent or match.asn):
            self.located = self.located or path
        return Rule(pools, weights, match)

    def _check_pool(self, pool: str, path: Path) -> None:
        self.used.add(pool)
        if pool not in self.pool_names:
            self.findings.problem(path, f"there is no pool {pool!r}", suggestion(pool, self.pool_names))

    def _check_order(self, rules: Sequence[Rule], path: Path) -> None:
        if rules[-1].match is not None:
            hint = "add a rule with pools only, for everyone else"
            self.findings.problem((*path, len(rules) - 1), "the last rule must match everyone", hint)
        reaches = [Reach.of(rule.match or Match()) for rule in rules]
        for later, reach in enumerate(reaches):
            earlier = next((at for at in range(later) if reaches[at].covers(reach)), None)
            if earlier is not None:
                message = f"is never reached: rule {earlier} matches every client that it matches"
                self.findings.problem((*path, later), message, "put the narrower rule first, or leave it out")


def _match(shape: MatchShape) -> Match:
    return Match(tuple(shape.subnet), tuple(shape.country), tuple(shape.continent), tuple(shape.asn))


class Reach(NamedTuple):
    """The clients of a match, in a form that can be compared. An empty set asks nothing."""

    blocks: frozenset[Block]
    lengths: frozenset[int]
    countries: frozenset[str]
    continents: frozenset[str]
    asns: frozenset[int]

    @classmethod
    def of(cls, match: Match) -> "Reach":
        """Of a match whose texts are right."""
        blocks = frozenset(_block(text) for text in match.subnet)
        if blocks >= _EVERYWHERE:
            blocks = frozenset()
        lengths = frozenset(length for _, length, _ in blocks)
        return cls(blocks, lengths, frozenset(match.country), frozenset(match.continent), frozenset(match.asn))

    def covers(self, other: "Reach") -> bool:
        """Whether every client of `other` certainly is one of these."""
        return (
            (not self.continents or (bool(other.continents) and other.continents <= self.continents))
            and (not self.asns or (bool(other.asns) and other.asns <= self.asns))
            and (not self.countries or (bool(other.countries) and all(map(self._has_country, other.countries))))
            and (not self.blocks or (bool(other.blocks) and all(map(self._has_block, other.blocks))))
        )

    def _has_country(self, country: str) -> bool:
        return country in self.countries or country[:2] in self.countries

    def _has_block(self, block: Block) -> bool:
        version, length, bits = block
        return any(
            (version, wider, bits >> (length - wider)) in self.blocks for wider in self.lengths if wider <= length
        )


def _block(text: str) -> Block:
    network = ip_network(text)
    host_bits = network.max_prefixlen - network.prefixlen
    return network.version, network.prefixlen, int(network.network_address) >> host_bits
