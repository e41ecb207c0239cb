"""Blast radius (semantics section 3, step 5): health may take one whole site, or `max_loss` of a pool, within a window.

What goes beyond is served on for at most one window, unless all voters outside the sites that are lost agree.
"""

from collections.abc import Callable, Mapping, Set
from typing import NamedTuple

from gslb.config.model import Pool
from gslb.health.memory import Loss

WINDOW = 60.0  # seconds


class Verdicts(NamedTuple):
    """Which losses stand and which are held, by member; and when that changes by itself."""

    losses: Mapping[str, Loss]
    held: Set[str]
    at: float | None


Agree = Callable[[Set[str], Set[str]], bool]  # (members, sites): do all voters outside the sites call them all down?


class Down(NamedTuple):
    """The members that are down by health, and those of them that were served until now."""

    all: Set[str]
    served: Set[str]


def guard(pool: Pool, before: Mapping[str, Loss], down: Down, now: float, agree: Agree) -> Verdicts:
    """Judge what health takes away now. `before` are the losses so far, of which those that are over are dropped."""
    losing = down.served
    if not before and len(losing) == 1:  # the usual case
        return Verdicts(
            {member.name: Loss(member.site, now) for member in pool.members if member.name in losing}, frozenset(), None
        )
    recent = {name: loss for name, loss in before.items() if now < loss.at + WINDOW and name in down.all}
    released = {name for name in losing if name in before and name not in recent}  # a whole window has passed
    sites = {member.name: member.site for member in pool.members}
    losses = recent | {name: Loss(sites[name], now) for name in losing - recent.keys()}
    waiting = {name for name in losing - released if name not in recent or recent[name].held}
    held = _beyond(pool, losses, Down(down.all, waiting), agree) if waiting else set()
    for name in waiting:  # what goes now counts from now, however long it was held
        losses[name] = losses[name]._replace(held=True) if name in held else Loss(sites[name], now)
    return Verdicts(losses, held, min((loss.at + WINDOW for loss in losses.values()), default=None) if held else None)


def _beyond(pool: Pool, losses: Mapping[str, Loss], down: Down, agree: Agree) -> Set[str]:
    """Those served until now that are too much, together with what is lost already."""
    sites, waiting = {loss.site for loss in losses.values()}, down.served
    if len(sites) <= 1:
        return set()
    weights = {member.name: member.weight for member in pool.members}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1)
    most = pool.max_loss * sum(weights.values()) + 1e-9
    if sum(weights[name] for name in losses) <= most or agree(waiting, sites):
        return set()
    gone: Set[str] = losses.keys() - waiting
    gone = gone | waiting & _always(pool, gone, down, weights)
    lost = sum(weights[name] for name in gone)
    for name in sorted(waiting - gone, key=lambda name: (weights[name], name)):
        if lost + weights[name] <= max(most, lost):  # a member without weight takes none away
            lost += weights[name]
            gone = gone | {name}
    return waiting - gone


def _always(pool: Pool, gone: Set[str], down: Down, weights: Mapping[str, int]) -> Set[str]:
    """The heaviest of what may be lost beside `gone`: a site of which nothing is left, a member larger than the share.

    Parts of sites that were lost within the share do not stand in its way. More than that does, and so does another
    whole site or large member: only one may be lost beyond the share.
    """
    most = pool.max_loss * sum(weights.values()) + 1e-9
    by_site: dict[str, set[str]] = {}
    for member in pool.members:
        if weights[member.name]:
            by_site.setdefault(member.site, set()).add(member.name)
    wholes = [*by_site.values(), *({name} for name, weight in weights.items() if weight > most)]

    def fits(names: Set[str]) -> bool:
        rest = gone - names
        return sum(weights[name] for name in rest) <= most and not any(whole <= rest for whole in wholes)

    able = [names for names in wholes if names <= down.all and names & down.served and fits(names)]
    return max(able, key=lambda names: (sum(weights[name] for name in names), sorted(names)), default=set())
