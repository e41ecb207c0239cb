"""Texts with a meaning in requests and answers: how each is read, and how its JSON schema describes it.

A pattern here says what the parser below it takes, so that who trusts the schema is not refused.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gslb.api.redact import without_tokens
from gslb.config.values import address, duration, network, shown
from gslb.control.reloading import LONGEST_TRIAL
from gslb.dns.name import from_text
from gslb.dns.rdata import type_number
from gslb.errors import GslbError
from gslb.intents import Target

LONGEST: Final = 72 * 3600.0  # seconds

# Neither control characters, which move a terminal's cursor, nor such as show text in another order than it stands in.
_HALVES: Final = r"\ud800-\udfff"  # JSON cannot carry them, and few readers of schemas understand them in a pattern
_HIDDEN: Final = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb" + _HALVES
)
_BLANK: Final = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
LINE: Final = rf"^[^{_HIDDEN}]*$"
GIVEN_LINE: Final = rf"^[{_BLANK}]*[^{_BLANK}{_HIDDEN}][^{_HIDDEN}]*$"
IDENTIFIER: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
_OCTET: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_HOUR: Final = {  # what is at most 72 h, in each unit
    "ms": "[1-9][0-9]{0,7}|1[0-9]{8}|2[0-4][0-9]{7}|25[0-8][0-9]{6}|259200000",
    "s": "[1-9][0-9]{0,4}|1[0-9]{5}|2[0-4][0-9]{4}|25[0-8][0-9]{3}|259[01][0-9]{2}|259200",
    "m": "[1-9][0-9]{0,2}|[1-3][0-9]{3}|4[0-2][0-9]{2}|43[01][0-9]|4320",
    "h": "[1-9]|[1-6][0-9]|7[0-2]",
}

S = TypeVar("S")
T = TypeVar("T")


class Shape(BaseModel):
    """What an answer holds: exactly these fields, each of exactly this type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """The parameters of a request; what is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class Body(BaseModel):
    """The JSON that comes with a request; what is not known is refused, and nothing is taken for what it is not."""

    model_config = ConfigDict(extra="forbid", strict=True)


def told(parse: Callable[[S], T]) -> Callable[[S], T]:
    """The parser with its error as pydantic understands it."""

    def parsed(text: S) -> T:
        try:
            return parse(text)
        except GslbError as error:
            raise ValueError(error.message) from None

    return parsed


def read_as(parse: Callable[[Any], object]) -> Callable[[Any], str]:
    """A validator of text that `parse` can read; the text stays as it is."""

    def checked(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(f"must be text (got {shown(value)})")
        told(parse)(value)
        return value

    return checked


def _target(value: object) -> Target:
    if not isinstance(value, str):
        raise ValueError(f"must be text such as site/tokyo (got {shown(value)})")
    return Target.parse(value)


def _line(text: str) -> str:
    """Reasons and owners show in terminals and logs: no escape sequences, no second line."""
    if not re.fullmatch(LINE, text):
        raise ValueError("must be one line of printable text")
    if without_tokens(text) != text:
        raise ValueError("holds what looks like a token: everybody who may read would see it")
    return text.strip()


def _given(text: str) -> str:
    if not re.fullmatch(GIVEN_LINE, text):
        raise ValueError("must not be empty")
    return text


def _period(value: object) -> float:
    seconds = duration(value)
    if not 0 < seconds <= LONGEST:
        raise ValueError("must be more than nothing and at most 72h")
    return seconds


def _trial(value: object) -> float:
    seconds = duration(value)
    if not 0 < seconds <= LONGEST_TRIAL:
        raise ValueError("must be more than nothing and at most 24h")
    return seconds


def _flag(value: object) -> bool:
    found = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise ValueError("must be true or false")
    return found


def _count(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise ValueError("must be a whole number")
    return value


def whole(value: object) -> object:
    """A number without a fraction as an integer, which it is in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text_schema(pattern: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, **more})


_DURATION: Final = "^(" + "|".join(f"({numbers}){unit}" for unit, numbers in _HOUR.items()) + ")$"
_TRIAL: Final = "^([1-9][0-9]{0,3}s|[1-9][0-9]{0,2}m|[1-9]h|1[0-9]h|2[0-4]h)$"
_TARGET: Final = r"^(site/[^/]+|pool/[^/]+|member/[^/]+/[^/]+)$"
_NAME: Final = r"^([A-Za-z0-9_*-]{1,63}\.){0,3}[A-Za-z0-9_*-]{1,61}\.?$"
_NETWORK: Final = (  # the usual prefixes, without bits behind them
    rf"^({_OCTET}\.0\.0\.0/8|({_OCTET}\.){{2}}0\.0/16|({_OCTET}\.){{3}}0/24|({_OCTET}\.){{3}}{_OCTET}/32"
    "|[1-9a-f][0-9a-f]{0,3}(:[0-9a-f]{1,4})?::/32|[1-9a-f][0-9a-f]{0,3}(:[0-9a-f]{1,4}){2}::/48)$"
)
_TYPE: Final = r"^(A|AAAA|CAA|CNAME|HTTPS|MX|NS|PTR|SOA|SRV|SVCB|TXT|TYPE[1-9][0-9]{0,3})$"

TargetText = Annotated[Target, BeforeValidator(told(_target)), _text_schema(_TARGET, examples=["site/tokyo"])]
TargetFilter = Annotated[str, AfterValidator(read_as(Target.parse)), _text_schema(_TARGET)]
Line = Annotated[str, AfterValidator(_line), Field(json_schema_extra={"pattern": LINE.replace(_HALVES, "")})]
GivenLine = Annotated[
    str,
    AfterValidator(_given),
    AfterValidator(_line),
    Field(json_schema_extra={"pattern": GIVEN_LINE.replace(_HALVES, ""), "minLength": 1}),
]
Period = Annotated[float, BeforeValidator(_period), _text_schema(_DURATION, examples=["10m"])]
Trial = Annotated[float, BeforeValidator(_trial), _text_schema(_TRIAL, examples=["5m"])]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
Limit = Annotated[
    int,
    BeforeValidator(_count),
    Field(ge=1, le=1000),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 1000}),
]
Cursor = Annotated[str, Field(max_length=2000, pattern="^[A-Za-z0-9_-]+$")]
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
DnsName = Annotated[str, AfterValidator(read_as(from_text)), _text_schema(_NAME, examples=["www.example.com."])]
TypeName = Annotated[str, AfterValidator(read_as(type_number)), _text_schema(_TYPE)]
AddressText = Annotated[
    str,
    AfterValidator(read_as(address)),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]}),
]
NetworkText = Annotated[
    str, AfterValidator(read_as(network)), _text_schema(_NETWORK, examples=["203.0.113.0/24", "2001:db8::/32"])
]
Filter = Annotated[str, Field(max_length=63)]
