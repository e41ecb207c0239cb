"""What a right configuration promises: how fast each name fails over, and what should be known about it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from gslb.config.model import Config, DynamicName, Match, Rule
from gslb.dns.name import to_text
from gslb.errors import Problem

PUBLISH: Final = 0.5  # seconds from a verdict to the last answer with the old state, semantics section 7


class NameRow(NamedTuple):
    """One dynamic name. Times are seconds in the worst case; None where nothing is probed and so nothing fails over."""

    zone: str
    name: str
    policy: str  # rules joined by "; ", pools of a rule in order or with weights, each with its policy
    ttl: int
    detection: float | None
    recovery: float | None


def warnings(config: Config) -> tuple[Problem, ...]:
    """Things that work but should be known, each with its place."""
    return config.warnings


def table(config: Config) -> tuple[NameRow, ...]:
    """Every dynamic name, in the order of the files."""
    detections: dict[tuple[Rule, ...], float | None] = {}
    policies: dict[tuple[Rule, ...], str] = {}
    rows = []
    for zone in config.zones.values():
        apex = to_text(zone.apex)
        for name in zone.names:
            if name.rules not in detections:
                detections[name.rules] = _detection(config, name.rules)
                policies[name.rules] = "; ".join(_rule_text(config, rule) for rule in name.rules)
            found = detections[name.rules]
            recovery = _recovery(found, name)
            rows.append(NameRow(apex, to_text(name.owner), policies[name.rules], name.ttl, found, recovery))
    return tuple(rows)


def recovery_seconds(config: Config, zone: bytes, name: bytes) -> float | None:
    """Worst-case seconds until no client sees a dead site: detection, publishing and TTL; None where nothing is probed.

    `zone` and `name` are lower-cased wire names; KeyError where there is no such name.
    """
    for candidate in config.zones[zone].names:
        if candidate.owner == name:
            return _recovery(_detection(config, candidate.rules), candidate)
    raise KeyError(name)


def _recovery(detection: float | None, name: DynamicName) -> float | None:
    return None if detection is None else round(detection + PUBLISH + name.ttl, 6)


def _detection(config: Config, rules: Iterable[Rule]) -> float | None:
    """Of the slowest monitor of any pool: which monitor sees a fault depends on the fault."""
    pools = {pool for rule in rules for pool in rule.pools}
    monitors = {monitor for pool in pools for monitor in config.pools[pool].monitors.of}
    slowest = max((config.monitors[monitor].detection for monitor in monitors), default=None)
    return None if slowest is None else round(slowest, 6)


def _rule_text(config: Config, rule: Rule) -> str:
    pools = [f"{name} ({config.pools[name].policy})" for name in rule.pools]
    if rule.weights:
        chosen = " | ".join(f"{weight} {pool}" for pool, weight in zip(pools, rule.weights, strict=True))
    else:
        chosen = " > ".join(pools)
    return f"{match_text(rule.match)}: {chosen}" if rule.match else chosen


def match_text(match: Match) -> str:
    """A match as people read it: "country JP,KR and asn 64500"."""
    parts = (("subnet", match.subnet), ("country", match.country), ("continent", match.continent), ("asn", match.asn))
    return " and ".join(f"{key} {','.join(map(str, values))}" for key, values in parts if values)
