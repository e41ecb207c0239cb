"""What operators asked for, as values. Now: drains. An intent on a target that the config lacks is kept and shown.

Times are seconds since the epoch: an expiry is a promise to people, so it follows their clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

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
class Drain:
    """Keep a target out of the answers until `expires`. The reason is required and shown everywhere."""

    id: str
    target: Target
    reason: str
    owner: str
    created: float
    expires: float
    removed: float | None = None  # when an operator ended it early

    def active(self, now: float) -> bool:
        """Whether the drain holds at `now`."""
        return self.removed is None and now < self.expires

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and the store."""
        return {**asdict(self), "target": str(self.target)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Drain":
        """The inverse of `to_dict`; unknown fields are ignored so that a newer writer can be read."""
        fields = {key: values[key] for key in ("id", "reason", "owner", "created", "expires")}
        return cls(target=Target.parse(values["target"]), removed=values.get("removed"), **fields)


def drain_of(drains: Iterable[Drain], pool: str, member: str, site: str, now: float) -> Drain | None:
    """The active drain that takes a member out: the most specific target wins, then the one that lasts longest."""
    found = [d for d in drains if d.active(now) and d.target.covers(pool, member, site)]
    return min(found, key=lambda d: (_MOST_SPECIFIC_FIRST.index(d.target.kind), -d.expires, d.id), default=None)


def next_expiry(drains: Iterable[Drain], now: float) -> float | None:
    """When the next active drain ends, if any is active."""
    return min((d.expires for d in drains if d.active(now)), default=None)
