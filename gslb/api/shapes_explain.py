"""What an explanation holds: the answer to one query, and the way there."""

from typing import Literal

from gslb.api.fields import Shape
from gslb.api.shapes_health import Believed, StatusProber, Step, Verdict


class ExtendedError(Shape):
    """An extended DNS error (RFC 8914)."""

    code: int
    text: str


class RuleTaken(Shape):
    """The rule that matched: its position from 0, and its conditions in words."""

    index: int
    match: str


class ExplainedAddress(Shape):
    """One address of a member, and how likely it is to be in an answer to this client."""

    address: str
    observed: Verdict
    effective: Verdict
    reason: str
    chance: float
    checked: str
    steps: list[Step]
    monitors: list[Believed]


class ExplainedMember(Shape):
    """One member of a pool of the rule."""

    name: str
    site: str
    weight: int
    share: float
    drain: str
    forced_down: bool
    cname: str | None
    chance: float
    addresses: list[ExplainedAddress]


class ExplainedPool(Shape):
    """One pool of the rule, and what became of it."""

    name: str
    policy: str
    weight: int | None
    load: float | None
    reported_load: float | None
    healthy: bool
    outcome: str
    why: str
    members: list[ExplainedMember]


class Explanation(Shape):
    """One query, answered and explained; `text` says the whole for people.

    The last three are empty without `if` and `at`: what was assumed, what to know of that, what is
    another than now.
    """

    name: str
    type: str
    client: str
    ecs: str | None
    at: float
    rcode: str
    answers: list[str]
    authority: list[str]
    ede: list[ExtendedError]
    ttl: int | None
    scope: int | None
    zone: str | None
    aliases: list[str]
    kind: Literal["dynamic", "static", "referral", "none"]
    rule: RuleTaken | None
    pools: list[ExplainedPool]
    probers: list[StatusProber]
    text: str
    assumed: list[str]
    notes: list[str]
    differs: list[str]
