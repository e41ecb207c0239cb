"""What callers may send, as pydantic models: every fault of a request is told at once."""

from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Literal, TypeVar, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from gslb.config.values import address, duration, network, shown
from gslb.control.explain import Question
from gslb.control.intents import Wish
from gslb.dns.message import A
from gslb.dns.name import from_text
from gslb.dns.rdata import type_number
from gslb.errors import GslbError, NotFoundError
from gslb.health.record import By
from gslb.health.states import TargetKey
from gslb.intents import Target
from gslb.probe.push import Push
from gslb.store.historyfile import Wanted

LONGEST = 72 * 3600.0  # seconds
DEFAULT = 4 * 3600.0
_LOCALHOST = ip_address("127.0.0.1").packed

S = TypeVar("S")
T = TypeVar("T")


def _told(parse: Callable[[S], T]) -> Callable[[S], T]:
    """The parser with its error as pydantic understands it."""

    def parsed(text: S) -> T:
        try:
            return parse(text)
        except GslbError as error:
            raise ValueError(error.message) from None

    return parsed


def _target(value: object) -> Target:
    if not isinstance(value, str):
        raise ValueError(f"must be text such as site/tokyo (got {shown(value)})")
    return Target.parse(value)


def _line(text: str) -> str:
    """Reasons and owners show in terminals and logs: no escape sequences, no second line."""
    if not text.isprintable():
        raise ValueError("must be one line of printable text")
    return text.strip()


def _given(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _period(value: object) -> float:
    seconds = duration(value)
    if not 0 < seconds <= LONGEST:
        raise ValueError("must be more than nothing and at most 72h")
    return seconds


def _packed(text: str) -> bytes:
    return ip_address(address(text)).packed


def _subnet(text: str) -> IPv4Network | IPv6Network:
    return ip_network(network(text))


class ResumeRequest(BaseModel):
    """The body of POST /resume."""

    model_config = ConfigDict(extra="forbid", strict=True)

    target: Annotated[Target, BeforeValidator(_told(_target))]


class DrainRequest(BaseModel):
    """The body of POST /drains. Validate it with the context {"now": epoch seconds}."""

    model_config = ConfigDict(extra="forbid", strict=True)

    target: Annotated[Target, BeforeValidator(_told(_target))]
    reason: Annotated[str, Field(max_length=500), AfterValidator(_line), AfterValidator(_given)]
    owner: Annotated[str, Field(max_length=100), AfterValidator(_line)] = ""
    force: bool = False
    local: bool = False
    period: Annotated[float, BeforeValidator(_period)] | None = Field(None, alias="for")
    expires: Annotated[AwareDatetime | None, Field(strict=False)] = None

    @field_validator("expires")
    @classmethod
    def _within_reach(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        now = cast(Mapping[str, float], info.context)["now"]
        if value is not None and not 0 < value.timestamp() - now <= LONGEST:
            raise ValueError("must lie ahead, at most 72 hours")
        return value

    @model_validator(mode="after")
    def _one_end(self) -> "DrainRequest":
        if self.period is not None and self.expires is not None:
            raise ValueError("give `for` or `expires`, not both")
        return self

    def wish(self, now: float) -> Wish:
        """What the controller is asked."""
        end = self.expires.timestamp() if self.expires else now + (self.period or DEFAULT)
        return Wish(self.target, self.reason, self.owner, end, self.force, self.local)


class DrainsQuery(BaseModel):
    """The parameters of GET /drains."""

    model_config = ConfigDict(extra="forbid")

    all: bool = False


class ExplainQuery(BaseModel):
    """The parameters of GET /explain."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[bytes, BeforeValidator(_told(from_text))]
    type: Annotated[int, BeforeValidator(_told(type_number))] = A
    client: Annotated[bytes, BeforeValidator(_packed)] = _LOCALHOST
    ecs: Annotated[IPv4Network | IPv6Network | None, BeforeValidator(_subnet)] = None

    def question(self) -> Question:
        """What `explain` is asked."""
        return Question(self.name, self.type, self.client, self.ecs)


class EventsQuery(BaseModel):
    """The parameters of GET /events."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime | None = None
    pool: str = ""
    member: str = ""
    site: str = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100

    def wanted(self) -> Wanted:
        """What the history is asked."""
        since = self.since.timestamp() if self.since else 0.0
        return Wanted(since, self.pool, self.member, self.site, self.limit)


class AuditQuery(BaseModel):
    """The parameters of GET /audit."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class ReportsQuery(BaseModel):
    """The parameters of GET /reports."""

    model_config = ConfigDict(extra="forbid")

    by: By = "member"
    span: Literal["24h", "7d", "30d"] = "24h"


class PushRequest(BaseModel):
    """The body of POST /push."""

    model_config = ConfigDict(extra="forbid", strict=True)

    up: bool
    load: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    detail: Annotated[str, Field(max_length=200), AfterValidator(_line)] = ""
    period: Annotated[float, BeforeValidator(_period)] | None = Field(None, alias="for")

    def push(self) -> Push:
        """What the board keeps."""
        return Push(self.up, self.load, self.detail, self.period)


def push_key(monitor: str, text: str) -> TargetKey:
    """The target that the path of POST /push names. Raises NotFoundError for what is no address."""
    try:
        return TargetKey(monitor, address(text))
    except ValueError as error:
        raise NotFoundError(f"the address {error}", hint="POST /api/v1/push/MONITOR/ADDRESS") from None
