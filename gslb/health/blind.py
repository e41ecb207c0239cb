"""Whether a prober sees: one that is cut off must not call everybody else dead (semantics section 2).

References are what answers as long as the prober's own network works: routers, resolvers, other name servers. Targets
are counted by site, and so are references, so that one dead site is one event.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gslb.config.model import Monitor
from gslb.health.states import Belief, TargetKey, Verdict

MANY_SITES = 4  # from so many on, the failure of most of the others at once is a sign without references, too


def blindness(
    references: Iterable[Iterable[Verdict]],
    verdicts: Belief,
    sites: Mapping[TargetKey, str],
    own: str,
    *,
    chosen: bool = True,
) -> str:
    """Why a prober at site `own` is blind; empty where it sees.

    `references` are its verdicts on its references, in groups that may die together: those at one site. `sites` is the
    site of each target. References that answer settle it: what fails then is dead, be it everything. Those without a
    verdict yet say nothing. Nor does a lone group that fails, unless an operator has `chosen` one that does not die:
    other probers do.
    """
    groups = [_together(group) for group in references]
    failing = groups.count("down")
    if "up" in groups or (failing and (chosen or len(groups) > 1)):
        return f"{failing} of {len(groups)} references fail" if 2 * failing > len(groups) else ""
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
    """What a prober that sees again may vote: without each `down` for which something in its blind time speaks, until a
    live target had the time to be called up. What is still down then is dead."""
    return {
        key: seen
        for key, seen in verdicts.items()
        if seen.verdict != "down" or not _in_the_dark(seen.since, monitors.get(key.monitor), doubt, now)
    }


def _in_the_dark(since: float, monitor: Monitor | None, doubt: Doubt, now: float) -> bool:
    detection = monitor.detection if monitor else 0.0  # failures that made this verdict go back so far
    return doubt.began <= since < doubt.ended + detection and now < doubt.ended + recovery(monitor)


def recovery(monitor: Monitor | None) -> float:
    """Seconds after which a target that answers has been called up."""
    return (monitor.rise + 1 + monitor.jitter) * monitor.interval + monitor.timeout if monitor else 0.0


def _together(group: Iterable[Verdict]) -> Verdict:
    """Up while one of them answers."""
    found = set(group)
    return "up" if "up" in found else "down" if "down" in found else "unknown"


def _dead_sites(verdicts: Belief, sites: Mapping[TargetKey, str]) -> dict[str, bool]:
    """For each site with a target that has a verdict: whether all of them fail."""
    dead: dict[str, bool] = {}
    for key, site in sites.items():
        seen = verdicts.get(key)
        if seen is not None and seen.verdict != "unknown":
            dead[site] = dead.get(site, True) and seen.verdict == "down"
    return dead
