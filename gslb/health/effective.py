"""From belief to what is served (semantics section 3). Pure: the same inputs at the same second give the same states.

    step            what it does                                                              where it is
    observed        the composite of the pool's monitors; `scope: local` prefers this site    here
    requires        down while the required pool is down at the same site                     here
    failback        what stands again may have to wait                                        returning.py
    damping         what flaps comes back late                                                returning.py
    blast radius    what health takes away beyond `max_loss` is held for a while              guard.py
    hold            an operator froze the result                                              here
    ramp            what returns begins with a tenth of its weight                            ramp.py
    drain, force    an operator's word                                                        here
    exclusive       never more than one                                                       here

Each address is judged for itself, so that a dead IPv6 path takes no IPv4 address out.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import compress
from operator import is_, is_not
from types import MappingProxyType
from typing import Final, NamedTuple

from gslb.config.model import Config, Pool
from gslb.health.judging import Inputs, Judged, judge_pool
from gslb.health.memory import NOTHING, Memory, Numbers, PoolPast
from gslb.health.states import Belief, States
from gslb.intents import Drain, Force, Hold, Intent, Target, next_change

FORGOTTEN: Final[Memory] = MappingProxyType({})


class Outcome(NamedTuple):
    """What is served, what must be remembered for the next step, and the second at which it changes by itself.

    `due` says that for each pool that changes with time; `inputs` is what it was made from.
    """

    states: States
    memory: Memory
    change_at: float | None
    due: Mapping[str, float]
    inputs: Inputs


def effective(
    config: Config, inputs: Inputs, now: float, former: Outcome | None = None, memory: Memory = FORGOTTEN
) -> Outcome:
    """The state of every member of every pool at `now` (epoch seconds).

    With `former`, the outcome before for the same config, only pools that something changed for are looked at; the
    others keep their states as they are. Without it, `memory` is what is left of another config or an earlier process.
    Pools that are alike are judged once where their pasts and the intents about them are the same, too: they share the
    result, which nobody may change.
    """
    inputs = inputs.current(now)
    if former is None or former.inputs.settled != inputs.settled:
        touched: Iterable[Pool] = config.pools.values()
        earlier, states, past, due = former.memory if former else memory, {}, {}, {}
    else:
        touched = _touched(config, inputs, former, now)
        earlier, states, past, due = former.memory, dict(former.states), dict(former.memory), dict(former.due)
    near, twins = _Near(inputs), _Twins(config, inputs, now)
    for pool in touched:
        about = near.to(pool, *map(config.pools.__getitem__, pool.requires))
        judged = twins.judge(pool, about, earlier.get(pool.name, NOTHING))
        states[pool.name], past[pool.name], at = judged
        due.pop(pool.name, None)
        if at is not None:
            due[pool.name] = at
    changes = [*due.values(), *filter(None, (next_change(inputs.intents, now),))]
    return Outcome(states, past, min(changes, default=None), due, inputs)


class _Twins:
    """Judges pools at one moment; those that are alike, with the same past and intents, once."""

    def __init__(self, config: Config, inputs: Inputs, now: float) -> None:
        self._config = config
        self._inputs = inputs
        self._now = now
        self._number = Numbers().of
        self._judged: dict[tuple[object, ...], Judged] = {}

    def judge(self, pool: Pool, about: Inputs, was: PoolPast) -> Judged:
        """The pool with its past, by the inputs that are about it."""
        kind = self._inputs.alike.get(pool.name)
        if kind is None:
            return judge_pool(self._config, pool, about, was, self._now)
        intents = () if about is self._inputs else tuple(map(id, about.intents))  # the inputs keep them
        key = kind, pool.name in self._inputs.ranged, self._number(was), intents
        if key not in self._judged:
            self._judged[key] = judge_pool(self._config, pool, about, was, self._now)
        return self._judged[key]


class _Near:
    """The intents by target: a pool is judged by those alone that are about it or what it requires."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._intents: dict[Target, list[Intent]] = {}
        for one in inputs.intents:
            self._intents.setdefault(one.target, []).append(one)

    def to(self, *pools: Pool) -> Inputs:
        """The inputs with the intents that are about one of these pools."""
        if not self._intents:
            return self._inputs
        targets = {target for pool in pools for target in _targets(pool)}
        found = [one for target in targets & self._intents.keys() for one in self._intents[target]]
        return self._inputs._replace(
            drains=[one for one in found if isinstance(one, Drain)],
            holds=[one for one in found if isinstance(one, Hold)],
            forces=[one for one in found if isinstance(one, Force)],
        )


def _targets(pool: Pool) -> Iterator[Target]:
    """All that an intent may name to be about members of a pool."""
    yield Target("pool", pool.name)
    for member in pool.members:
        yield Target("site", member.site)
        yield Target("member", member.name, pool.name)


def _touched(config: Config, inputs: Inputs, former: Outcome, now: float) -> list[Pool]:
    """The pools with an address whose belief is another, those that intents came or went for, and those whose time it
    is; and the pools that require one of them."""
    moved = _moved(former.inputs.belief, inputs.belief) | _moved(former.inputs.local, inputs.local)
    intents = _others(inputs.intents, former.inputs.intents)
    names = {name for name, at in former.due.items() if at <= now}
    for pool in config.pools.values():
        if any(not moved.isdisjoint(member.probed) for member in pool.members) or _covered(pool, intents):
            names.add(pool.name)
    return [
        pool
        for pool in config.pools.values()
        if pool.name in names or (pool.requires and not names.isdisjoint(pool.requires))
    ]


def _others(these: Iterable[Intent], those: Iterable[Intent]) -> Set[Intent]:
    """What is only in one of both; most are the very same objects, which need not be compared."""
    one, other = {id(intent): intent for intent in these}, {id(intent): intent for intent in those}
    return {one[at] for at in one.keys() - other.keys()} ^ {other[at] for at in other.keys() - one.keys()}


def _covered(pool: Pool, intents: Set[Intent]) -> bool:
    return bool(intents) and any(
        one.target.covers(pool.name, member.name, member.site) for one in intents for member in pool.members
    )


def _moved(before: Belief, belief: Belief) -> set[str]:
    """The addresses of targets of which another thing is believed, or that came or went."""
    if before is belief:
        return set()
    if len(before) == len(belief) and all(map(is_, before, belief)):  # the usual case, at a tenth of the cost
        return {key.address for key in compress(belief, map(is_not, before.values(), belief.values()))}
    moved = {key.address for key, seen in belief.items() if before.get(key) is not seen}
    return moved | {key.address for key in before.keys() - belief.keys()}
