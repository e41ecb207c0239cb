"""The shape of the YAML files: which keys there are, what type each value has, its default and its range.

What one value alone can tell is here; what depends on other values is checked where the model is built from the shapes.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from gslb.config.failback import failback_of
from gslb.config.model import Failback, MinUp, PolicyName
from gslb.config.values import address, duration, endpoint, identifier, network, share, shown

MAX_TTL: Final = 2**31 - 1  # RFC 2181 section 8
MAX_32: Final = 2**32 - 1
MAX_WEIGHT: Final = 1_000_000
MAX_LOAD: Final = 1e12
MAX_RULES: Final = 1000  # of one name; each is compared with all before it


def parsed(parser: Callable[[str], object]) -> BeforeValidator:
    def parse(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(f"must be text (got {shown(value)})")
        return parser(value)

    return BeforeValidator(parse)


def listed(value: object) -> object:
    """One value stands for a list of just that one."""
    return [value] if isinstance(value, (str, int)) else value


def matching(expression: str, expected: str) -> AfterValidator:
    compiled = re.compile(expression)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"must be {expected} (got {shown(text)})")
        return text

    return AfterValidator(check)


def lasting(low: str, high: str) -> BeforeValidator:
    def check(value: object) -> float:
        seconds = duration(value)
        if not duration(low) <= seconds <= duration(high):
            raise ValueError(f"must be from {low} to {high} (got {value})")
        return seconds

    return BeforeValidator(check)


def _pool_choice(value: object) -> tuple[tuple[str, int | None], ...]:
    """Pools with their weights; a list has none, for its order decides."""
    if isinstance(value, list) and value and all(isinstance(pool, str) for pool in value):
        return tuple((pool, None) for pool in value)
    if isinstance(value, dict) and value:
        for pool, weight in value.items():
            if not isinstance(weight, int) or isinstance(weight, bool) or not 0 <= weight <= MAX_WEIGHT:
                raise ValueError(f"the weight of {pool} must be from 0 to {MAX_WEIGHT} (got {shown(weight)})")
        return tuple(value.items())
    raise ValueError(f"must be a list of pools in order, or a mapping of pools to weights (got {shown(value)})")


def _min_up(value: object) -> MinUp:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return MinUp(value)
    if isinstance(value, str) and 0 < share(value) <= 1:
        return MinUp(1, share(value))
    raise ValueError(f"must be a number of members from 1 on, or a share from 1% to 100% (got {shown(value)})")


def _damping(value: object) -> object:
    """A mapping, which is left as it is; None = off."""
    if value is False or value == "off":
        return None
    if not isinstance(value, dict):
        raise ValueError(f"must be false, or {{half_life: 5m, suppress: 2.5, reuse: 1}} (got {shown(value)})")
    return value


def _ttl(value: object) -> object:
    """Seconds alone are the most."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_TTL:
        raise ValueError(f"must be seconds from 0 to {MAX_TTL}, or {{max: 60, min: 10}} (got {shown(value)})")
    return {"max": value}


