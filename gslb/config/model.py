"""The configuration as frozen values. A `Config` that exists is right: nothing below checks it again.

Field names are the YAML keys. Durations are seconds (float), TTLs are whole seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import ClassVar, Final, Literal

from gslb.config.settings import NodeSettings
from gslb.dns.record import Record as Record  # part of the model, defined where master files are read
from gslb.errors import Problem

WARN_DAYS: Final = 14  # to the end of a certificate

PolicyName = Literal["weighted", "failover", "all", "hash", "nearest", "capacity"]


@dataclass(frozen=True, slots=True)
class Site:
    """A place where members are."""

    name: str
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None
    capacity: float | None = None  # of load, in the unit of the pools' `load`; None = without limit


@dataclass(frozen=True, slots=True)
class Prober:
    """A node that probes, as all nodes know it; `address` is where its DNS answers, for others to see their network."""

    name: str
    site: str
    address: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Monitor:
    """The definition of a check: how often and how strictly (semantics section 1). Subclasses say what is asked."""

    kind: ClassVar[str]  # the word in `type`

    name: str
    port: int = 0  # where the check has one
    interval: float = 5.0
    timeout: float = 2.0
    fall: int = 3
    rise: int = 5
    jitter: float = 0.1  # share of the interval
    flaky: float = 0.5  # share of the last 20 results
    min_votes: int = 1  # voters that a verdict needs
    self_vote: bool = True  # whether a prober's verdict on its own site counts
    warn_days: int = WARN_DAYS  # with fewer days left to a certificate that it sees, the node warns

    @property
    def detection(self) -> float:
        """Worst-case seconds from a death to its verdict (semantics section 7): fall x interval + jitter + timeout."""
        return self.fall * self.interval + self.jitter * self.interval + self.timeout


@dataclass(frozen=True, slots=True)
class MonitorSet:
    """Which monitors decide for a pool, and how many of them must pass: all = len(of), any = 1."""

    of: tuple[str, ...]
    at_least: int


@dataclass(frozen=True, slots=True)
class Member:
    """One target of a pool: addresses at a site, or a name (`cname`, wire) whose `addresses` are only probed.

    `priority` matters for failover: lower is preferred. `checks` are probed in the place of `addresses`, one for each;
    where there are none the addresses are probed themselves.
    """

    name: str
    site: str
    addresses: tuple[str, ...]  # canonical text, IPv4 and IPv6 mixed, in the order of the file
    weight: int = 1
    priority: int = 0
    cname: bytes = b""
    checks: tuple[str, ...] = ()

    @property
    def probed(self) -> tuple[str, ...]:
        """What is probed for the member, each address once; it may judge several of `addresses`."""
        return tuple(dict.fromkeys(self.checks)) or self.addresses

    def checked(self, address: str) -> str:
        """The address whose probes judge `address`, which is one of `addresses`."""
        return self.checks[self.addresses.index(address)] if self.checks else address


@dataclass(frozen=True, slots=True)
class AllDown:
    """What a pool serves when no member lives."""

    mode: Literal["all", "last_good", "nodata", "fallback"] = "all"
    fallback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """A span of every week: from `start` to `end` (minutes of the day) on `days` (0 = Monday), by the clock of `zone`.

    Where `end` is not after `start`, it is on the day after.
    """

    days: tuple[int, ...]
    start: int
    end: int
    zone: str  # IANA name


@dataclass(frozen=True, slots=True)
class Failback:
    """When a member that lives again is served again: at once, after `hold` seconds, by hand, or within a window."""

    mode: Literal["auto", "hold", "manual", "window"] = "auto"
    hold: float = 0.0
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Damping:
    """Each change adds 1 to a penalty that halves every `half_life` seconds; an "up" that finds it at `suppress` or
    more waits until it is below `reuse`."""

    half_life: float = 300.0
    suppress: float = 2.5
    reuse: float = 1.0


@dataclass(frozen=True, slots=True)
class MinUp:
    """How many live members make a pool healthy: a count, or a share of its members."""

    count: int = 1
    share: float = 0.0

    def of(self, members: int) -> int:
        """The count for a pool of so many members."""
        return max(self.count, ceil(self.share * members - 1e-9))


@dataclass(frozen=True, slots=True)
class Pool:
    """A set of members and the policy that chooses among the live ones.

    `requires` are pools whose member at the same site must be up; `max_loss` is the share of the weight that health may
    take away within a minute, beyond one site; `load` goes with policy `capacity`, `capacities` are those of the sites.
    """

    name: str
    members: tuple[Member, ...]
    monitors: MonitorSet = MonitorSet((), 0)
    policy: PolicyName = "weighted"
    answers: int = 1
    max_answers: int = 8
    all_down: AllDown = AllDown()
    min_up: MinUp = MinUp()
    scope: Literal["global", "local"] = "global"
    requires: tuple[str, ...] = ()
    failback: Failback = Failback()
    damping: Damping | None = Damping()
    max_loss: float = 0.5
    ramp: float = 0.0  # seconds; 0 = off
    exclusive: bool = False
    family_down: Literal["nodata", "all_down"] = "nodata"
    load: float = 0.0
    capacities: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions on the client: keys are ANDed, values within a key ORed; an empty key asks nothing."""

    subnet: tuple[str, ...] = ()
    country: tuple[str, ...] = ()  # "JP", or with a subdivision "US-CA"
    continent: tuple[str, ...] = ()  # "AS"
    asn: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Clients that match are served from `pools`: in order (failover) where `weights` is empty, else drawn by it."""

    pools: tuple[str, ...]
    weights: tuple[int, ...] = ()
    match: Match | None = None  # None = everyone


@dataclass(frozen=True, slots=True)
class Service:
    """An HTTPS or SVCB record in ServiceMode (RFC 9460) to which address hints are added. `params` is sorted wire."""

    rtype: int
    priority: int
    target: bytes  # uncompressed wire; the root stands for the owner
    params: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class DynamicName:
    """A name answered from pools. `owner` is lower-cased wire; the last rule matches everyone.

    `ttl_min` is served instead of `ttl` while a probe of a member that is served has failed lately; `rto` is how many
    seconds a failover may take at most.
    """

    owner: bytes
    ttl: int
    rules: tuple[Rule, ...]
    where: str
    services: tuple[Service, ...] = ()
    ttl_min: int | None = None
    rto: float | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """An apex (lower-cased wire) with its static records, SOA and NS among them, and its dynamic names."""

    apex: bytes
    records: tuple[Record, ...]
    names: tuple[DynamicName, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """Everything, checked. `digest` identifies the zones folder's contents: equal on all nodes that agree.

    `warnings` are things that work but should be known.
    """

    node: NodeSettings
    sites: Mapping[str, Site]
    monitors: Mapping[str, Monitor]
    pools: Mapping[str, Pool]
    zones: Mapping[bytes, Zone]  # by apex
    digest: str
    probers: Mapping[str, Prober] = field(default_factory=dict)  # empty: this node alone
    warnings: tuple[Problem, ...] = ()
