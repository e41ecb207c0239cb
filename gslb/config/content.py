"""A zone as its checks look at it: data by owner and type, zone cuts, and which owner answers for a name."""

from collections.abc import Mapping
from functools import cached_property
from typing import Final

from gslb.config.document import Findings
from gslb.config.model import DynamicName, Record, Zone
from gslb.dns.name import is_within, parent
from gslb.errors import Problem

A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
MX: Final = 15
AAAA: Final = 28
DS: Final = 43
ADDRESSES: Final = frozenset({A, AAAA})
WILDCARD: Final = b"\1*"


class Content:
    """One zone among all (`zones`, by apex). `where` and `path` are its place in the files."""

    def __init__(self, zone: Zone, zones: Mapping[bytes, Zone], where: str, path: str) -> None:
        self.apex = zone.apex
        self.names = zone.names
        self.dynamic = {name.owner: name for name in zone.names}
        self.where = where
        self.path = path
        self.owned: dict[bytes, dict[int, list[Record]]] = {}
        self.outside: list[Record] = []
        for record in zone.records:
            if is_within(record.owner, self.apex):
                self.owned.setdefault(record.owner, {}).setdefault(record.rtype, []).append(record)
            else:
                self.outside.append(record)
        self.children = {apex: zones[apex] for apex in zones if apex != self.apex and is_within(apex, self.apex)}
        delegated = {owner for owner, types in self.owned.items() if NS in types and owner != self.apex}
        self.cuts = delegated | self.children.keys()

    def cut_above(self, owner: bytes) -> bytes | None:
        """The highest zone cut strictly above an owner of the zone."""
        found = None
        while self.cuts and owner != self.apex:
            owner = parent(owner)
            if owner in self.cuts:
                found = owner
        return found

    def source(self, name: bytes) -> bytes | None:
        """The owner whose data answers for a name of the zone: itself or a wildcard (RFC 4592 section 3.3.1)."""
        if name in self.owned or name in self.dynamic:
            return name
        if name in self._existing:
            return None
        while name not in self._existing:
            name = parent(name)
        wildcard = WILDCARD + name
        return wildcard if wildcard in self.owned or wildcard in self.dynamic else None

    def has_address(self, owner: bytes) -> bool:
        """Whether an owner has an A or AAAA record, or is a dynamic name."""
        return owner in self.dynamic or not ADDRESSES.isdisjoint(self.owned.get(owner, {}))

    @cached_property
    def _existing(self) -> set[bytes]:
        """Every name that exists, empty non-terminals among them."""
        existing = {self.apex}
        for owner in (*self.owned, *self.dynamic):
            while owner not in existing:
                existing.add(owner)
                owner = parent(owner)
        return existing


class Reporter:
    """Notes what is wrong with the records and names of one zone."""

    def __init__(self, content: Content, findings: Findings) -> None:
        self._path = content.path
        self._findings = findings

    def problem(self, at: Record | DynamicName | Content, message: str, hint: str = "") -> None:
        """Something that must be mended, at a record, a name or the zone."""
        self._findings.problems.append(Problem(at.where, self._path, message, hint))

    def warn(self, at: Record, message: str, hint: str = "") -> None:
        """Something that works but should be known."""
        self._findings.warnings.append(Problem(at.where, self._path, message, hint))
