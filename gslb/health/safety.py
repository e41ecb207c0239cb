"""The safety rule: no intent takes away live members until a pool has fewer than `min_up`, or, where capacity is
declared, until the rest cannot carry the load (semantics section 5). Pure.

A drain for all and a force down take a member away; a drain for some takes its part of the capacity. What is out
already may always be drained.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from gslb.config.model import Config, Member, Pool
from gslb.health.states import AddressState, States, Verdict
from gslb.intents import Drain, Force, Intent, intent_on

_BY_OPERATORS: Final = ("drain", "force", "exclusive")  # steps that say nothing of health


class Shortage(NamedTuple):
    """A pool of which an intent would leave too little: at second `at`, of the members that are live before it.

    `capacity` is what the sites that are left can carry, None where one of them has no limit or the pool no load.
    """

    pool: str
    live: tuple[str, ...]
    left: tuple[str, ...]
    needed: int
    capacity: float | None
    load: float
    at: float

    def __str__(self) -> str:
        left = f"pool {self.pool} would keep {len(self.left)} of {len(self.live)} live members"
        if len(self.left) < min(self.needed, len(self.live)):
            return f"{left}, and needs {self.needed}"
        return f"{left}, with capacity {self.capacity:g} for a load of {self.load:g}"

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {**self._asdict(), "live": list(self.live), "left": list(self.left)}


def shortages(config: Config, states: States, intents: Iterable[Intent], new: Intent, now: float) -> list[Shortage]:
    """The pools of which `new` itself would leave too little, now or when others of `intents` begin while it lasts.

    `states` are those that are served; `intents` all that hold or will, which may be more than the states tell of yet.
    One with the id of `new` is what it takes the place of. Where loads are reported, the pools of `config` have them.
    """
    moments = _moments(config, states, intents, new, now)
    found = []
    for pool in _touched(config, states, new):
        short = [one for moment in moments if (one := moment.short(pool, new))]
        found += short[:1]
    return found


def remains(config: Config, states: States, intents: Iterable[Intent], new: Intent, now: float) -> list[Shortage]:
    """What `new` leaves, as it begins, of each pool that it takes away from, be it enough; see `shortages`."""
    moments = _moments(config, states, intents, new, now)[:1]
    return [moment.left(pool, new) for moment in moments for pool in _touched(config, states, new)]


def takes_away(wish: Intent) -> bool:
    """Whether an intent is of a kind that takes something away."""
    return isinstance(wish, Drain) or (isinstance(wish, Force) and not wish.up)


def _touched(config: Config, states: States, wish: Intent) -> list[Pool]:
    """The pools that an intent takes something away from; those that require one at the same site are among them."""
    if not takes_away(wish):
        return []
    covered = {pool.name for pool in config.pools.values() if _covers(wish, pool)}
    known = [pool for pool in config.pools.values() if pool.name in states]
    return [pool for pool in known if not covered.isdisjoint((pool.name, *pool.requires))]


def _covers(wish: Intent, pool: Pool) -> bool:
    return any(wish.target.covers(pool.name, member.name, member.site) for member in pool.members)


def _moments(config: Config, states: States, intents: Iterable[Intent], wish: Intent, now: float) -> list["_Moment"]:
    """When less may be left: as it begins, and as others begin while it lasts."""
    others = [one for one in intents if one.removed is None]
    first = max(wish.starts, now)
    later = {one.starts for one in others if one.starts > first and _holds_at(wish, one.starts)}
    return [_Moment(config, states, others, at, now) for at in (first, *sorted(later))]


class _Moment:
    """What is live, and wanted, at second `at`."""

    def __init__(self, config: Config, states: States, others: Sequence[Intent], at: float, now: float) -> None:
        self._config = config
        self._states = states
        self._at = at
        # What holds now holds, whatever the clock says of its end; of the time to come the clock is all there is.
        self._holding = [one for one in others if (one.active(now) if at <= now else _holds_at(one, at))]

    def short(self, pool: Pool, wish: Intent) -> Shortage | None:
        """What an intent leaves of a pool, if that is too little and was more without it."""
        found = self.left(pool, wish)
        if len(found.left) < min(len(found.live), found.needed):
            return found
        had, keeps = _capacity(pool, self._parts(pool, self._holding)), found.capacity
        less = keeps is not None and keeps < pool.load - 1e-9 and (had is None or keeps < had - 1e-9)
        # Clients that are kept away from all of a pool go to another one, and take their load along.
        whole = all(wish.target.covers(pool.name, m.name, m.site) for m in pool.members if m.name in found.left)
        return found if less and not whole else None

    def left(self, pool: Pool, wish: Intent) -> Shortage:
        """What an intent leaves of a pool."""
        before = self._parts(pool, self._holding)
        after = self._parts(pool, [*(one for one in self._holding if one.id != wish.id), wish])
        needed, keeps = pool.min_up.of(len(pool.members)), _capacity(pool, after)
        return Shortage(pool.name, tuple(before), tuple(after), needed, keeps, pool.load, self._at)

    def _parts(self, pool: Pool, holding: Sequence[Intent]) -> dict[str, float]:
        """The live members, and the part of its clients that each keeps."""
        drains = [one for one in holding if isinstance(one, Drain)]
        forces = [one for one in holding if isinstance(one, Force)]
        found = {}
        for member in pool.members:
            place = pool.name, member.name, member.site, self._at
            force, drain = intent_on(forces, *place), intent_on(drains, *place)
            if force:
                part = float(force.up)
            elif not self._stands(pool, member, forces):
                part = 0.0
            else:
                part = 1 - _percent(drain, pool) / 100 if drain else 1.0
            if part:
                found[member.name] = part
        return found

    def _stands(self, pool: Pool, member: Member, forces: Sequence[Force]) -> bool:
        """Whether it would be served if no operator had a word on it."""
        addresses = self._states[pool.name][member.name].addresses
        if addresses and not any(_by_health(address) == "up" for address in addresses):
            return False
        required = [self._config.pools[name] for name in pool.requires]
        return all(
            any(self._required(one, here, forces) for here in one.members if here.site == member.site)
            for one in required
        )

    def _required(self, pool: Pool, member: Member, forces: Sequence[Force]) -> bool:
        force = intent_on(forces, pool.name, member.name, member.site, self._at)
        addresses = self._states[pool.name][member.name].addresses
        return force.up if force else not addresses or any(one.observed != "down" for one in addresses)


def _holds_at(one: Intent, at: float) -> bool:
    """By the clock alone."""
    return one.starts <= at and (one.expires is None or at < one.expires)


def _percent(drain: Drain, pool: Pool) -> int:
    """What it takes away; of an exclusive pool all or nothing."""
    percent = min(max(drain.percent, 0), 100)
    return 0 if pool.exclusive and percent < 100 else percent


def _by_health(address: AddressState) -> Verdict:
    """What it would be without operators."""
    verdicts = [step.verdict for step in address.steps if step.name not in _BY_OPERATORS]
    return verdicts[-1] if verdicts else address.observed


def _capacity(pool: Pool, parts: Mapping[str, float]) -> float | None:
    """What the live sites of a pool can carry; a site carries by the member that keeps the largest part."""
    if not pool.load:
        return None
    keeps: dict[str, float] = {}
    for member in pool.members:
        if member.name in parts:
            keeps[member.site] = max(keeps.get(member.site, 0.0), parts[member.name])
    limits = dict(pool.capacities)
    return sum(limits[site] * part for site, part in keeps.items()) if keeps.keys() <= limits.keys() else None
