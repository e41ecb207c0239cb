"""The safety rule: no intent takes away live members until a pool has fewer than `min_up` (semantics section 5)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gslb.config.model import Config, Pool
from gslb.health.states import MemberState, States
from gslb.intents import Drain, Target, intent_on


class Shortage(NamedTuple):
    """A pool that an intent would leave with too few live members."""

    pool: str
    live: tuple[str, ...]  # before
    left: tuple[str, ...]
    needed: int

    def __str__(self) -> str:
        left = f"{len(self.left)} of {len(self.live)} live members"
        return f"pool {self.pool} would keep {left}, and needs {self.needed}"


def shortages(config: Config, states: States, drains: Sequence[Drain], target: Target, now: float) -> list[Shortage]:
    """The pools from which a drain of `target` itself takes live members, and then fewer than `min_up` are left.

    `states` are those that are served; `drains` those that are known, which may be more than the states tell of yet.
    """
    found = []
    for pool in config.pools.values():
        live = tuple(_live(pool, states.get(pool.name, {}).values(), drains, now))
        left = tuple(name for name, site in live if not target.covers(pool.name, name, site))
        needed = pool.min_up.of(len(pool.members))
        if len(left) < min(len(live), needed):
            found.append(Shortage(pool.name, tuple(name for name, _ in live), left, needed))
    return found


def _live(pool: Pool, members: Iterable[MemberState], drains: Sequence[Drain], now: float) -> Iterable[tuple[str, str]]:
    """Members, with their sites, that are served and that no drain is about to take out."""
    for member in members:
        serves = any(address.effective == "up" for address in member.addresses) or not member.addresses
        out = member.drain or member.forced_down or intent_on(drains, pool.name, member.member, member.site, now)
        if serves and not out:
            yield member.member, member.site
