"""What answers hold about sites, pools, members, names, monitors, probers and votes."""

from typing import Literal

from gslb.api.fields import Shape
from gslb.api.shapes import NodeName, StoreState, Withdrawn, Worker
from gslb.api.shapes_config import Config
from gslb.api.shapes_intents import Drain, Force, Hold

Verdict = Literal["up", "down", "unknown"]


class Step(Shape):
    """One step on the way from what was observed to what is served; `since` null where it is not known."""

    step: str
    verdict: Verdict
    since: float | None
    why: str


class Vote(Shape):
    """What one prober says of one target."""

    prober: str
    site: str
    verdict: Verdict
    since: float
    reason: str


class Believed(Shape):
    """What is believed of one target of a monitor, and by whose votes."""

    name: str
    verdict: Verdict
    since: float
    reason: str
    calm: bool
    quorum: bool
    votes: list[Vote]


class Certified(Believed):
    """The same, with the days left to the certificate that the target showed this node last."""

    tls_days: float | None
    tls_warning: bool


class Address(Shape):
    """One address of a member: what was observed, what is served, and what made the difference."""

    address: str
    observed: Verdict
    effective: Verdict
    reason: str
    since: float | None
    checked: str
    steps: list[Step]
    monitors: list[Certified]


class PoolMember(Shape):
    """A member as `status` shows it within its pool; `drain` is the id of what drains it, for `percent`
    of the clients.
    """

    name: str
    site: str
    weight: int
    share: float
    drain: str
    percent: int
    forced_down: bool
    live: bool
    addresses: list[Address]


class Member(PoolMember):
    """A member of a pool."""

    pool: str
    target: str


class Members(Shape):
    """Members, by pool."""

    members: list[Member]
    next: str | None


class StatusPool(Shape):
    """A pool as `status` shows it, with its members."""

    name: str
    policy: str
    all_down: str
    live: int
    members: list[PoolMember]


class Pool(Shape):
    """A pool: how it chooses, and how many of its members live; `healthy` where they are at least `min_up`."""

    name: str
    policy: str
    all_down: str
    min_up: int
    live: int
    healthy: bool
    scope: Literal["global", "local"]
    exclusive: bool
    requires: list[str]
    monitors: list[str]
    members: list[str]


class Pools(Shape):
    """Pools, by name."""

    pools: list[Pool]
    next: str | None


class StatusSite(Shape):
    """A site as `status` shows it."""

    name: str
    country: str
    members: int
    live: int


class Site(StatusSite):
    """A place where members are."""

    latitude: float | None
    longitude: float | None
    capacity: float | None
    pools: list[str]


class Sites(Shape):
    """Sites, by name."""

    sites: list[Site]
    next: str | None


class Client(Shape):
    """Which clients a rule is for: keys are ANDed, values of one ORed, an empty one asks nothing."""

    subnet: list[str]
    country: list[str]
    continent: list[str]
    asn: list[int]


class Choice(Shape):
    """A pool of a rule; `weight` null where the pools of the rule are in order."""

    pool: str
    weight: int | None


class Rule(Shape):
    """Clients that match are served from these pools; `match` null for everyone."""

    match: Client | None
    pools: list[Choice]


class Name(Shape):
    """A name that is answered from pools; `ttl_min` is served while a probe has failed lately."""

    name: str
    zone: str
    ttl: int
    ttl_min: int | None
    rto: float | None
    rules: list[Rule]


class Names(Shape):
    """Dynamic names, by name."""

    names: list[Name]
    next: str | None


class Monitor(Shape):
    """A check: how often, how strictly, and what it finds; `up`, `down` and `unknown` count its targets."""

    name: str
    type: str
    port: int
    interval: float
    timeout: float
    fall: int
    rise: int
    jitter: float
    flaky: float
    min_votes: int
    self_vote: bool
    warn_days: int
    detection: float
    pools: list[str]
    up: int
    down: int
    unknown: int


class Monitors(Shape):
    """Monitors, by name."""

    monitors: list[Monitor]
    next: str | None


class StatusProber(Shape):
    """A prober whose votes are known, and why they do not count, where they do not."""

    name: str
    site: str
    blind: str


class Prober(StatusProber):
    """A prober; `present` where its lease runs, `votes` how many of its votes count."""

    configured: bool
    present: bool
    votes: int


class Probers(Shape):
    """Probers, by name."""

    probers: list[Prober]
    next: str | None


class Target(Shape):
    """A target of a monitor: what is believed of it, and who voted what."""

    monitor: str
    address: str
    site: str
    verdict: Verdict
    since: float
    reason: str
    calm: bool
    quorum: bool
    votes: list[Vote]


class Targets(Shape):
    """The votes, by monitor and address."""

    votes: list[Target]
    next: str | None


class Status(Shape):
    """Everything about the node."""

    node: NodeName
    serving: bool
    fresh: bool
    config: Config
    generation: int
    store: StoreState
    workers: list[Worker]
    probers: list[StatusProber]
    sites: list[StatusSite]
    withdrawn: Withdrawn | None
    drains: list[Drain]
    holds: list[Hold]
    forces: list[Force]
    pools: list[StatusPool]
