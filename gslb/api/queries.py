"""What callers may ask for in the part of a URL behind `?`, as pydantic models."""

from ipaddress import ip_address, ip_network
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, Field, WithJsonSchema

from gslb.api.fields import (
    AddressText,
    Cursor,
    DnsName,
    Filter,
    Flag,
    Limit,
    Line,
    NetworkText,
    Query,
    TargetFilter,
    TypeName,
    read_as,
)
from gslb.control.explain import Question
from gslb.control.whatif import Assumption
from gslb.dns.name import from_text
from gslb.dns.rdata import type_number
from gslb.health.record import By

_TIME = WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]})
_PLACE: Final = "(site/[^/=]+|pool/[^/=]+|member/[^/=]+/[^/=]+)"
_ASSUMPTION: Final = (
    f"^({_PLACE}=(up|down)|drain={_PLACE}(=[1-9][0-9]?%)?|(undrain|hold)={_PLACE}|force={_PLACE}=(up|down))$"
)

AssumptionText = Annotated[
    str,
    AfterValidator(read_as(Assumption.parse)),
    WithJsonSchema({"type": "string", "pattern": _ASSUMPTION, "examples": ["site/tokyo=down"]}),
]


class Paged(Query):
    """A page of a list; `cursor` is `next` of the page before."""

    limit: Limit = 100
    cursor: Cursor | None = None


class PoolsQuery(Paged):
    """Parameters of GET /pools."""

    site: Filter = ""
    monitor: Filter = ""
    healthy: Flag | None = None


class MembersQuery(Paged):
    """Parameters of GET /members."""

    pool: Filter = ""
    site: Filter = ""
    live: Flag | None = None


class NamesQuery(Paged):
    """Parameters of GET /names."""

    zone: Annotated[str, Field(max_length=1004)] = ""
    pool: Filter = ""


class MonitorsQuery(Paged):
    """Parameters of GET /monitors."""

    type: Filter = ""
    pool: Filter = ""


class SitesQuery(Paged):
    """Parameters of GET /sites."""

    country: Filter = ""


class NodesQuery(Paged):
    """Parameters of GET /nodes."""

    site: Filter = ""


class ProbersQuery(Paged):
    """Parameters of GET /probers."""

    site: Filter = ""
    blind: Flag | None = None


class VotesQuery(Paged):
    """Parameters of GET /votes."""

    monitor: Filter = ""
    address: Annotated[str, Field(max_length=45)] = ""
    site: Filter = ""
    verdict: Literal["", "up", "down", "unknown"] = ""
    quorum: Flag | None = None


class ExplainQuery(Query):
    """Parameters of GET /explain."""

    name: DnsName
    type: TypeName = "A"
    client: AddressText = "127.0.0.1"
    ecs: NetworkText | None = None
    assumptions: Annotated[list[AssumptionText], Field(max_length=20)] = Field([], alias="if")
    at: Annotated[AwareDatetime | None, _TIME] = None

    def assumed(self) -> list[Assumption]:
        """What is to be assumed."""
        return [Assumption.parse(text) for text in self.assumptions]

    def moment(self) -> float | None:
        """Epoch seconds; None for now."""
        return self.at.timestamp() if self.at else None

    def question(self) -> Question:
        """What `explain` is asked."""
        subnet = ip_network(self.ecs) if self.ecs else None
        return Question(from_text(self.name), type_number(self.type), ip_address(self.client).packed, subnet)


class EventsQuery(Paged):
    """Parameters of GET /events."""

    since: Annotated[AwareDatetime | None, _TIME] = None
    pool: Filter = ""
    member: Filter = ""
    site: Filter = ""

    @property
    def begin(self) -> float:
        """Epoch seconds."""
        return self.since.timestamp() if self.since else 0.0


class ReportsQuery(Paged):
    """Parameters of GET /reports."""

    by: By = "member"
    span: Literal["24h", "7d", "30d"] = "24h"
    pool: Filter = ""
    member: Filter = ""
    site: Filter = ""
    limit: Limit = 1000


class AuditQuery(Paged):
    """Parameters of GET /audit."""

    node: Annotated[str, Field(max_length=100)] = ""
    action: Filter = ""
    target: Annotated[str, Field(max_length=140)] = ""
    subject: Filter = ""


class IntentsQuery(Paged):
    """Parameters of GET /drains, /holds and /forces: those that hold or are to, `all`: also those that have ended."""

    all: Flag = False
    target: TargetFilter | None = None
    limit: Limit = 1000


class ChangeQuery(Query):
    """Parameters of a change; with `dry_run` it is judged, and nothing is done."""

    dry_run: Flag = False


class CancelQuery(ChangeQuery):
    """Parameters of DELETE."""

    reason: Annotated[Line, Field(max_length=500)] = ""
