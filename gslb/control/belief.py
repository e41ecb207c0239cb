"""What the controller carries from one moment to the next: belief that survives, and since when states hold. Pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gslb.health.states import AddressState, Belief, States
from gslb.store import HealthSnapshot


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


def changes(before: States, after: States) -> Iterator[tuple[Place, AddressState, AddressState | None]]:
    """Every address whose effective state is another than before, with that state (None: it was not there)."""
    old = dict(addresses(before))
    for place, state in addresses(after):
        previous = old.get(place)
        if previous is None or previous.effective != state.effective:
            yield place, state, previous


def addresses(states: States) -> Iterator[tuple[Place, AddressState]]:
    """Every address of every member, with its state."""
    for pool, members in states.items():
        for member in members.values():
            for state in member.addresses:
                yield Place(pool, member.member, state.address), state


def since(held: Mapping[Place, float], before: States, after: States, now: float) -> dict[Place, float]:
    """When each address of `after` took its effective state, as far as this process knows."""
    moved = {place: now for place, _, _ in changes(before, after)}
    return {place: moved.get(place, held.get(place, now)) for place, _ in addresses(after)}
