"""What was broken when, and what could work all the same: which nodes had the store, which probers saw.

Everything here errs on one side: what `Weather` calls working did work. Things are broken from a moment before they
were broken until PAUSE after they were mended: so long a node may take until all is as it should be (docs/nodes.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from tests.e2e.lab.net import Place

PAUSE = 5.0  # seconds from the end of anything until all is as it should be
NODE, ETCD, TARGETS = 2, 1, 3  # the hosts of a site, as in lab.py
CLEAN, LOSSY, BROKEN = 2, 1, 0  # how a path is

Kind = Literal["control", "dns", "member", "path"]


class Outage(NamedTuple):
    """One thing that does not work from `begin` to `end`, monotonic seconds.

    `control` and `dns` are of the node of a site, `member` is of its etcd. A `path` is one way, from `place` to `to`,
    where None is everywhere, and loses this share. `slow` seconds are what the store may need to get along without it.
    """

    kind: Kind
    begin: float
    end: float = float("inf")
    site: str = ""
    place: Place | None = None
    to: Place | None = None
    share: float = 1.0
    slow: float = 0.0


class Layout(NamedTuple):
    """Who is where: numbers of sites, roles of their nodes, sites with an etcd member, sites of addresses."""

    sites: Mapping[str, int]
    roles: Mapping[str, str]
    members: Sequence[str]
    addresses: Mapping[str, str]

    @property
    def probers(self) -> list[str]:
        return [site for site, roles in self.roles.items() if "probe" in roles]

    def node_at(self, place: Place | None) -> str:
        """The site whose node alone is at a place; empty where more is there."""
        found = (site for site, number in self.sites.items() if place == (number, NODE))
        return next(found, "")

    @property
    def answering(self) -> list[str]:
        return [site for site, roles in self.roles.items() if "dns" in roles]


class Weather:
    """What works while just these outages last."""

    def __init__(self, layout: Layout, outages: Iterable[Outage]) -> None:
        self._layout = layout
        outages = list(outages)
        self._broken = {(one.kind, one.site) for one in outages if one.kind != "path"}
        self._paths = [one for one in outages if one.kind == "path"]
        self._certain = self._certain_members()

    def _way(self, source: tuple[str, int], target: tuple[str, int]) -> int:
        """How frames get from one host to another: (site, number of the host)."""
        worst = CLEAN
        for one in self._paths:
            inner = source[0] == target[0]
            if self._is(one.place, source, inner=inner) and self._is(one.to, target, inner=inner):
                worst = min(worst, BROKEN if one.share >= 1 else LOSSY)
        return worst

    def _is(self, place: Place | None, host: tuple[str, int], *, inner: bool) -> bool:
        """Whether a place of a rule is this host. A site's link is not on the way inside of it."""
        if place is None:
            return True
        number = self._layout.sites[host[0]]
        return place == (number, host[1]) or (place == (number, 0) and not inner)

    def path(self, one: tuple[str, int], other: tuple[str, int]) -> int:
        """How a path is, there and back."""
        return min(self._way(one, other), self._way(other, one))

    def _certain_members(self) -> list[str]:
        """Members that belong to the majority, whoever leads."""
        running = [site for site in self._layout.members if ("member", site) not in self._broken]

        def reached(site: str) -> set[str]:
            return {other for other in running if self.path((site, ETCD), (other, ETCD)) != BROKEN}

        met = [site for site in running if len(reached(site)) > 1]
        enough = len(self._layout.members) // 2 + 1
        return [site for site in met if reached(site).issuperset(met) and len(met) >= enough]

    def works(self, node: str) -> bool:
        """Whether the control process of a node is at work."""
        return ("control", node) not in self._broken

    def touches(self, node: str) -> bool:
        """Whether a node has the store."""
        return any(self.path((node, NODE), (site, ETCD)) != BROKEN for site in self._certain)

    def sees(self, prober: str) -> bool:
        """Whether a prober is surely not blind: one of its references, the other probers, answers."""
        others = [site for site in self._layout.probers if site != prober]
        return any(self._is_there(site) and self.path((prober, NODE), (site, NODE)) == CLEAN for site in others)

    def _is_there(self, node: str) -> bool:
        """Whether a node answers as a reference: by DNS, or by its API where it has none."""
        return ("dns" if "dns" in self._layout.roles[node] else "control", node) not in self._broken

    def near(self, prober: str, address: str) -> bool:
        """Whether nothing is between a prober and a target."""
        return self.path((prober, NODE), (self._layout.addresses[address], TARGETS)) == CLEAN

    @cached_property
    def voters(self) -> list[str]:
        """The probers whose votes reach everybody who has the store."""
        return [site for site in self._layout.probers if self.works(site) and self.touches(site) and self.sees(site)]
