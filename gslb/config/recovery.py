"""How long a name may serve a dead member at worst, and whether that is what it declares (semantics section 7)."""

from typing import Final, NamedTuple

from gslb.config.document import Findings
from gslb.config.model import Config, DynamicName, Rule
from gslb.config.probers import voters_beside
from gslb.config.requires import closure
from gslb.dns.name import to_text
from gslb.errors import Problem

PUBLISH: Final = 0.5  # seconds from a verdict to the last answer with the old state
VOTE_LEASE: Final = 5.0  # seconds until the votes of a dead prober are gone
_TIE: Final = 2  # probers, of which the survivor decides when the other's lease has run out


class Recovery(NamedTuple):
    """The parts of a worst case, in seconds; `monitor` is the one that decides last, None where nothing is probed.

    Which monitors notice a fault depends on the fault: with `all` it may be the slowest alone, with `any` and
    `at_least` a member is down when the slowest of those that fail says so. So the slowest of all counts.
    """

    monitor: str | None = None
    detection: float = 0.0
    votes: float = 0.0
    publish: float = PUBLISH

    def total(self, ttl: int) -> float | None:
        """Seconds from a death to the last client that has the dead answer; None where nothing is probed."""
        return None if self.monitor is None else round(self.detection + self.votes + self.publish + ttl, 6)

    def told(self, ttl: int) -> str:
        """The parts as people read them."""
        parts = [f"detection {self.detection:g} s by {self.monitor}"]
        if self.votes:
            parts.append(f"vote lease {self.votes:g} s")
        return ", ".join([*parts, f"publishing {self.publish:g} s", f"TTL {ttl} s"])


class Recoveries:
    """The worst case of every set of rules, found once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._found: dict[tuple[Rule, ...], Recovery] = {}

    def of(self, rules: tuple[Rule, ...]) -> Recovery:
        """Of a name with these rules: the slowest monitor of any of its pools, and of what those require."""
        if rules not in self._found:
            self._found[rules] = self._slowest({pool for rule in rules for pool in rule.pools})
        return self._found[rules]

    def unprobed(self, rules: tuple[Rule, ...]) -> str | None:
        """A pool that clients are sent to and that nothing probes; the later ones of a list are a last resort."""
        first = (pool for rule in rules for pool in (rule.pools if rule.weights else rule.pools[:1]))
        return next((pool for pool in first if self._slowest({pool}).monitor is None), None)

    def undecided(self, rules: tuple[Rule, ...]) -> str | None:
        """A site whose death would leave too few voters to decide it, of a name with these rules."""
        config = self._config
        if len(config.probers) < _TIE:
            return None  # the only prober dies with its site, and so does the node that would answer
        names = closure(config.pools, {pool for rule in rules for pool in rule.pools})
        asked = {
            (member.site, config.monitors[monitor].min_votes)
            for pool in map(config.pools.__getitem__, names)
            for member in pool.members
            for monitor in pool.monitors.of
        }
        return next((site for site, needed in sorted(asked) if voters_beside(config, site) < needed), None)

    def _slowest(self, names: set[str]) -> Recovery:
        pools, monitors = self._config.pools, self._config.monitors
        deciding = sorted({monitor for pool in closure(pools, names) for monitor in pools[pool].monitors.of})
        if not deciding:
            return Recovery()
        slowest = max(deciding, key=lambda name: monitors[name].detection)
        return Recovery(slowest, round(monitors[slowest].detection, 6), self._lease(names))

    def _lease(self, names: set[str]) -> float:
        """The wait for the last votes of a site's own probers, where they are as many as those that are left."""
        config, all_of_them = self._config, len(self._config.probers)
        sites = {member.site for name in names for member in config.pools[name].members}
        tied = any(2 * voters_beside(config, site) <= all_of_them for site in sites)
        return VOTE_LEASE if tied and all_of_them >= _TIE else 0.0


def check_rto(config: Config, findings: Findings) -> None:
    """Note names that declare an `rto` that they cannot meet."""
    recoveries = Recoveries(config)
    for zone in config.zones.values():
        for name in zone.names:
            found = None if name.rto is None else _fault(name, name.rto, recoveries)
            if found:
                findings.problems.append(Problem(name.where, to_text(name.owner), *found))


def _fault(name: DynamicName, rto: float, recoveries: Recoveries) -> tuple[str, str] | None:
    """What is wrong with a name's `rto`, and what to change."""
    unprobed = recoveries.unprobed(name.rules)
    if unprobed is not None:
        message = f"has an rto of {rto:g} s, and its pool {unprobed!r} has no monitors: it never recovers by itself"
        return message, "give the pool monitors, or leave rto out"
    site = recoveries.undecided(name.rules)
    if site is not None:
        message = f"has an rto of {rto:g} s, and the death of site {site!r} leaves too few probers to decide it"
        return message, "add a prober at another site, a witness, or lower min_votes"
    worst = recoveries.of(name.rules)
    total = worst.total(name.ttl)
    assert total is not None
    if total <= rto:
        return None
    _, largest, remedy = max(
        (worst.detection, "detection", f"lower interval, fall or timeout of monitor {worst.monitor}"),
        (worst.votes, "the vote lease", "add a third prober, a witness"),
        (name.ttl, "the TTL", "lower it"),
    )
    message = f"recovers within {total:g} s ({worst.told(name.ttl)}), and its rto is {rto:g} s"
    return message, f"most of it is {largest}: {remedy}"
