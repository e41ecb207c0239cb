"""What answers hold that is not about one kind of thing: problems, readiness, the node's own page, the nodes."""

from typing import Any, Literal

from pydantic import Field

from gslb.api.fields import Shape
from gslb.api.shapes_intents import Shortage


class Fault(Shape):
    """One thing that is wrong with a request; `pointer` (RFC 6901) says where, empty for the whole."""

    pointer: str
    detail: str


class Problem(Shape):
    """Why a request was not met (RFC 9457); `hint` is the next step.

    `remains`: of which pools too little would be left.
    """

    type: str
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    hint: str
    errors: list[Fault]
    remains: list[Shortage] = Field(default=[])


class Live(Shape):
    """The process turns its loop."""

    live: Literal[True]


class Ready(Shape):
    """Whether the node answers, and whether what it answers follows the present health; and where it is withdrawn."""

    serving: bool
    fresh: bool
    withdrawn: bool = False


class NodeName(Shape):
    """This node."""

    name: str
    site: str
    version: str


class Withdrawn(Shape):
    """Why a node is withdrawn, by whom, and since when."""

    reason: str
    owner: str
    since: float


class Withdrawal(Shape):
    """Whether this node is withdrawn."""

    node: str
    withdrawn: Withdrawn | None
    dry_run: bool


class StoreState(Shape):
    """The store as this node sees it; `silent` in seconds, null where it never answered."""

    kind: str
    lost: bool
    silent: float | None
    alarms: list[str]
    endpoint: str
    belief: str


class Worker(Shape):
    """A process that answers queries; `generation` is that of the health that it answers from."""

    slot: int
    pid: int
    generation: int
    alive: bool
    state: str
    counters: dict[str, int]


class Node(Shape):
    """A registered node, and what it differs in from the one that was asked.

    `intents` is the revision by which all its workers answer, `begun` are scheduled ones whose beginning they follow.
    """

    name: str
    site: str
    roles: list[str]
    version: str
    config: str
    answers: str
    generation: int
    intents: int
    begun: list[str]
    notifies: bool
    differs: str
    behind: int
    blind: str
    votes: bool


class Nodes(Shape):
    """The nodes that share the store; `missing` are probers of the configuration that are not among them."""

    node: str
    store: StoreState
    nodes: list[Node]
    missing: list[str]
    alarms: list[str]
    next: str | None


class Resumed(Shape):
    """The members that a resume covers, as POOL/MEMBER."""

    resumed: list[str]


class Pushed(Shape):
    """Until when a push holds, unless another comes."""

    monitor: str
    address: str
    expires: float


class Document(Shape):
    """The OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    tags: list[dict[str, Any]]
    security: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]
