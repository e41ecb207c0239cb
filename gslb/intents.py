"""What operators asked for, as values. An intent on a target that the config lacks is kept and shown.

Times are seconds since the epoch: an expiry is a promise to people, so it follows their clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from math import inf
from typing import Any, Final, Literal, Self, TypeVar

from gslb.errors import RequestError

TargetKind = Literal["member", "pool", "site"]
IntentState = Literal["scheduled", "active", "expired", "removed"]
_MOST_SPECIFIC_FIRST: tuple[TargetKind, ...] = ("member", "pool", "site")


@dataclass(frozen=True, slots=True)
class Target:
    """What an intent is about: `site/NAME`, `pool/NAME` or `member/POOL/NAME`."""

    kind: TargetKind
    name: str
    pool: str = ""

    def __str__(self) -> str:
        return f"member/{self.pool}/{self.name}" if self.kind == "member" else f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read a target. Raises RequestError that lists the three forms."""
        match text.split("/"):
            case ["site", name] if name:
                return cls("site", name)
            case ["pool", name] if name:
                return cls("pool", name)
            case ["member", pool, name] if pool and name:
                return cls("member", name, pool)
        raise RequestError(
            f"target {text!r} is not one of site/NAME, pool/NAME, member/POOL/NAME",
            pointer="/target",
            hint="for example site/tokyo",
        )

    def covers(self, pool: str, member: str, site: str) -> bool:
        """Whether a member of a pool at a site falls under this target."""
        match self.kind:
            case "site":
                return self.name == site
            case "pool":
                return self.name == pool
            case _:
                return self.pool == pool and self.name == member


@dataclass(frozen=True, slots=True)
class Intent:
    """Something that an operator wants from `starts` until `expires`. The reason is required and shown everywhere.

    `starts` 0.0 stands for `created`: then it holds at once, whatever a node's clock says. `expires` None: until it is
    cancelled. `leased`: the store that all nodes share keeps the time and takes it away, no clock of a node's own.
    `local`: it is for this node alone. `changed` counts its changes; `overrides`: it was
    kept although the safety rule was against it. `unknown` is what a newer gslb says of it, by field: kept, not used.
    """

    id: str
    target: Target
    reason: str
    owner: str
    created: float
    expires: float | None
    removed: float | None = None  # when an operator ended it early, or the store did
    leased: bool = False
    local: bool = False
    starts: float = 0.0
    changed: int = 0
    overrides: bool = False
    unknown: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.starts:
            object.__setattr__(self, "starts", self.created)

    @property
    def kind(self) -> str:
        """What it is, as the key of KINDS."""
        return type(self).__name__.lower()

    def state(self, now: float) -> IntentState:
        """What has become of it at `now`."""
        if self.removed is not None:
            return "removed"
        if not self.leased and self.expires is not None and not now < self.expires:
            return "expired"
        return "scheduled" if self.starts > self.created and now < self.starts else "active"

    def active(self, now: float) -> bool:
        """Whether it holds at `now`."""
        return self.state(now) == "active"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: all that is known here."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "unknown"}
        return {**values, "target": str(self.target)}

    def to_kept(self) -> dict[str, Any]:
        """Plain values for a store, with what is unknown here."""
        return {**self.unknown, **self.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of both: a newer writer can be read, and what it says is not lost. The kind may be among them."""
        names = {one.name for one in fields(cls)} - {"unknown"}
        known = {name: value for name, value in values.items() if name in names}
        unknown = {name: value for name, value in values.items() if name not in names and name != "kind"}
        return cls(**{**known, "target": Target.parse(values["target"]), "unknown": unknown})


@dataclass(frozen=True, slots=True)
class Drain(Intent):
    """Keep a target out of the answers: for all clients, or for `percent` of their networks, always the same ones."""

    expires: float
    percent: int = 100


@dataclass(frozen=True, slots=True)
class Hold(Intent):
    """Freeze what health has made of a target; probes and votes go on."""

    expires: float


@dataclass(frozen=True, slots=True)
class Force(Intent):
    """Call a target up or down, whatever health says."""

    up: bool = False


KINDS: Final[Mapping[str, type[Intent]]] = {"drain": Drain, "hold": Hold, "force": Force}

AnIntent = TypeVar("AnIntent", bound=Intent)


def intent_on(intents: Iterable[AnIntent], pool: str, member: str, site: str, now: float) -> AnIntent | None:
    """The active intent that decides for a member: of drains the one with the largest part; else the most specific
    target, then the one that lasts longest."""
    found = [one for one in intents if one.active(now) and one.target.covers(pool, member, site)]
    return min(found, key=_rank, default=None)


def _rank(one: Intent) -> tuple[int, int, float, str]:
    lasts = inf if one.expires is None else one.expires
    percent = one.percent if isinstance(one, Drain) else 0
    return -percent, _MOST_SPECIFIC_FIRST.index(one.target.kind), -lasts, one.id


def next_change(intents: Iterable[Intent], now: float) -> float | None:
    """When the next of them begins or ends by the clock, if any does."""
    moments = []
    for one in intents:
        state = one.state(now)
        if state == "scheduled":
            moments.append(one.starts)
        elif state == "active" and one.expires is not None and not one.leased:
            moments.append(one.expires)
    return min(moments, default=None)
