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
    released = {name for name in losing if name in before and name not in recent}
    fresh = losing - recent.keys() - released
    sites = {member.name: member.site for member in pool.members}
    losses = dict(recent)
    for name in fresh:
        losses[name] = Loss(sites[name], now)
    waiting = {name for name in losing if name in losses and (name in fresh or losses[name].held)}
    held = _beyond(pool, losses, waiting, agree) if waiting else set()
    for name in waiting:
        losses[name] = losses[name]._replace(held=name in held)
    for name in released:
        losses[name] = Loss(sites[name], now - WINDOW / 2)  # known to its neighbours for a while, but not held again
    return Verdicts(losses, held, min((loss.at + WINDOW for loss in losses.values()), default=None) if held else None)


def _beyond(pool: Pool, losses: Mapping[str, Loss], waiting: Set[str], agree: Agree) -> Set[str]:
    """Those of `waiting` that are too much, together with what is lost already."""
    sites = {loss.site for loss in losses.values()}
    if len(sites) <= 1:
        return set()
    weights = {member.name: member.weight for member in pool.members}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1)
    most = pool.max_loss * sum(weights.values()) + 1e-9
    if sum(weights[name] for name in losses) <= most or agree(waiting, sites):
        return set()
    gone: Set[str] = losses.keys() - waiting
    if not _whole(pool, gone, most):  # parts of sites: they do not stand in the way of a site that dies as a whole
        gone = gone | _heaviest_site({name: losses[name] for name in losses.keys() - gone}, weights)
    lost = sum(weights[name] for name in gone)
    for name in sorted(waiting - gone, key=lambda name: (weights[name], name)):
        if lost + weights[name] <= most:
            lost += weights[name]
            gone = gone | {name}
    return waiting - gone


def _whole(pool: Pool, gone: Set[str], most: float) -> bool:
    """Whether what may always be lost is among what is gone already: a whole site, a member larger than the share."""
    left = {member.site for member in pool.members if member.name not in gone}
    return any(member.site not in left or member.weight > most for member in pool.members if member.name in gone)


def _heaviest_site(losses: Mapping[str, Loss], weights: Mapping[str, int]) -> Set[str]:
    """The members of the site that loses most: one site may always be lost."""
    by_site: dict[str, set[str]] = {}
    for name, loss in losses.items():
        by_site.setdefault(loss.site, set()).add(name)
    return max(by_site.values(), key=lambda names: (sum(weights[name] for name in names), sorted(names)))
