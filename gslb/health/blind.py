"""Whether a prober sees: one that is cut off must not call everybody else dead (semantics section 2).

References are what answers as long as the prober's own network works: routers, resolvers, other name servers. Targets
are counted by site, so that one dead site is one event.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gslb.config.model import Monitor
from gslb.health.states import Belief, TargetKey, Verdict

MANY_SITES = 4  # from so many on, the failure of most of the others at once is a sign without references, too


def blindness(references: Sequence[Verdict], verdicts: Belief, sites: Mapping[TargetKey, str], own: str) -> str:
    """Why a prober at site `own` is blind; empty where it sees.

    `references` are its verdicts on its references, `sites` the site of each target. References that answer settle it:
    what fails then is dead, be it everything. Those without a verdict yet say nothing.
    """
    failing = references.count("down")
    if failing or "up" in references:
        return f"{failing} of {len(references)} references fail" if 2 * failing > len(references) else ""
    dead = _dead_sites(verdicts, sites)
    if len(dead) >= 2 and all(dead.values()):
        return f"every target at all {len(dead)} sites fails"
    others = [down for site, down in dead.items() if site != own]
    if len(dead) >= MANY_SITES and 2 * sum(others) > len(others):
        return f"{sum(others)} of {len(others)} other sites fail"
    return ""


class Doubt(NamedTuple):
    """When a prober was blind: seconds of its begin and end."""

    began: float
    ended: float


def trusted(verdicts: Belief, monitors: Mapping[str, Monitor], doubt: Doubt, now: float) -> Belief:
    """What a prober that sees again may vote: without each `down` of its blind time, until a live target had the time
    to be called up. What is still down then is dead."""
    return {
        key: seen
        for key, seen in verdicts.items()
        if seen.verdict != "down"
        or seen.since < doubt.began
        or now >= doubt.ended + recovery(monitors.get(key.monitor))
    }


def recovery(monitor: Monitor | None) -> float:
    """Seconds after which a target that answers has been called up."""
    return (monitor.rise + 1 + monitor.jitter) * monitor.interval + monitor.timeout if monitor else 0.0


def _dead_sites(verdicts: Belief, sites: Mapping[TargetKey, str]) -> dict[str, bool]:
    """For each site with a target that has a verdict: whether all of them fail."""
    dead: dict[str, bool] = {}
    for key, site in sites.items():
        seen = verdicts.get(key)
        if seen is not None and seen.verdict != "unknown":
            dead[site] = dead.get(site, True) and seen.verdict == "down"
    return dead
