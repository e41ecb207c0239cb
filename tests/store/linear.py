"""Whether a history of drains and undrains of one target could have happened one after the other.

A target is free, or held by one drain. Histories are checked event by event: every call takes effect at one moment
between its beginning and its end, so when a call ends, each way in which things may have gone must include it. Calls
whose outcome nobody knows never end: they may take effect at any time later, or never. As targets do not depend on each
other, a history of several is right when that of each is (Herlihy and Wing, 1990).
"""

from collections.abc import Iterable
from math import inf
from typing import Literal, NamedTuple

FREE = ""


class Call(NamedTuple):
    """One operation on a target. Times in seconds of one clock; `ended` inf = the outcome is not known."""

    action: Literal["drain", "undrain"]
    drain: str
    began: float
    ended: float = inf
    done: bool = True  # False = refused, since another drain held


class Way(NamedTuple):
    """One way in which things may have gone: who holds the target, and which calls under way have taken effect."""

    holder: str
    effective: frozenset[int]


def fault(calls: Iterable[Call], holder: str = FREE) -> Call | None:
    """The first call that no order of all those before explains; None = the history is right."""
    history = list(calls)
    events = [(call.began, 0, at) for at, call in enumerate(history)]
    events += [(call.ended, 1, at) for at, call in enumerate(history) if call.ended < inf]
    ways, under_way = {Way(holder, frozenset())}, set()
    for _, ends, at in sorted(events):
        if not ends:
            under_way.add(at)
            continue
        ways = {Way(way.holder, way.effective - {at}) for way in _reach(ways, at, under_way, history)}
        if not ways:
            return history[at]
        under_way.discard(at)
    return None


def _reach(ways: set[Way], wanted: int, under_way: set[int], history: list[Call]) -> set[Way]:
    """All ways on from these, up to where the call `wanted` has taken effect."""
    found: set[Way] = set()
    seen, open_ways = set(ways), list(ways)
    while open_ways:
        way = open_ways.pop()
        if wanted in way.effective:
            found.add(way)
            continue
        for at in under_way - way.effective:
            after = _after(way.holder, history[at])
            if after is not None:
                further = Way(after, way.effective | {at})
                if further not in seen:
                    seen.add(further)
                    open_ways.append(further)
    return found


def _after(holder: str, call: Call) -> str | None:
    """Who holds the target after the call; None = it cannot have ended as it did."""
    if call.action == "undrain":
        return FREE if holder == call.drain else holder
    if call.ended == inf:
        return holder or call.drain
    if call.done:
        return call.drain if holder == FREE else None
    return holder if holder != FREE else None
