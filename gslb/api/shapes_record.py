"""What answers hold about what happened and what was done."""

from typing import Any, Literal

from gslb.api.fields import Shape

State = Literal["up", "down", "unknown", "absent"]


class Event(Shape):
    """A change of what was observed of an address, or of what is served."""

    id: int
    at: float
    pool: str
    member: str
    site: str
    address: str
    what: Literal["observed", "effective"]
    before: State
    after: State
    cause: str


class Events(Shape):
    """Events, newest first."""

    events: list[Event]
    next: str | None


class AuditRecord(Shape):
    """One thing that was done: by whom (the name of a token), from which address, and what it changed.

    `link` is the `hash` of the entry `number - 1` of the same node. `more` is what a newer gslb wrote of it.
    """

    node: str
    number: int
    at: float
    action: str
    target: str
    subject: str
    actor: str
    source: str
    reason: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    link: str
    hash: str
    format: int
    more: dict[str, Any]


class Audit(Shape):
    """What was done, newest first."""

    records: list[AuditRecord]
    next: str | None


class Figures(Shape):
    """Seconds up, down and not known within a span, and what follows from them; null where that cannot be said."""

    up: float
    down: float
    unknown: float
    failures: int
    mtbf: float | None
    mttr: float | None
    availability: float | None


class MemberRow(Shape):
    """The figures of a member."""

    pool: str
    member: str
    site: str
    observed: Figures
    effective: Figures


class PoolRow(Shape):
    """The figures of a pool."""

    pool: str
    observed: Figures
    effective: Figures


class SiteRow(Shape):
    """The figures of a site."""

    site: str
    observed: Figures
    effective: Figures


class Report(Shape):
    """How available members, pools or sites were over a span that ended at `at`."""

    at: float
    by: Literal["member", "pool", "site"]
    span: Literal["24h", "7d", "30d"]
    rows: list[MemberRow | PoolRow | SiteRow]
    next: str | None
