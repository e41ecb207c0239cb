"""What a handler is given and what it returns. Handlers know nothing of HTTP beyond this."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel

from gslb.api.access import Grant
from gslb.api.body import LIMIT
from gslb.api.etags import Wanted
from gslb.api.fields import Query
from gslb.api.issuing import Issuing
from gslb.api.tokens import Scope
from gslb.control.controller import Controller
from gslb.store.audit import Actor

Json = dict[str, Any]
Method = Literal["GET", "POST", "PATCH", "DELETE"]
Queue = Literal["pages", "scrapes", "what-if"]
Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel | None)

OPEN: Final = "open"  # in the place of a scope: no token is needed
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class NoQuery(Query):
    """No parameters."""


class Anything(BaseModel):
    """Parameters that are not looked at: who scrapes or checks whether we live may add some."""


@dataclass(slots=True)
class Call(Generic[Q, B]):
    """One request: `path` holds the parts that the route names, `source` is the address of the caller.

    `match` is what If-Match asks for; `now` is in epoch seconds; `routes` are all that there are.
    """

    node: Controller
    grant: Grant
    source: str
    path: Mapping[str, str]
    query: Q
    body: B
    now: float
    match: Wanted = None
    routes: "tuple[Route[Any, Any], ...]" = ()
    accept: str = ""  # the header, for what has several forms
    issuing: Issuing | None = None  # tokens

    @property
    def actor(self) -> Actor:
        """Who asks, as the record shows it."""
        return Actor(self.grant.name, self.source)


class Reply(NamedTuple):
    """The answer to a request that was met.

    `long` names a list in `document`: it is written item by item, in a thread, and a function in the place of the
    document makes it there, when it is its turn in `queue`. `version` is what changes see in the ETag, apart from what
    time does to the document.
    """

    document: Json | str | Callable[[], Json] | Callable[[], bytes]
    status: int = 200
    headers: Mapping[str, str] = _NONE
    long: str = ""
    version: str = ""
    content_type: str = "application/json"
    queue: Queue = "pages"


Handler = Callable[[Call[Q, B]], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route(Generic[Q, B]):
    """One operation of the API. `answer` is what `status` comes with; `others` are further statuses that mean success,
    `refuses` those that refuse beyond what the method does.

    `conditions`: If-Match is obeyed. `stream`: there is a second form, of server-sent events. `routine`: it is done all
    the time, so the log does not tell it. `remembered`: Idempotency-Key is obeyed. `largest`: octets of a body.
    """

    method: Method
    path: str
    handler: Handler[Q, B]
    scope: Scope | Literal["open"]
    summary: str
    answer: type[BaseModel] | str  # text: the media type of something that is no JSON
    query: type[Q]
    body: type[B] = field(default=type(None))  # type: ignore[assignment]
    status: int = 200
    others: tuple[int, ...] = ()
    refuses: tuple[int, ...] = ()
    conditions: bool = False
    stream: bool = False
    routine: bool = False
    remembered: bool = True
    largest: int = LIMIT
