"""What is broken when in a run of chaos: everything from one seed, before it begins.

Whatever happens, a client finds an answer: one node at a time is kept from answering. All else may come together.
"""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.e2e.lab.outages import Layout

REST = 3.0  # seconds between two that may keep a node from answering
_SHARES = (0.1, 0.3, 1.0)
_TURNS = [f"{number} {mode}" for number in (0, 1) for mode in ("refuse", "tarpit", "error")]


class Step(NamedTuple):
    """At `at` seconds from the beginning something is broken, and mended after `lasts`; 0.0 is not to be mended."""

    at: float
    kind: str
    where: str
    detail: str
    lasts: float


class Kind(NamedTuple):
    """How often, how long, and what else must not be broken then: `takes` names it by the place."""

    often: int
    shortest: float
    longest: float
    places: Callable[[Layout], Sequence[str]]
    takes: Callable[[str], Sequence[str]]
    details: Callable[[Layout, str], Sequence[str]] = lambda *_: ("",)


def _answering(layout: Layout) -> Sequence[str]:
    return layout.answering


def _nodes(layout: Layout) -> Sequence[str]:
    return list(layout.roles)


def _members(layout: Layout) -> Sequence[str]:
    return layout.members


def _served(layout: Layout) -> Sequence[str]:
    return sorted(set(layout.addresses.values()))


def _all(_: Layout) -> Sequence[str]:
    return ("all",)


def _others(layout: Layout, where: str) -> Sequence[str]:
    return [f"{site} {share}" for site in layout.sites if site != where for share in _SHARES]


def _answers(where: str) -> Sequence[str]:
    return "answers", f"node {where}"


def _node(where: str) -> Sequence[str]:
    return (f"node {where}",)


def _site(where: str) -> Sequence[str]:
    return "answers", f"node {where}", f"member {where}", f"targets {where}"


def _every_member(_: str) -> Sequence[str]:
    return ("etcd",)


KINDS = {
    "kill worker": Kind(3, 0, 0, _answering, _answers),
    "stop worker": Kind(2, 4, 4, _answering, _answers),
    "kill supervisor": Kind(2, 0.3, 6, _answering, _answers),
    "kill control": Kind(4, 0, 0, _answering, _node),
    "stop control": Kind(6, 1, 10, _nodes, _node),
    "kill node": Kind(3, 1, 8, _nodes, _answers),
    "stop node": Kind(3, 1, 8, _nodes, _answers),
    "cut node": Kind(3, 1, 10, _nodes, _answers),
    "lossy node": Kind(2, 2, 10, _nodes, _answers, lambda *_: ("0.1", "0.3")),
    "cut site": Kind(9, 2, 12, lambda layout: list(layout.sites), _site),
    "kill site": Kind(9, 3, 10, _served, _site),
    "kill member": Kind(3, 1, 10, _members, lambda where: (f"member {where}",)),
    "stop member": Kind(2, 1, 10, _members, lambda where: (f"member {where}",)),
    "cut member": Kind(2, 1, 10, _members, lambda where: (f"member {where}",)),
    "kill leader": Kind(3, 2, 8, _all, _every_member),
    "kill etcd": Kind(2, 3, 15, _all, _every_member),
    "stop etcd": Kind(1, 3, 12, _all, _every_member),
    "lossy link": Kind(4, 2, 10, _nodes, lambda where: (f"link {where}",), _others),
    "lossy sites": Kind(2, 2, 10, lambda layout: list(layout.sites), lambda where: (f"sites {where}",), _others),
    "turn target": Kind(8, 2, 15, _served, lambda where: (f"targets {where}",), lambda *_: _TURNS),
    "kill targets": Kind(4, 2, 12, _served, lambda where: (f"targets {where}",)),
    "stop targets": Kind(2, 2, 12, _served, lambda where: (f"targets {where}",)),
    "reload": Kind(3, 0, 0, _all, lambda _: ("zones",)),
}


def planned(seed: int, seconds: float, layout: Layout, pace: float = 1.5) -> list[Step]:
    """The steps of a run: a new one every `pace` seconds, on the average, if what it takes is there."""
    rng = random.Random(seed)
    taken: dict[str, float] = {}
    steps: list[Step] = []
    at = 1.0
    while (at := at + rng.expovariate(1 / pace)) < seconds:
        name = rng.choices(list(KINDS), [kind.often for kind in KINDS.values()])[0]
        kind = KINDS[name]
        where = rng.choice(kind.places(layout))
        step = Step(at, name, where, rng.choice(kind.details(layout, where)), rng.uniform(kind.shortest, kind.longest))
        takes = {what for what in kind.takes(where) if what != "answers" or where in layout.answering}
        members = {f"member {site}" for site in layout.members}
        takes |= members if "etcd" in takes else set()
        if all(taken.get(what, 0.0) <= at for what in takes):
            taken |= dict.fromkeys(takes, at + step.lasts + REST)
            steps.append(step)
    return steps
