"""Which targets a configuration knows, and what a misspelt one may have meant."""

import difflib
from collections.abc import Iterator

from gslb.config.model import Config
from gslb.errors import NotFoundError
from gslb.intents import Target


def require_known(target: Target, config: Config) -> None:
    """Raises NotFoundError with the closest targets where the configuration does not have this one."""
    if _is_known(target, config):
        return
    known = list(map(str, targets_of(config)))
    close = difflib.get_close_matches(str(target), known, n=3)
    raise NotFoundError(
        f"the configuration has no {target}",
        pointer="/target",
        hint=f"did you mean {' or '.join(close)}?" if close else "GET /api/v1/status lists sites, pools and members",
    )


def _is_known(target: Target, config: Config) -> bool:
    match target.kind:
        case "site":
            return target.name in config.sites
        case "pool":
            return target.name in config.pools
        case _:
            pool = config.pools.get(target.pool)
            return pool is not None and any(member.name == target.name for member in pool.members)


def targets_of(config: Config) -> Iterator[Target]:
    """Everything that can be drained."""
    yield from (Target("site", name) for name in config.sites)
    yield from (Target("pool", name) for name in config.pools)
    yield from (Target("member", member.name, pool.name) for pool in config.pools.values() for member in pool.members)


def covered(target: Target, config: Config) -> list[tuple[str, str]]:
    """The members that a target covers, as (pool, member)."""
    return [
        (pool.name, member.name)
        for pool in config.pools.values()
        for member in pool.members
        if target.covers(pool.name, member.name, member.site)
    ]
