"""What the controller carries from one moment to the next: belief that survives, and since when states hold. Pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gslb.health.states import AddressState, Belief, States
from gslb.store import HealthSnapshot

MOST_LINES = 100  # of one publication: the failure of a site may touch thousands of pools


class Place(NamedTuple):
    """One address of one member of one pool."""

    pool: str
    member: str
    address: str


def believable(snapshot: HealthSnapshot | None, now: float, max_age: float) -> Belief:
    """The belief of a snapshot at most `max_age` seconds old, else none. A stamp in the future is not believed."""
    if snapshot is None or not 0 <= now - snapshot.stamp <= max_age:
        return {}
    return {key: seen for key, seen in snapshot.belief.items() if seen.verdict != "unknown"}


def known_dead(snapshot: HealthSnapshot | None) -> Belief:
    """What was down, however long ago: as long as nobody has looked, that is likelier than life."""
    return {key: seen for key, seen in snapshot.belief.items() if seen.verdict == "down"} if snapshot else {}


def changes(before: States, after: States) -> Iterator[tuple[Place, AddressState, AddressState | None]]:
    """Every address whose effective state is another than before, with that state (None: it was not there)."""
    old = dict(addresses(_other(before, after)))
    for place, state in addresses(_other(after, before)):
        previous = old.get(place)
        if previous is None or previous.effective != state.effective:
            yield place, state, previous


def told(before: States, after: States) -> Iterator[str]:
    """For the log: a line for each address that took another effective state, if there are not too many."""
    moved = [found for found in changes(before, after) if found[2] is not None]
    for place, state, former in moved[:MOST_LINES]:
        change = f"{former and former.effective} -> {state.effective}"
        yield f"{place.pool}/{place.member} {place.address}: {change} {state.reason}"
    if len(moved) > MOST_LINES:
        yield f"... and {len(moved) - MOST_LINES} more addresses"


def _other(these: States, those: States) -> States:
    """The pools that are not the very same object among those: what did not change need not be looked at."""
    return {pool: members for pool, members in these.items() if those.get(pool) is not members}


def addresses(states: States) -> Iterator[tuple[Place, AddressState]]:
    """Every address of every member, with its state."""
    for pool, members in states.items():
        for member in members.values():
            for state in member.addresses:
                yield Place(pool, member.member, state.address), state


def since(held: Mapping[Place, float], before: States, after: States, now: float) -> dict[Place, float]:
    """When each address of `after` took its effective state, as far as this process knows; `held` is for `before`."""
    old, new = dict(addresses(_other(before, after))), dict(addresses(_other(after, before)))
    times = dict(held)
    for place in old.keys() - new.keys():
        times.pop(place, None)
    for place, state in new.items():
        if place not in old or old[place].effective != state.effective:
            times[place] = now
    return times
