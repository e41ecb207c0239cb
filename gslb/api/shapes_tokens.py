"""What is sent and answered about tokens."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from gslb.api.fields import Body, Shape
from gslb.api.issuing import TokenWish
from gslb.api.tokens import NAME, lifetime

_LIFETIME = r"^([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-4][0-9]|3650)[hd]$"  # within what `lifetime` takes
_DEFAULT = 90 * 86_400.0

Lifetime = Annotated[
    float, BeforeValidator(lifetime), WithJsonSchema({"type": "string", "pattern": _LIFETIME, "examples": ["90d"]})
]
Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Names = Annotated[list[Name], Field(max_length=100)]


class TokenRequest(Body):
    """The body of POST /tokens. `sites` and `pools` limit what a token of the scope drain may drain, hold and force."""

    name: Name
    scope: Literal["read", "push", "drain", "admin"] = "read"
    sites: Names = Field(default_factory=list)
    pools: Names = Field(default_factory=list)
    period: Lifetime = Field(_DEFAULT, alias="for")

    def wish(self, now: float) -> TokenWish:
        """What is asked for."""
        sites, pools = (tuple(dict.fromkeys(names)) for names in (self.sites, self.pools))
        return TokenWish(self.name, self.scope, now + self.period, sites, pools)


class Token(Shape):
    """A token without its secret. `used` is when it was used last, to the day where that was at another node."""

    id: str
    name: str
    scope: Literal["read", "push", "drain", "admin"]
    sites: list[str]
    pools: list[str]
    created: float
    expires: float
    by: str
    used: float | None
    expired: bool


class NewToken(Token):
    """A token as it is made: `token` is the whole of it, this once; null where it was a dry run."""

    token: str | None


class Tokens(Shape):
    """Tokens that are not revoked, oldest first."""

    tokens: list[Token]
    next: str | None
