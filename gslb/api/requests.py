"""What callers send, as pydantic models: every fault of a request is told at once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, cast

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from gslb.api.fields import LONGEST, Body, GivenLine, Line, Period, TargetText, Trial, whole
from gslb.config.values import address
from gslb.control.intents import Change, Wish
from gslb.control.proposals import MOST_FILES
from gslb.errors import InvalidError, NotFoundError
from gslb.health.states import TargetKey
from gslb.intents import Intent
from gslb.probe.push import Push

DEFAULT: Final = 4 * 3600.0  # seconds that a drain lasts
FARTHEST: Final = 30 * 86_400.0  # seconds ahead that one may begin
_TIME: Final = WithJsonSchema(
    {
        "anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}],
        "description": "Seconds since the epoch, or a time with its zone.",
    }
)

Time = Annotated[AwareDatetime, Field(strict=False), _TIME]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{0,64}$")]
Percent = Annotated[
    int,
    BeforeValidator(whole),
    Field(ge=1, le=100),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 100}),
]


class ResumeRequest(Body):
    """The body of POST /resume."""

    target: TargetText


class IntentRequest(Body):
    """What drains, holds and forces have in common. Validate it with the context {"now": epoch seconds}.

    It begins at once or at `starts`, and lasts `for` a time or until `expires`, at most 72 hours. `local`: at this node
    alone.
    """

    target: TargetText
    reason: Annotated[GivenLine, Field(max_length=500)]
    owner: Annotated[Line, Field(max_length=100)] = ""
    local: bool = False
    starts: Time | None = None
    period: Period | None = Field(None, alias="for")
    expires: Time | None = None

    @field_validator("starts")
    @classmethod
    def _ahead(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        if value is not None and not 0 < value.timestamp() - _now(info) <= FARTHEST:
            raise ValueError("must lie ahead, at most 30 days")
        return value

    @field_validator("expires")
    @classmethod
    def _within_reach(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        starts = cast(datetime | None, info.data.get("starts"))
        begin = starts.timestamp() if starts else _now(info)
        if value is not None and not 0 < value.timestamp() - begin <= LONGEST:
            raise ValueError("must lie ahead, at most 72 hours after the beginning")
        return value

    @model_validator(mode="after")
    def _one_end(self) -> "IntentRequest":
        if self.period is not None and self.expires is not None:
            raise ValueError("give `for` or `expires`, not both")
        return self

    def begin(self) -> float:
        """Epoch seconds; 0.0 for at once."""
        return self.starts.timestamp() if self.starts else 0.0

    def end(self, now: float, default: float | None) -> float | None:
        """Epoch seconds; `default` are seconds from the beginning, None for never."""
        lasts = self.period if self.period is not None else default
        if self.expires is not None:
            return self.expires.timestamp()
        return None if lasts is None else (self.begin() or now) + lasts


class DrainRequest(IntentRequest):
    """The body of POST /drains. `force`: although too little is left."""

    force: bool = False
    percent: Percent = 100

    def wish(self, now: float) -> Wish:
        """What is asked for."""
        return Wish(
            "drain",
            self.target,
            self.reason,
            self.owner,
            self.end(now, DEFAULT),
            self.begin(),
            percent=self.percent,
            override=self.force,
            local=self.local,
            asked=now,
        )


class HoldRequest(IntentRequest):
    """The body of POST /holds: for how long must be said."""

    @model_validator(mode="after")
    def _some_end(self) -> "HoldRequest":
        if self.period is None and self.expires is None:
            raise ValueError("give `for` or `expires`: nothing is frozen for ever")
        return self

    def wish(self, now: float) -> Wish:
        """What is asked for."""
        end = self.end(now, None)
        return Wish("hold", self.target, self.reason, self.owner, end, self.begin(), local=self.local, asked=now)


class ForceRequest(IntentRequest):
    """The body of POST /forces: `up` or down, until it is cancelled unless an end is given. `force` as for drains."""

    up: bool
    force: bool = False

    def wish(self, now: float) -> Wish:
        """What is asked for."""
        return Wish(
            "force",
            self.target,
            self.reason,
            self.owner,
            self.end(now, None),
            self.begin(),
            up=self.up,
            override=self.force,
            local=self.local,
            asked=now,
        )


class ChangeRequest(Body):
    """The body of PATCH: what is to be different. `extend` is added to the end that it has, `for` counts from now."""

    extend: Period | None = None
    period: Period | None = Field(None, alias="for")
    expires: Time | None = None
    starts: Time | None = None
    percent: Percent | None = None
    reason: Annotated[GivenLine, Field(max_length=500)] | None = None
    force: bool = False

    @model_validator(mode="after")
    def _something(self) -> "ChangeRequest":
        if sum(end is not None for end in (self.extend, self.period, self.expires)) > 1:
            raise ValueError("give one of `extend`, `for` and `expires`")
        if not self.model_fields_set - {"force"}:
            raise ValueError("says nothing that is to be different")
        return self

    def change(self, intent: Intent, now: float) -> Change:
        """What is to be different about an intent. Raises InvalidError: it would last longer than is allowed."""
        starts = self.starts.timestamp() if self.starts else None
        end, field = self._end(intent, now)
        if end is not None and end - max(now, starts or intent.starts) > LONGEST:
            raise InvalidError("it would last for more than 72 hours from now", pointer=f"/{field}")
        return Change(end, starts, self.percent, self.reason, self.force)

    def _end(self, intent: Intent, now: float) -> tuple[float | None, str]:
        if self.expires is not None:
            return self.expires.timestamp(), "expires"
        if self.period is not None:
            return max(now, intent.starts) + self.period, "for"
        if self.extend is None:
            return None, ""
        if intent.expires is None:
            raise InvalidError(f"{intent.id} has no end that could be extended", pointer="/extend")
        return intent.expires + self.extend, "extend"


class PushRequest(Body):
    """The body of POST /push."""

    up: bool
    load: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    detail: Annotated[Line, Field(max_length=200)] = ""
    period: Period | None = Field(None, alias="for")

    def push(self) -> Push:
        """What the board keeps."""
        return Push(self.up, self.load, self.detail, self.period)


class WithdrawRequest(Body):
    """The body of POST /nodes/{name}:withdraw."""

    reason: Annotated[GivenLine, Field(max_length=500)]
    owner: Annotated[Line, Field(max_length=100)] = ""


class ReloadRequest(Body):
    """The body of POST /config:reload.

    `force`: although it takes away much. `confirm`: it is on trial for so long, and what was served before comes back
    unless somebody confirms. `digest`: only if the zones folder has one that begins so.
    """

    reason: Annotated[Line, Field(max_length=500)] = ""
    force: bool = False
    confirm: Trial | None = None
    digest: Digest = ""


class RollbackRequest(Body):
    """The body of POST /config:rollback; without `digest`, to what was served before."""

    reason: Annotated[Line, Field(max_length=500)] = ""
    digest: Digest = ""


class PlanRequest(Body):
    """The body of POST /config:plan: the files of a zones folder, by their names relative to it."""

    files: Annotated[dict[str, str], Field(min_length=1, max_length=MOST_FILES)]


def push_key(monitor: str, text: str) -> TargetKey:
    """The target that the path of POST /push names. Raises NotFoundError for what is no address."""
    try:
        return TargetKey(monitor, address(text))
    except ValueError as error:
        raise NotFoundError(f"the address {error}", hint="POST /api/v1/push/MONITOR/ADDRESS") from None


def _now(info: ValidationInfo) -> float:
    return cast(Mapping[str, float], info.context)["now"]
