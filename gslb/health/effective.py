"""From what is observed to what is served (semantics section 3): composite of the monitors, settled, drains.

Deterministic and total. Each address is judged for itself, so that a dead IPv6 path takes no IPv4 address out.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from gslb.config.model import Config, Member, MonitorSet, Pool
from gslb.health.states import UNKNOWN, AddressState, Belief, MemberState, States, TargetKey, Verdict
from gslb.intents import Drain, drain_of, next_expiry

_LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def effective(
    config: Config, belief: Belief, drains: Sequence[Drain], now: float, *, settled: bool
) -> tuple[States, float | None]:
    """The state of every member of every pool, and the epoch second at which it changes by itself (None: never).

    A target that `belief` lacks is unknown. `settled`: the first round had its time, so unknown counts as up.
    """
    states = {
        pool.name: {
            member.name: _member(
                pool, member, belief, settled, drain_of(drains, pool.name, member.name, member.site, now)
            )
            for member in pool.members
        }
        for pool in config.pools.values()
    }
    return states, next_expiry(drains, now)


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
    seen = {name: belief.get(TargetKey(name, address), UNKNOWN) for name in monitors.of}
    passed = sum(observation.verdict == "up" for observation in seen.values())
    failed = sum(observation.verdict == "down" for observation in seen.values())
    if passed >= monitors.at_least:
        return "up", ""
    if len(seen) - failed < monitors.at_least:
        down = [f"{name}: {found.reason or 'down'}" for name, found in seen.items() if found.verdict == "down"]
        return "down", "; ".join(down)
    waiting = [name for name, found in seen.items() if found.verdict == "unknown"]
    return "unknown", "no result yet from " + ", ".join(waiting)


def _drained(drain: Drain) -> str:
    until = datetime.fromtimestamp(min(max(drain.expires, 0.0), _LAST_MOMENT), UTC)
    return f"drained: {drain.reason} (drain {drain.id}, until {until:%Y-%m-%dT%H:%M:%SZ})"
