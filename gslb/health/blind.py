"""Whether a prober sees: one that is cut off must not call everybody else dead (semantics section 2).

References are what answers as long as the prober's own network works: routers, resolvers, other name servers. Targets
are counted by site, so that one dead site is one event.
"""

from collections.abc import Mapping, Sequence

from gslb.health.states import Belief, TargetKey, Verdict

MANY_SITES = 4  # from so many on, the failure of most of the others at once is a sign without references, too


def blindness(references: Sequence[Verdict], verdicts: Belief, sites: Mapping[TargetKey, str], own: str) -> str:
    """Why a prober at site `own` is blind; empty where it sees.

    `references` are its verdicts on its references, `sites` the site of each target. References that answer settle it:
    what fails then is dead, be it everything.
    """
    failing = references.count("down")
    if references:
        return f"{failing} of {len(references)} references fail" if 2 * failing > len(references) else ""
    dead = _dead_sites(verdicts, sites)
    if len(dead) >= 2 and all(dead.values()):
        return f"every target at all {len(dead)} sites fails"
    others = [down for site, down in dead.items() if site != own]
    if len(dead) >= MANY_SITES and 2 * sum(others) > len(others):
        return f"{sum(others)} of {len(others)} other sites fail"
    return ""


def _dead_sites(verdicts: Belief, sites: Mapping[TargetKey, str]) -> dict[str, bool]:
    """For each site with a target that has a verdict: whether all of them fail."""
    dead: dict[str, bool] = {}
    for key, site in sites.items():
        seen = verdicts.get(key)
        if seen is not None and seen.verdict != "unknown":
            dead[site] = dead.get(site, True) and seen.verdict == "down"
    return dead
