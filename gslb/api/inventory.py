"""Views of what is configured, with what has become of it: sites, pools, members, names and monitors."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any, NamedTuple

from gslb.api.views import PoolViews
from gslb.config.model import Config, DynamicName, Member, Monitor, Pool, Rule, Site, Zone
from gslb.control.controller import Controller
from gslb.dns.name import to_text
from gslb.health.states import UNKNOWN, Belief, States
from gslb.probe.targets import sites_of

Json = dict[str, Any]


class Place(NamedTuple):
    """A member in its pool."""

    pool: Pool
    member: Member

    @property
    def key(self) -> tuple[str, str]:
        """Where it stands in a list."""
        return self.pool.name, self.member.name


class Inventory:
    """One moment of a controller: what it shows is replaced on a change, never changed in place."""

    def __init__(self, controller: Controller) -> None:
        served = controller.served
        self.config: Config = served.config if served else controller.plan.config
        self._states: States = served.states if served else {}
        self._belief: Belief = controller.belief
        self._views = PoolViews(controller, self.config, self._states)

    def sites(self) -> list[Site]:
        """By name."""
        return [site for _, site in sorted(self.config.sites.items())]

    def pools(self) -> list[Pool]:
        """By name."""
        return [pool for _, pool in sorted(self.config.pools.items())]

    def places(self) -> Iterator[Place]:
        """All members, by pool and name."""
        for pool in self.pools():
            yield from (Place(pool, member) for member in sorted(pool.members, key=lambda one: one.name))

    def names(self) -> list[tuple[str, Zone, DynamicName]]:
        """Dynamic names, by their text."""
        found = [(to_text(name.owner), zone, name) for zone in self.config.zones.values() for name in zone.names]
        return sorted(found, key=lambda one: one[0])

    def live(self, place: Place) -> bool:
        """Whether the member is served."""
        state = self._states.get(place.pool.name, {}).get(place.member.name)
        return state is not None and state.live

    def healthy(self, pool: Pool) -> bool:
        """Whether enough of its members live."""
        return self._live_in(pool) >= pool.min_up.of(len(pool.members))

    def _live_in(self, pool: Pool) -> int:
        return sum(self.live(Place(pool, member)) for member in pool.members)

    @cached_property
    def _by_site(self) -> dict[str, list[Place]]:
        found: dict[str, list[Place]] = {}
        for place in self.places():
            found.setdefault(place.member.site, []).append(place)
        return found

    def site(self, site: Site) -> Json:
        """A site."""
        here = self._by_site.get(site.name, [])
        return {
            **asdict(site),
            "members": len(here),
            "live": sum(map(self.live, here)),
            "pools": sorted({place.pool.name for place in here}),
        }

    def pool(self, pool: Pool) -> Json:
        """A pool."""
        live = self._live_in(pool)
        return {
            "name": pool.name,
            "policy": pool.policy,
            "all_down": pool.all_down.mode,
            "min_up": pool.min_up.of(len(pool.members)),
            "live": live,
            "healthy": self.healthy(pool),
            "scope": pool.scope,
            "exclusive": pool.exclusive,
            "requires": list(pool.requires),
            "monitors": list(pool.monitors.of),
            "members": [member.name for member in pool.members],
        }

    def member(self, place: Place) -> Json | None:
        """A member with the evidence on its addresses; None where nothing is known of it yet."""
        state = self._states.get(place.pool.name, {}).get(place.member.name)
        if state is None:
            return None
        pool, member = place
        target = f"member/{pool.name}/{member.name}"
        return {"pool": pool.name, "target": target, **self._views.member(pool, member, state)}

    def monitors(self) -> list[Json]:
        """By name, with how many of their targets are in which state."""
        counts = {name: {"up": 0, "down": 0, "unknown": 0} for name in self.config.monitors}
        for key in sites_of(self.config):
            counts[key.monitor][self._belief.get(key, UNKNOWN).verdict] += 1
        pools: dict[str, list[str]] = {name: [] for name in self.config.monitors}
        for pool in self.pools():
            for name in pool.monitors.of:
                pools[name].append(pool.name)
        return [_monitor(one, pools[name], counts[name]) for name, one in sorted(self.config.monitors.items())]


def name_view(text: str, zone: Zone, name: DynamicName) -> Json:
    """A dynamic name and its rules."""
    return {
        "name": text,
        "zone": to_text(zone.apex),
        "ttl": name.ttl,
        "ttl_min": name.ttl_min,
        "rto": name.rto,
        "rules": [_rule(rule) for rule in name.rules],
    }


def pools_of(name: DynamicName) -> set[str]:
    """The pools that a name is answered from."""
    return {pool for rule in name.rules for pool in rule.pools}


def _rule(rule: Rule) -> Json:
    weights = rule.weights or (None,) * len(rule.pools)
    match = None if rule.match is None else {key: list(values) for key, values in asdict(rule.match).items()}
    pools = [{"pool": pool, "weight": weight} for pool, weight in zip(rule.pools, weights, strict=True)]
    return {"match": match, "pools": pools}


_SHOWN = [
    "name",
    "port",
    "interval",
    "timeout",
    "fall",
    "rise",
    "jitter",
    "flaky",
    "min_votes",
    "self_vote",
    "warn_days",
    "detection",
]


def _monitor(monitor: Monitor, pools: list[str], counts: Mapping[str, int]) -> Json:
    """What all types have: the rest may hold passwords."""
    return {**{key: getattr(monitor, key) for key in _SHOWN}, "type": monitor.kind, "pools": pools, **counts}
