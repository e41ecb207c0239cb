"""What another configuration adds, takes away and changes; and whether it takes away so much that it may be wrong."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from gslb.config.model import Config, DynamicName, Pool
from gslb.config.requires import closure
from gslb.dns.name import to_text

Json = dict[str, Any]

MOST: Final = 0.30  # of the dynamic names; a reload that takes away more wants to be told so
_SHOWN: Final = 5


class Differences(NamedTuple):
    """Names as text, in the order of the files; `changed` says of each name what is another."""

    zones_added: tuple[str, ...]
    zones_removed: tuple[str, ...]
    zones_changed: Mapping[str, str]  # in their static records
    names_added: tuple[str, ...]
    names_removed: tuple[str, ...]
    names_changed: Mapping[str, str]
    names_before: int

    def view(self) -> Json:
        """Plain values."""
        return {
            "zones": {
                "added": list(self.zones_added),
                "removed": list(self.zones_removed),
                "changed": [{"name": name, "what": what} for name, what in self.zones_changed.items()],
            },
            "names": {
                "added": list(self.names_added),
                "removed": list(self.names_removed),
                "changed": [{"name": name, "what": what} for name, what in self.names_changed.items()],
            },
            "too_much": self.too_much(),
        }

    def too_much(self) -> str:
        """What would go, where that is a zone or more than MOST of the names; else nothing."""
        told = []
        if self.zones_removed:
            told.append(f"{_counted(len(self.zones_removed), 'zone')} ({_some(self.zones_removed)})")
        gone = len(self.names_removed)
        if gone > MOST * self.names_before:
            share = gone / self.names_before
            told.append(f"{gone} of {_counted(self.names_before, 'name')}, {share:.0%} ({_some(self.names_removed)})")
        return f"it takes away {' and '.join(told)}" if told else ""

    def told(self) -> str:
        """All in one line, for logs and the record."""
        parts = [
            f"{_counted(len(found), noun)} {verb}"
            for noun, verb, found in (
                ("zone", "added", self.zones_added),
                ("zone", "removed", self.zones_removed),
                ("name", "added", self.names_added),
                ("name", "removed", self.names_removed),
                ("name", "changed", self.names_changed),
            )
            if found
        ]
        return ", ".join(parts) or "no name is another"


def differences(before: Config, after: Config) -> Differences:
    """What `after` has that `before` has not, and the other way round."""
    old, new = _names(before), _names(after)
    zones = {to_text(apex): _records(before, after, apex) for apex in before.zones if apex in after.zones}
    changed = {name: _what(before, after, old[name], new[name]) for name in old if name in new}
    return Differences(
        tuple(to_text(apex) for apex in after.zones if apex not in before.zones),
        tuple(to_text(apex) for apex in before.zones if apex not in after.zones),
        {name: what for name, what in zones.items() if what},
        tuple(name for name in new if name not in old),
        tuple(name for name in old if name not in new),
        {name: what for name, what in changed.items() if what},
        len(old),
    )


def _names(config: Config) -> dict[str, DynamicName]:
    return {to_text(name.owner): name for zone in config.zones.values() for name in zone.names}


def _records(before: Config, after: Config, apex: bytes) -> str:
    old, new = (
        {(record.owner, record.rtype, record.ttl, record.rdata) for record in config.zones[apex].records}
        for config in (before, after)
    )
    parts = [
        f"{_counted(len(found), 'record')} {verb}"
        for verb, found in (("removed", old - new), ("added", new - old))
        if found
    ]
    return ", ".join(parts)


def _what(before: Config, after: Config, old: DynamicName, new: DynamicName) -> str:
    """What is another about a name that both have."""
    told = []
    if (old.ttl, old.ttl_min) != (new.ttl, new.ttl_min):
        told.append(f"TTL {_ttl(old)} -> {_ttl(new)}")
    if old.services != new.services:
        told.append("services")
    if old.rules != new.rules:
        told.append("rules")
    pools = _used(before, old) & _used(after, new)
    moved = sorted(pool for pool in pools if _makes(before, pool) != _makes(after, pool))
    if moved:
        told.append(f"pool{'s' if len(moved) > 1 else ''} {_some(moved)}")
    return ", ".join(told)


def _used(config: Config, name: DynamicName) -> set[str]:
    return set(closure(config.pools, {pool for rule in name.rules for pool in rule.pools}))


def _makes(config: Config, name: str) -> tuple[Pool, tuple[object, ...]]:
    """A pool with its monitors and the places of its sites, which decide for it too."""
    pool = config.pools[name]
    used = [config.monitors.get(monitor) for monitor in pool.monitors.of]
    return pool, (*used, *(config.sites[member.site] for member in pool.members))


def _ttl(name: DynamicName) -> str:
    return f"{name.ttl}" if name.ttl_min is None else f"{name.ttl_min} to {name.ttl}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
