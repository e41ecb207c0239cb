"""What answers hold about the configuration that a node serves, and about another one."""

from pydantic import Field

from gslb.api.fields import Shape


class RolledBack(Shape):
    """Which configuration was left, when, by whom and why."""

    left: str = Field(alias="from")
    at: float
    who: str
    why: str


class OnTrial(Shape):
    """Until when somebody has to confirm what is served."""

    until: float
    who: str


class Config(Shape):
    """What is served: `number` is that of its copy, 0 where none is kept; `problems` of the last reload, if refused."""

    digest: str
    loaded: float
    zones: int
    names: int
    problems: list[str]
    number: int
    rolled_back: RolledBack | None
    trial: OnTrial | None


class Detail(Shape):
    """What is another about a zone or a name."""

    name: str
    what: str


class Parts(Shape):
    """Zones or names."""

    added: list[str]
    removed: list[str]
    changed: list[Detail]


class Changes(Shape):
    """What another configuration changes; `too_much` says what it takes away, where only `force` does that."""

    zones: Parts
    names: Parts
    too_much: str


class Warned(Shape):
    """Something that works but should be known."""

    where: str
    path: str
    message: str
    hint: str


class Checked(Shape):
    """What a reload would find."""

    digest: str
    served: str
    changes: Changes
    warnings: list[Warned]


class Reloaded(Config):
    """What is served now, and what it changed; `acknowledged`: every worker serves it. Null for a dry run."""

    former: str
    changes: Changes
    generation: int | None
    acknowledged: bool | None
    dry_run: bool


class Generation(Shape):
    """A configuration that was accepted, and of which a copy is kept."""

    number: int
    digest: str
    at: float
    who: str
    why: str
    served: bool


class Generations(Shape):
    """Those that are kept, the newest first."""

    generations: list[Generation]
    next: str | None


class Digests(Shape):
    """What is served, and what would be."""

    before: str
    after: str


class Sampled(Shape):
    """How many clients were followed; equal seeds give equal ones."""

    sampled: int
    seed: int


class Moved(Shape):
    """The part of its clients that a name sends elsewhere."""

    name: str
    moved: float


class MovedName(Moved):
    """The same, with the share of each site before and after."""

    before: dict[str, float]
    after: dict[str, float]


class SiteShare(Shape):
    """The share of a site in all names together."""

    name: str
    before: float
    after: float


class Recovery(Shape):
    """Seconds that a failover takes at most, before and after; null where nothing is probed."""

    name: str
    before: float | None
    after: float | None
    parts: str


class Overload(Shape):
    """A site that would get more load than it carries; `already`: so it does now."""

    site: str
    load: float
    capacity: float
    already: bool


class Planned(Shape):
    """What another configuration would do; shares and `moved` are parts of 1."""

    digest: Digests
    changes: Changes
    clients: Sampled
    moved: float
    worst: Moved | None
    sites: list[SiteShare]
    names: list[MovedName]
    recovery: list[Recovery]
    capacity: list[Overload]
    failing_open: list[str]
    new_targets: int
    warnings: list[Warned]
