"""What a right configuration promises: how fast each name fails over, and what should be known about it."""

from typing import NamedTuple

from gslb.config.model import Config, Match, Rule
from gslb.config.recovery import Recoveries, Recovery
from gslb.dns.name import to_text
from gslb.errors import Problem


class NameRow(NamedTuple):
    """One dynamic name. Times are seconds in the worst case; None where nothing is probed and so nothing fails over.

    `recovery` is the sum of `detection`, `votes`, `publish` and `ttl`; `monitor` is the one that decides last.
    """

    zone: str
    name: str
    policy: str  # rules joined by "; ", pools of a rule in order or with weights, each with its policy
    ttl: int
    detection: float | None
    recovery: float | None
    monitor: str | None
    votes: float | None
    publish: float | None
    ttl_min: int | None
    rto: float | None

    @property
    def parts(self) -> str:
        """What `recovery` consists of, as people read it; empty where nothing is probed."""
        if self.detection is None or self.votes is None or self.publish is None:
            return ""
        return Recovery(self.monitor, self.detection, self.votes, self.publish).told(self.ttl)


def warnings(config: Config) -> tuple[Problem, ...]:
    """Things that work but should be known, each with its place."""
    return config.warnings


def table(config: Config) -> tuple[NameRow, ...]:
    """Every dynamic name, in the order of the files."""
    recoveries = Recoveries(config)
    policies: dict[tuple[Rule, ...], str] = {}
    rows = []
    for zone in config.zones.values():
        apex = to_text(zone.apex)
        for name in zone.names:
            if name.rules not in policies:
                policies[name.rules] = "; ".join(_rule_text(config, rule) for rule in name.rules)
            worst = recoveries.of(name.rules)
            times = (worst.detection, worst.total(name.ttl), worst.monitor, worst.votes, worst.publish)
            found = times if worst.monitor is not None else (None,) * len(times)
            row = (apex, to_text(name.owner), policies[name.rules], name.ttl, *found, name.ttl_min, name.rto)
            rows.append(NameRow(*row))
    return tuple(rows)


def recovery_seconds(config: Config, zone: bytes, name: bytes) -> float | None:
    """Worst-case seconds until no client sees a dead site; None where nothing is probed.

    `zone` and `name` are lower-cased wire names; KeyError where there is no such name.
    """
    for candidate in config.zones[zone].names:
        if candidate.owner == name:
            return Recoveries(config).of(candidate.rules).total(candidate.ttl)
    raise KeyError(name)


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
