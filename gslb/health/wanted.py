"""What operators want of one pool at one moment, by member (semantics section 5). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from gslb.config.model import Pool
from gslb.health.returning import shown
from gslb.intents import Drain, Force, Hold, Intent, intent_on

SHORTEST: Final = 5  # seconds: no TTL goes below that because of an operator
LEAD: Final = 1.0  # seconds by which each step comes early, so that publishing it may take its time

_FAR: Final = float(1 << 31)  # no TTL is so long

AnIntent = TypeVar("AnIntent", bound=Intent)


class Wanted(NamedTuple):
    """The intents that decide for each member that has one: `drains` for all clients, `parts` for some. `ttls`: the
    most that an answer with a member may live, before it is taken out; `at`: when one of these changes by itself."""

    drains: Mapping[str, Drain] = MappingProxyType({})
    parts: Mapping[str, Drain] = MappingProxyType({})
    holds: Mapping[str, Hold] = MappingProxyType({})
    forces: Mapping[str, Force] = MappingProxyType({})
    ttls: Mapping[str, int] = MappingProxyType({})
    at: Sequence[float] = ()

    def drain_of(self, member: str) -> Drain | None:
        """The drain that takes a member out, be it for some clients. A force that calls it up overrides it."""
        force = self.forces.get(member)
        return None if force and force.up else self.drains.get(member) or self.parts.get(member)


_NOTHING: Final = Wanted()


def wanted(pool: Pool, drains: Sequence[Drain], holds: Sequence[Hold], forces: Sequence[Force], now: float) -> Wanted:
    """What these intents, some of which may not have begun, mean for the members of a pool at `now`."""
    if not (drains or holds or forces):
        return _NOTHING
    found = _covering(pool, drains, now)
    ttls, at = _before(pool, [*drains, *holds, *forces], now)
    return Wanted(
        {name: drain for name, drain in found.items() if drain.percent >= 100},
        {name: drain for name, drain in found.items() if 0 < drain.percent < 100},
        _covering(pool, holds, now),
        _covering(pool, forces, now),
        ttls,
        at,
    )


def told(intent: Intent) -> str:
    """An intent in one line, for people."""
    until = "until cancelled" if intent.expires is None else f"until {shown(intent.expires)}"
    return f"{intent.reason} ({intent.kind} {intent.id}, {until})"


def _covering(pool: Pool, intents: Sequence[AnIntent], now: float) -> dict[str, AnIntent]:
    found = ((m.name, intent_on(intents, pool.name, m.name, m.site, now)) for m in pool.members) if intents else ()
    return {name: intent for name, intent in found if intent}


def _before(pool: Pool, intents: Iterable[Intent], now: float) -> tuple[dict[str, int], list[float]]:
    """The TTLs of members that are taken out at a known time, and when intents begin or TTLs step down."""
    ttls: dict[str, int] = {}
    at: list[float] = []
    for one in intents:
        covered = [m.name for m in pool.members if one.target.covers(pool.name, m.name, m.site)]
        if not covered or one.state(now) != "scheduled":
            continue
        at.append(one.starts)
        if _takes_out(one, pool):
            ttl, until = ttl_before(one.starts, now)
            at.append(until)
            ttls.update({name: min(ttl, ttls.get(name, ttl)) for name in covered})
    return ttls, at


def _takes_out(one: Intent, pool: Pool) -> bool:
    if isinstance(one, Drain):
        return one.percent >= 100 or (one.percent > 0 and not pool.exclusive)
    return isinstance(one, Force) and not one.up


def ttl_before(starts: float, now: float) -> tuple[int, float]:
    """The most that an answer may live that changes at `starts`, and until when that holds.

    It is never more than what is left, nor less than SHORTEST. Each step halves it, so that there are few of them.
    """
    left, ttl = min(starts - now - LEAD - 1e-3, _FAR), SHORTEST
    while ttl * 2 < left:
        ttl *= 2
    return ttl, starts if ttl == SHORTEST else starts - LEAD - ttl
