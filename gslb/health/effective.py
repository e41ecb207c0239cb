"""From what is observed to what is served (semantics section 3): composite of the monitors, settled, drains.

Deterministic and total. Each address is judged for itself, so that a dead IPv6 path takes no IPv4 address out.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import compress
from operator import is_, is_not
from typing import NamedTuple

from gslb.config.model import Config, Member, MonitorSet, Pool
from gslb.health.states import UNKNOWN, AddressState, Belief, MemberState, States, TargetKey, Verdict
from gslb.intents import Drain, drain_of, next_expiry

_LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


class Former(NamedTuple):
    """An earlier result for the same config, and what it was made from; `drains` are those that were active."""

    belief: Belief
    drains: Sequence[Drain]
    settled: bool
    states: States


def effective(
    config: Config,
    belief: Belief,
    drains: Sequence[Drain],
    now: float,
    *,
    settled: bool,
    former: Former | None = None,
) -> tuple[States, float | None]:
    """The state of every member of every pool, and the epoch second at which it changes by itself (None: never).

    A target that `belief` lacks is unknown. `settled`: the first round had its time, so unknown counts as up.
    With `former`, only pools that something changed for are looked at; the others keep their states as they are.
    """
    active = [drain for drain in drains if drain.active(now)]
    if former is None or former.settled != settled:
        touched: Iterable[tuple[Pool, Sequence[Member]]] = ((pool, pool.members) for pool in config.pools.values())
        states = {}
    else:
        touched = _touched(config, belief, active, former)
        states = dict(former.states)
    for pool, members in touched:
        states[pool.name] = {
            **states.get(pool.name, {}),
            **{
                member.name: _member(
                    pool,
                    member,
                    belief,
                    settled,
                    drain_of(active, pool.name, member.name, member.site, now) if active else None,
                )
                for member in members
            },
        }
    return states, next_expiry(active, now)


def _touched(
    config: Config, belief: Belief, active: Sequence[Drain], former: Former
) -> Iterator[tuple[Pool, Sequence[Member]]]:
    """The members with an address whose belief is another, and those that drains which came or went cover; by pool."""
    moved = _moved(former.belief, belief)
    drains = [drain.target for drain in {*active} ^ {*former.drains}]
    for pool in config.pools.values():
        members = [
            member
            for member in pool.members
            if not moved.isdisjoint(member.addresses)
            or (drains and any(target.covers(pool.name, member.name, member.site) for target in drains))
        ]
        if members:
            yield pool, members


def _moved(before: Belief, belief: Belief) -> set[str]:
    """The addresses of targets of which another thing is believed, or that came or went."""
    if len(before) == len(belief) and all(map(is_, before, belief)):  # the usual case, at a tenth of the cost
        return {key.address for key in compress(belief, map(is_not, before.values(), belief.values()))}
    moved = {key.address for key, seen in belief.items() if before.get(key) is not seen}
    return moved | {key.address for key in before.keys() - belief.keys()}


def _member(pool: Pool, member: Member, belief: Belief, settled: bool, drain: Drain | None) -> MemberState:
    addresses = tuple(_address(pool.monitors, address, belief, settled, drain) for address in member.addresses)
    return MemberState(pool.name, member.name, member.site, addresses, drain.id if drain else "")


def _address(monitors: MonitorSet, address: str, belief: Belief, settled: bool, drain: Drain | None) -> AddressState:
    observed, reason = _observe(monitors, address, belief)
    verdict = observed
    if verdict == "unknown" and settled:
        verdict, reason = "up", f"counts as up until the first result: {reason}"
    if drain:
        verdict, reason = "down", "; ".join(filter(None, (_drained(drain), reason)))
    return AddressState(address, observed, verdict, reason)


def _observe(monitors: MonitorSet, address: str, belief: Belief) -> tuple[Verdict, str]:
    """The composite of a pool's monitors; without monitors, up. The reason names the monitors that do not pass."""
    seen = [(name, belief.get(TargetKey(name, address), UNKNOWN)) for name in monitors.of]
    verdicts = [observation.verdict for _, observation in seen]
    if verdicts.count("up") >= monitors.at_least:
        return "up", ""
    if len(seen) - verdicts.count("down") < monitors.at_least:
        down = [f"{name}: {found.reason or 'down'}" for name, found in seen if found.verdict == "down"]
        return "down", "; ".join(down)
    waiting = [name for name, found in seen if found.verdict == "unknown"]
    return "unknown", "no result yet from " + ", ".join(waiting)


def _drained(drain: Drain) -> str:
    until = datetime.fromtimestamp(min(max(drain.expires, 0.0), _LAST_MOMENT), UTC)
    return f"drained: {drain.reason} (drain {drain.id}, until {until:%Y-%m-%dT%H:%M:%SZ})"
