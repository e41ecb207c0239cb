"""What answers hold about drains, holds and forces."""

from typing import Literal

from gslb.api.fields import Shape


class Shortage(Shape):
    """A pool that is left with too little: its live members before and after, and what the rest can carry."""

    pool: str
    live: list[str]
    left: list[str]
    needed: int
    capacity: float | None
    load: float
    at: float


class Intent(Shape):
    """What an operator wants from `starts` until `expires`: `members` are POOL/MEMBER of what it covers now.

    `changed` counts its changes. `leased`: the store keeps its time. `local`: at one node alone. `overrides`:
    somebody overrode the safety rule for it.
    """

    id: str
    target: str
    reason: str
    owner: str
    created: float
    starts: float
    removed: float | None
    leased: bool
    local: bool
    changed: int
    overrides: bool
    state: Literal["scheduled", "active", "expired", "removed"]
    members: list[str]


class Changed(Shape):
    """What became of a change.

    `acknowledged`: every worker of this node confirmed that it answers accordingly; null for a dry run, which does
    nothing. `remains` tells of each pool that something is taken from what is left; `short` are those of them that are
    left with too little, since somebody overrode the rule.
    """

    acknowledged: bool | None
    dry_run: bool
    remains: list[Shortage]
    short: list[Shortage]


class Drain(Intent):
    """A drain: its target is kept out of the answers to `percent` of the clients' networks."""

    expires: float
    percent: int


class Hold(Intent):
    """A hold: what health has made of its target stays."""

    expires: float


class Force(Intent):
    """A force: its target is up or down, whatever health says; until it is cancelled where `expires` is null."""

    expires: float | None
    up: bool


class ChangedDrain(Drain, Changed):
    """A drain that was begun, changed or ended."""


class ChangedHold(Hold, Changed):
    """A hold that was begun, changed or ended."""


class ChangedForce(Force, Changed):
    """A force that was begun, changed or ended."""


class Drains(Shape):
    """Drains, oldest first."""

    drains: list[Drain]
    next: str | None


class Holds(Shape):
    """Holds, oldest first."""

    holds: list[Hold]
    next: str | None


class Forces(Shape):
    """Forces, oldest first."""

    forces: list[Force]
    next: str | None


class Progress(Shape):
    """How far a drain has come.

    `acknowledged`: when each node was first seen to answer by it. `waiting`: nodes that do not yet; `unreachable`:
    nodes of which nothing is known now, and for which nothing is promised. `quiet_at`: when the last answer from before
    has run out, null while nodes are waited for; `percent` of the time until then.
    """

    id: str
    target: str
    state: Literal["scheduled", "active"]
    at: float
    acknowledged: dict[str, float]
    waiting: list[str]
    unreachable: list[str]
    quiet_at: float | None
    percent: int
