"""What there is to probe."""

from gslb.config.model import Config
from gslb.health.states import TargetKey


def targets_of(config: Config) -> frozenset[TargetKey]:
    """Every (monitor, address) that some pool refers to, once. Whether it may be probed was decided with the config."""
    return frozenset(
        TargetKey(monitor, address)
        for pool in config.pools.values()
        for monitor in pool.monitors.of
        for member in pool.members
        for address in member.addresses
    )
