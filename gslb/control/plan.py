"""What a zones folder would do if it were served now: names, clients, sites, capacity, recovery. Pure; nothing changes.

Health is that of the moment. Targets that only the candidate has were probed by nobody yet, and count as up.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Final

from gslb.config.check import table
from gslb.config.model import Config, Pool
from gslb.control.clients import CLIENTS, SEED, sample
from gslb.control.differences import differences
from gslb.control.line import Line, Plan, Served
from gslb.control.shares import Shares, Walks, compare
from gslb.control.whatif import Moment
from gslb.dns.name import to_text
from gslb.health.judging import Inputs
from gslb.health.states import States
from gslb.policy.capacity import spread
from gslb.table.entries import Table

Json = dict[str, Any]

_NEGLIGIBLE: Final = 5e-5  # of the clients of a name


def at_rest(plan: Plan, now: float) -> Moment:
    """A configuration with nobody to probe it and no intents: everything counts as up."""
    inputs = Inputs({})
    line = Line(plan)
    states = line.judge(inputs, now).states
    served = Served(plan.config, Table(plan.base, line.compile(states, {})), states)
    return Moment(plan, inputs, {}, {}, served, now)


def compared(moment: Moment, candidate: Plan, count: int = CLIENTS, seed: int = SEED) -> Json:
    """Plain values; shares and `moved` are parts of 1. `moved` is the mean over all names, `worst` the name most moved.

    `names` are those of which some clients are moved, the worst first.
    """
    before, after = moment.served, served_by(moment, candidate)
    clients = sample((before.table.base, candidate.base), count, seed)
    walks = [Walks(one.config, one.table, clients) for one in (before, after)]
    names = [(to_text(name.owner), name) for zone in before.config.zones.values() for name in zone.names]
    found = list(compare(names, walks[0], walks[1], len(clients)))
    moved = sorted((one for one in found if one.moved > _NEGLIGIBLE), key=lambda one: -one.moved)
    changes = differences(before.config, after.config)
    return {
        "digest": {"before": before.config.digest, "after": after.config.digest},
        "changes": changes.view(),
        "clients": {"sampled": len(clients), "seed": seed},
        "moved": _rounded(sum(one.moved for one in found) / max(1, len(found))),
        "worst": {"name": moved[0].name, "moved": _rounded(moved[0].moved)} if moved else None,
        "sites": list(_sites(found)),
        "names": [_name(one) for one in moved],
        "recovery": list(_recovery(before.config, after.config)),
        "capacity": list(_capacity(before, after)),
        "failing_open": sorted(_dead(after) - _dead(before)),
        "new_targets": len(_targets(after.config) - _targets(before.config)),
        "warnings": [warning._asdict() for warning in after.config.warnings],
    }


def served_by(moment: Moment, candidate: Plan) -> Served:
    """What the candidate would serve now, by what is believed and wanted now."""
    line = Line(candidate, moment.memory)
    states = line.judge(moment.inputs, moment.now).states
    loads = {name: load for name, load in moment.served.loads.items() if name in candidate.config.pools}
    leaves = line.compile(states, moment.last_good, loads)
    return Served(candidate.config, Table(candidate.base, leaves), states, moment.inputs.belief, loads=loads)


def _name(one: Shares) -> Json:
    return {
        "name": one.name,
        "moved": _rounded(one.moved),
        "before": {site: _rounded(share) for site, share in one.before.items()},
        "after": {site: _rounded(share) for site, share in one.after.items()},
    }


def _sites(found: Iterable[Shares]) -> Iterator[Json]:
    """The share of each site in all names together, every name counting the same."""
    rows = list(found)
    for site in dict.fromkeys(site for one in rows for site in (*one.before, *one.after)):
        shares = (
            sum(part.get(site, 0.0) for part in parts) for parts in ([r.before for r in rows], [r.after for r in rows])
        )
        before, after = (_rounded(share / len(rows)) for share in shares)
        yield {"name": site, "before": before, "after": after}


def _recovery(before: Config, after: Config) -> Iterator[Json]:
    """Names whose failover takes another time than before; None where nothing is probed."""
    old = {row.name: row.recovery for row in table(before)}
    for row in table(after):
        if row.name in old and old[row.name] != row.recovery:
            yield {"name": row.name, "before": old[row.name], "after": row.recovery, "parts": row.parts}


def _capacity(before: Served, after: Served) -> Iterator[Json]:
    """Sites that would get more load than they carry; `already`: so they do now."""
    now = {site for site, _, _ in _overloads(before)}
    for site, load, limit in _overloads(after):
        yield {"site": site, "load": _rounded(load), "capacity": limit, "already": site in now}


def _overloads(served: Served) -> Iterator[tuple[str, float, float]]:
    carried: dict[str, Fraction] = {}
    for pool in served.config.pools.values():
        for site, part in _parts(pool, served.states, served.loads.get(pool.name, pool.load)):
            carried[site] = carried.get(site, Fraction(0)) + part
    for site, load in sorted(carried.items()):
        limit = served.config.sites[site].capacity
        if limit is not None and load > Fraction(limit):
            yield site, float(load), limit


def _parts(pool: Pool, states: States, load: float) -> Iterator[tuple[str, Fraction]]:
    """The part of a pool's load that each site gets whose members live."""
    if pool.policy != "capacity" or not load:
        return
    weights: dict[str, int] = {}
    for member in pool.members:
        if states[pool.name][member.name].live:
            weights[member.site] = weights.get(member.site, 0) + member.weight
    limits = dict(pool.capacities)
    parts = spread(load, list(weights.values()), [limits.get(site) for site in weights]) if weights else []
    yield from zip(weights, parts, strict=True)


def _dead(served: Served) -> set[str]:
    """The pools without a live member."""
    return {pool for pool, members in served.states.items() if not any(member.live for member in members.values())}


def _targets(config: Config) -> set[tuple[str, str]]:
    return {
        (monitor, address)
        for pool in config.pools.values()
        for monitor in pool.monitors.of
        for member in pool.members
        for address in member.probed
    }


def _rounded(share: float) -> float:
    return round(share, 4)