Identifier = Annotated[str, AfterValidator(identifier)]
Address = Annotated[str, parsed(address)]
Network = Annotated[str, parsed(network)]
Endpoint = Annotated[tuple[str, int], parsed(endpoint)]
Share = Annotated[float, BeforeValidator(share)]
Ttl = Annotated[int, Field(ge=0, le=MAX_TTL)]
Weight = Annotated[int, Field(ge=0, le=MAX_WEIGHT)]
Count = Annotated[int, Field(ge=1, le=1000)]
Texts = Annotated[list[str], BeforeValidator(listed), Field(min_length=1)]
Line = Annotated[str, matching(r"[^\r\n\0]*", "text without line breaks and NUL")]
HostName = Annotated[str, matching(r"[A-Za-z0-9._:\[\]-]{1,255}", "a host name")]
Country = Annotated[str, matching(r"[A-Z]{2}", "a country code of two capital letters such as JP")]
Place = Annotated[
    str, matching(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", "a country such as JP or a country and subdivision such as US-CA")
]


class Shape(BaseModel):
    """A mapping with known keys; text is text and numbers are numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ZonesFile(Shape):
    """A file of the zones folder. Each entry has its own shape, so that a fault in one hides none in the others."""

    sites: dict[str, Any] = {}
    probers: dict[str, Any] = {}
    monitors: dict[str, Any] = {}
    pools: dict[str, Any] = {}
    zones: dict[str, Any] = {}


class SiteShape(Shape):
    country: Country = ""
    latitude: Annotated[float | None, Field(ge=-90, le=90)] = None
    longitude: Annotated[float | None, Field(ge=-180, le=180)] = None
    capacity: Annotated[float | None, Field(gt=0, le=MAX_LOAD)] = None


class ProberShape(Shape):
    site: str
    address: Endpoint | None = None


class MonitorShape(Shape):
    type: str
    interval: Annotated[float, lasting("100ms", "1h")] = 5.0
    timeout: Annotated[float | None, lasting("10ms", "1h")] = None
    fall: Count = 3
    rise: Count = 5
    jitter: Annotated[Share, Field(ge=0, le=1)] = 0.1
    flaky: Annotated[Share, Field(gt=0, le=1)] = 0.5
    min_votes: Count | None = None
    self_vote: bool = True


Port = Annotated[int, Field(ge=1, le=65535)]


class MonitorSetShape(Shape):
    all: list[str] | None = None
    any: list[str] | None = None
    at_least: Annotated[int | None, Field(ge=1)] = None
    of: list[str] | None = None


class AllDownShape(Shape):
    mode: Literal["all", "last_good", "nodata"] | None = None
    fallback: Annotated[list[Address] | None, BeforeValidator(listed), Field(min_length=1)] = None


class MemberShape(Shape):
    site: str
    addresses: Annotated[list[Address], BeforeValidator(listed), Field(min_length=1)] | None = None
    cname: str | None = None
    check: Annotated[list[Address], BeforeValidator(listed), Field(min_length=1)] | None = None
    weight: Weight = 1
    priority: Annotated[int, Field(ge=0, le=MAX_WEIGHT)] = 0


class DampingShape(Shape):
    half_life: Annotated[float, lasting("1s", "24h")] = 300.0
    suppress: Annotated[float, Field(gt=0, le=1000)] = 2.5
    reuse: Annotated[float, Field(gt=0, le=1000)] = 1.0


class PoolShape(Shape):
    monitors: Annotated[
        MonitorSetShape, BeforeValidator(lambda value: {"all": value} if isinstance(value, list) else value)
    ] = MonitorSetShape()
    policy: PolicyName = "weighted"
    answers: Count = 1
    max_answers: Count = 8
    all_down: Annotated[
        AllDownShape, BeforeValidator(lambda value: {"mode": value} if isinstance(value, str) else value)
    ] = AllDownShape()
    min_up: Annotated[MinUp, BeforeValidator(_min_up)] = MinUp()
    scope: Literal["global", "local"] = "global"
    requires: Annotated[list[str], BeforeValidator(listed)] = []
    failback: Annotated[Failback, BeforeValidator(failback_of)] = Failback()
    damping: Annotated[DampingShape | None, BeforeValidator(_damping)] = DampingShape()
    max_loss: Annotated[Share, Field(ge=0, le=1)] = 0.5
    ramp: Annotated[float, lasting("0s", "1h")] = 0.0
    exclusive: bool = False
    family_down: Literal["nodata", "all_down"] = "nodata"
    load: Annotated[float | None, Field(gt=0, le=MAX_LOAD)] = None
    members: Annotated[dict[Identifier, MemberShape], Field(min_length=1)]


class SoaShape(Shape):
    mname: str
    rname: str
    serial: Annotated[int | None, Field(ge=0, le=MAX_32)] = None
    refresh: Ttl = 3600
    retry: Ttl = 600
    expire: Ttl = 604_800
    minimum: Ttl = 30
    ttl: Ttl | None = None


class ZoneShape(Shape):
    ttl: Ttl = 60
    soa: SoaShape | None = None
    ns: Annotated[list[str], BeforeValidator(listed)] = []
    zonefile: str | None = None
    records: dict[str, Any] = {}
    names: dict[str, Any] = {}


class RrsetShape(Shape):
    """The long form of inline data: with its own TTL."""

    ttl: Ttl | None = None
    data: Texts


class MatchShape(Shape):
    subnet: Annotated[list[Network], BeforeValidator(listed)] = []
    country: Annotated[list[Place], BeforeValidator(listed)] = []
    continent: Annotated[list[Literal["AF", "AN", "AS", "EU", "NA", "OC", "SA"]], BeforeValidator(listed)] = []
    asn: Annotated[list[Annotated[int, Field(ge=0, le=MAX_32)]], BeforeValidator(listed)] = []


class RuleShape(Shape):
    match: MatchShape | None = None
    pools: Annotated[tuple[tuple[str, int | None], ...], BeforeValidator(_pool_choice)]


class ServiceShape(Shape):
    priority: Annotated[int, Field(ge=1, le=65535)] = 1
    target: str = "."
    alpn: Annotated[list[str], BeforeValidator(listed)] = []
    port: Port | None = None
    params: str = ""


class TtlShape(Shape):
    """The most, and what is served while something looks wrong."""

    max: Ttl | None = None
    min: Ttl | None = None


class NameShape(Shape):
    ttl: Annotated[TtlShape, BeforeValidator(_ttl)] = TtlShape()
    rto: Annotated[float | None, lasting("1s", "24h")] = None
    pool: str | None = None
    https: ServiceShape | None = None
    svcb: ServiceShape | None = None
    rules: Annotated[list[RuleShape] | None, Field(min_length=1, max_length=MAX_RULES)] = None
