"""What a simulated world is made of: sites, members, probers, one monitor, one pool and what it requires; as a Config
for each prober.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gslb.config.model import Config, Member, Monitor, MonitorSet, Pool, Prober, Rule
from tests.support import config as one_zone
from tests.support import name

RESOLVERS = (("192.0.2.252", 53), ("192.0.2.253", 53))  # outside of all sites
FAST: Mapping[str, Any] = {"interval": 1.0, "fall": 2, "timeout": 0.5}
TWO = (("a", 60), ("b", 40))
PROBERS = {1: ("a",), 2: ("a", "b"), 3: ("a", "b", "witness"), 5: ("a", "b", "c", "d", "witness")}


@dataclass(frozen=True)
class Scene:
    """`members` are (site, weight); `probers` the sites of the probers, "witness" for one where no member is.

    `monitor` and `pool` override defaults; with `six` each member has an IPv6 address, too. `required` are the sites of
    the members of pool "db", which "web" requires, if there are any. Without `resolvers` the other probers are the only
    references.
    """

    members: Sequence[tuple[str, int]]
    probers: Sequence[str]
    monitor: Mapping[str, Any] = field(default_factory=dict)
    pool: Mapping[str, Any] = field(default_factory=dict)
    six: bool = False
    required: Sequence[str] = ()
    resolvers: bool = True

    def config(self) -> Config:
        """The same for all probers but for `node`."""
        members = [
            Member(f"m{at}", site, self._addresses(at), weight, at + 1)
            for at, (site, weight) in enumerate(self.members)
        ]
        votes = 1 if len(self.probers) < 3 else 2
        monitor = Monitor("check", **{"min_votes": votes, **self.monitor})
        checked = MonitorSet(("check",), 1)
        needed = [Member(f"d{at}", site, (f"198.52.0.{at + 1}",)) for at, site in enumerate(self.required)]
        pools = [Pool("db", tuple(needed), checked)] if needed else []
        pools.append(Pool("web", tuple(members), checked, requires=tuple(one.name for one in pools), **self.pool))
        probers = {
            f"{site}-{at}": Prober(f"{site}-{at}", site, (f"192.0.2.{at + 1}", 53))
            for at, site in enumerate(self.probers)
        }
        made = one_zone(pools=pools, names=[name("www", Rule(("web",)))])
        return replace(made, monitors={"check": monitor}, probers=probers)

    def _addresses(self, at: int) -> tuple[str, ...]:
        four = f"198.51.{at // 250}.{at % 250 + 1}"
        return (four, f"2001:db8::{at + 1:x}") if self.six else (four,)


def at_node(config: Config, prober: Prober, references: tuple[tuple[str, int], ...] = RESOLVERS) -> Config:
    """The config as this prober's node has it, with these references beside the other nodes."""
    node = replace(config.node, name=prober.name, site=prober.site, references=references)
    return replace(config, node=node)
