"""Views of who probes and who said what."""

from typing import Any

from gslb.config.model import Config
from gslb.control.evidence import monitor_view
from gslb.health.states import Belief, TargetKey
from gslb.health.votes import Ballots

Json = dict[str, Any]


def all_probers(config: Config, ballots: Ballots) -> list[Json]:
    """Those of the configuration and those whose votes are known, by name."""
    found = []
    for name in sorted(config.probers.keys() | ballots.keys()):
        ballot, known = ballots.get(name), config.probers.get(name)
        found.append(
            {
                "name": name,
                "site": ballot.site if ballot else known.site if known else "",
                "blind": ballot.blind if ballot else "",
                "configured": known is not None or not config.probers,
                "present": ballot is not None,
                "votes": len(ballot.verdicts) if ballot else 0,
            }
        )
    return found


def target_view(key: TargetKey, site: str, belief: Belief, ballots: Ballots) -> Json:
    """One target of a monitor: what is believed, and each vote."""
    view = monitor_view(key, belief, ballots)
    return {"monitor": view.pop("name"), "address": key.address, "site": site, **view}
