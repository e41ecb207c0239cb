"""What operators asked for, as values. An intent on a target that the config lacks is kept and shown.

Times are seconds since the epoch: an expiry is a promise to people, so it follows their clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, TypeVar

from gslb.errors import RequestError

TargetKind = Literal["member", "pool", "site"]
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
    """Something that an operator wants until `expires`. The reason is required and shown everywhere.

    `leased`: the store that all nodes share keeps the time and takes it away, no clock of a node's own. `local`: it is
    for this node alone.
    """

    id: str
    target: Target
    reason: str
    owner: str
    created: float
    expires: float
    removed: float | None = None  # when an operator ended it early, or the store did
    leased: bool = False
    local: bool = False

    def active(self, now: float) -> bool:
        """Whether it holds at `now`."""
        return self.removed is None and (self.leased or now < self.expires)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and the store."""
        return {**asdict(self), "target": str(self.target)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; unknown fields are ignored so that a newer writer can be read."""
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        return cls(**{**known, "target": Target.parse(values["target"])})


@dataclass(frozen=True, slots=True)
class Drain(Intent):
    """Keep a target out of the answers."""


@dataclass(frozen=True, slots=True)
class Hold(Intent):
    """Freeze what health has made of a target; probes and votes go on."""


@dataclass(frozen=True, slots=True)
class Force(Intent):
    """Call a target up or down, whatever health says."""

    up: bool = False


AnIntent = TypeVar("AnIntent", bound=Intent)


def intent_on(intents: Iterable[AnIntent], pool: str, member: str, site: str, now: float) -> AnIntent | None:
    """The active intent that decides for a member: the most specific target wins, then the one that lasts longest."""
    found = [one for one in intents if one.active(now) and one.target.covers(pool, member, site)]
    return min(found, key=lambda one: (_MOST_SPECIFIC_FIRST.index(one.target.kind), -one.expires, one.id), default=None)


def next_expiry(intents: Iterable[Intent], now: float) -> float | None:
    """When the next active intent ends by the clock, if any does."""
    return min((one.expires for one in intents if one.active(now) and not one.leased), default=None)
