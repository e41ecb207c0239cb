"""Rules on the client's place and subnet, compiled to one lookup.

A rule with private and public subnets is split into two branches, for private ones are looked for at the transport
source and everything else at the client's address (ECS where it is used). A client class is the mask of the branches
whose client side holds; the source's mask says where the source side holds; the lowest bit in both is the first rule
that matches.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Self, TypeVar

from gslb.config.model import Match
from gslb.geo.atlas import Atlas, Interned, Label, Layer
from gslb.geo.ranges import Parts4, Parts6, RangeMap, combine
from gslb.geo.subnets import Network, is_private, mask_layer, parse

EVERYONE = Match()
Value = TypeVar("Value", str, int)


class SourceSide(NamedTuple):
    """What is needed besides the client's class where some branch looks at the transport source."""

    client_masks: tuple[int, ...]  # by client class
    ranges: RangeMap
    masks: tuple[int, ...]  # by source class
    rules: tuple[int, ...]  # rule index by bit


SourceParts = tuple[tuple[bytes, ...], tuple[Parts4, Parts6], tuple[bytes, ...], tuple[int, ...]]
RuleParts = tuple[tuple[Parts4, Parts6], SourceParts | None]


class RuleMap:
    """First matching rule of every client and source. Without a source side, the client's class is the rule's index."""

    __slots__ = ("_clients", "_source_side")

    def __init__(self, clients: RangeMap, source_side: SourceSide | None) -> None:
        self._clients = clients
        self._source_side = source_side

    @property
    def looks_at_source(self) -> bool:
        """Whether `find` needs the transport source."""
        return self._source_side is not None

    @property
    def ranges(self) -> RangeMap:
        """The ranges of client addresses within which every one is treated alike."""
        return self._clients

    def find(self, family: int, client: int, source_family: int = 4, source: int = 0) -> tuple[int, int]:
        """(index of the first rule that matches, scope prefix length of the client's address); families are 4 or 6.

        From the same source, any two addresses inside the scope get the same rule; the scope is 0 where every address
        of the family does (RFC 7871 section 7.2.1).
        """
        found = (self._clients.v4 if family == 4 else self._clients.v6).find(client)
        side = self._source_side
        if side is None:
            return found
        both = side.client_masks[found[0]] & side.masks[side.ranges.find(source_family, source)[0]]
        return side.rules[(both & -both).bit_length() - 1], found[1]

    def to_parts(self) -> RuleParts:
        """Nested tuples of integers, bytes and None, for a snapshot."""
        side = self._source_side
        if side is None:
            return self._clients.to_parts(), None
        source_parts = (_packed(side.client_masks), side.ranges.to_parts(), _packed(side.masks), side.rules)
        return self._clients.to_parts(), source_parts

    @classmethod
    def from_parts(cls, parts: RuleParts) -> Self:
        """Inverse of `to_parts`; ValueError or TypeError where the parts do not fit together."""
        clients, source_parts = parts
        if source_parts is None:
            return cls(RangeMap.from_parts(clients), None)
        client_masks, ranges, masks, rules = source_parts
        side = SourceSide(_unpacked(client_masks), RangeMap.from_parts(ranges), _unpacked(masks), rules)
        return cls(RangeMap.from_parts(clients), side)


class _Branch(NamedTuple):
    """One way to match a rule: place keys hold, client in `clients`, source in `sources`; empty asks nothing."""

    rule: int
    bit: int
    match: Match
    clients: tuple[Network, ...]
    sources: tuple[Network, ...]


def compile_rules(atlas: Atlas, matches: Sequence[Match | None]) -> RuleMap:
    """One map for a list of rules. None matches everyone; the last must."""
    branches = _branches(matches)
    settled = sum(branch.bit for branch in branches if not branch.sources)

    def decided(mask: int) -> int:
        """Without the bits that can never win, so that ranges merge and scopes stay short."""
        last = mask & settled
        last &= -last
        return mask & (last | last - 1)

    if settled == (1 << len(branches)) - 1:
        return RuleMap(_clients(atlas, branches, lambda mask: branches[decided(mask).bit_length() - 1].rule), None)
    classes: Interned[int] = Interned()
    clients = _clients(atlas, branches, lambda mask: classes.number(decided(mask)))
    sources = mask_layer({branch.bit: branch.sources for branch in branches}, settled)
    rules = tuple(branch.rule for branch in branches)
    return RuleMap(clients, SourceSide(tuple(classes.entries), sources.ranges, tuple(sources.entries), rules))


def _branches(matches: Sequence[Match | None]) -> list[_Branch]:
    branches: list[_Branch] = []
    for rule, match in enumerate(matches):
        asked = match or EVERYONE
        networks = [parse(text) for text in asked.subnet]
        private = tuple(network for network in networks if is_private(network))
        public = tuple(network for network in networks if not is_private(network))
        if public or not private:
            branches.append(_Branch(rule, 1 << len(branches), asked, public, ()))
        if private:
            branches.append(_Branch(rule, 1 << len(branches), asked, (), private))
    return branches


def _clients(atlas: Atlas, branches: Sequence[_Branch], class_of: Callable[[int], int]) -> RangeMap:
    """Ranges of client addresses by `class_of(mask of the branches whose client side holds)`."""
    places = _places(atlas, branches)
    anywhere = sum(branch.bit for branch in branches if not branch.clients)
    subnets = mask_layer({branch.bit: branch.clients for branch in branches}, anywhere)

    def value_of(place: int, subnet: int) -> int:
        return class_of(places.entries[place] & subnets.entries[subnet])

    return combine(places.ranges, subnets.ranges, value_of)


def _places(atlas: Atlas, branches: Sequence[_Branch]) -> Layer[int]:
    """Masks of the branches whose country, continent and asn keys hold."""
    countries, any_country = _named(branches, lambda match: match.country)
    continents, any_continent = _named(branches, lambda match: match.continent)
    asns, any_asn = _named(branches, lambda match: match.asn)
    masks: Interned[int] = Interned()
    if any_country & any_continent & any_asn == (1 << len(branches)) - 1:
        return Layer((any_country,), RangeMap.uniform(0))

    def mask_of(label: Label) -> int:
        country = any_country | countries.get(label.country, 0) | countries.get(label.subdivision, 0)
        return country & (any_continent | continents.get(label.continent, 0)) & (any_asn | asns.get(label.asn, 0))

    table = [masks.number(mask_of(label)) for label in atlas.labels.entries]
    return Layer(masks.entries, atlas.labels.ranges.relabel(table))


def _named(branches: Sequence[_Branch], key: Callable[[Match], Iterable[Value]]) -> tuple[dict[Value, int], int]:
    """(bits of the branches that name each value of a key, bits of those that do not ask for it)."""
    named: dict[Value, int] = {}
    indifferent = 0
    for branch in branches:
        values = frozenset(key(branch.match))
        for value in filter(None, values):  # AS 0 is nobody's (RFC 7607); here it stands for unknown
            named[value] = named.get(value, 0) | branch.bit
        if not values:
            indifferent |= branch.bit
    return named, indifferent


def _packed(masks: Iterable[int]) -> tuple[bytes, ...]:
    """Masks as bytes: they may have more bits than msgpack's integers."""
    return tuple(mask.to_bytes(mask.bit_length() + 7 >> 3, "little") for mask in masks)


def _unpacked(masks: Iterable[bytes]) -> tuple[int, ...]:
    return tuple(int.from_bytes(mask, "little") for mask in masks)
