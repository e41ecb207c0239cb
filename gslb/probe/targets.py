"""What there is to probe."""

from collections.abc import Mapping

from gslb.config.model import Config, Monitor
from gslb.health.states import TargetKey
from gslb.probe.references import references_of


def targets_of(config: Config) -> Mapping[TargetKey, Monitor]:
    """Every (monitor, address) that some pool refers to, once, and the references of this prober.

    Whether they may be probed was decided with the config.
    """
    return {**{key: config.monitors[key.monitor] for key in sites_of(config)}, **references_of(config)}


def sites_of(config: Config) -> Mapping[TargetKey, str]:
    """The site of each target that some pool refers to; of an address at two sites, the first."""
    sites: dict[TargetKey, str] = {}
    for pool in config.pools.values():
        for monitor in pool.monitors.of:
            for member in pool.members:
                for address in member.probed:
                    sites.setdefault(TargetKey(monitor, address), member.site)
    return sites
