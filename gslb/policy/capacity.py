"""`capacity`: the load of a pool by weight, and what a site cannot carry over the others that can."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from gslb.config.model import Pool
from gslb.policy.candidates import Candidate, in_use
from gslb.policy.nodes import Node
from gslb.policy.weighted import weighted

_WHOLE: Final = 10**9  # the sum of the weights drawn by: fine enough for any share, and a number that snapshots hold


def capacity(pool: Pool, candidates: Sequence[Candidate], nearest: int) -> Node:
    """A draw by the parts of the load that the live sites get; members of one site share its part by weight."""
    if not pool.load:
        return weighted(pool, candidates, nearest)
    sites: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        sites.setdefault(pool.members[candidate.position].site, []).append(candidate)
    limits = dict(pool.capacities)
    weights = [sum(candidate.weight for candidate in here) for here in sites.values()]
    parts = spread(pool.load, weights, [limits.get(site) for site in sites])
    drawn: list[Candidate] = []
    for part, here in zip(parts, sites.values(), strict=True):
        chosen = in_use(here)
        shares = _divided(part * _WHOLE / Fraction(pool.load), [candidate.weight for candidate in chosen])
        drawn += [one._replace(weight=round(share)) for one, share in zip(chosen, shares, strict=True)]
    return weighted(pool, drawn, nearest)


def spread(load: float, weights: Sequence[int], capacities: Sequence[float | None]) -> list[Fraction]:
    """The part of `load` that each site gets; capacity None is without limit. Exact: the parts add up to the load.

    By weight first. What is beyond a site's capacity goes over the others in proportion to their headroom (by weight
    over those without limit), so also to sites of weight 0. Where all are full, all of it goes by capacity.
    """
    whole = Fraction(load)
    limits = [None if limit is None else Fraction(limit) for limit in capacities]
    wanted = _divided(whole, weights)
    parts = [part if limit is None else min(part, limit) for part, limit in zip(wanted, limits, strict=True)]
    spill = whole - sum(parts)
    if not spill:
        return parts
    finite = [limit for limit in limits if limit is not None]
    if len(finite) < len(limits):
        open_ended = [limit is None for limit in limits]
        keys = [weight * free for weight, free in zip(weights, open_ended, strict=True)]
        extra = _divided(spill, keys if any(keys) else open_ended)
    elif spill <= sum(finite) - sum(parts):
        extra = _divided(spill, [limit - part for limit, part in zip(finite, parts, strict=True)])
    else:
        return _divided(whole, finite if any(finite) else weights)
    return [part + more for part, more in zip(parts, extra, strict=True)]


def _divided(amount: Fraction, keys: Sequence[int | Fraction]) -> list[Fraction]:
    """An amount in proportion to the keys; evenly where all of them are 0."""
    total = sum(keys)
    return [amount * key / total for key in keys] if total else [amount / len(keys)] * len(keys)
