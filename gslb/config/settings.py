"""The node file as frozen values: what differs on every node."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`rate` replies per second to one address, `burst` at once; each `slip`-th limited one is sent short, 0 = none."""

    rate: float = 50.0
    burst: float = 125.0
    slip: int = 1
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where intents and votes are: in a file of this node, or on etcd, shared with others. Paths are absolute.

    `loss`: what is believed while the shared store is out of reach.
    """

    type: Literal["sqlite", "etcd"] = "sqlite"
    endpoints: tuple[str, ...] = ()
    prefix: str = "/gslb"
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    user: str = ""
    password_file: str | None = None
    loss: Literal["own_votes", "freeze"] = "own_votes"


@dataclass(frozen=True, slots=True)
class ApiTls:
    """Files of the API's TLS; with `client_ca`, who connects must show a certificate of it. Paths are absolute."""

    cert: str
    key: str
    client_ca: str | None = None


@dataclass(frozen=True, slots=True)
class TapSettings:
    """Where dnstap messages go: a Unix socket, by absolute path; of each `sample`-th message of each worker."""

    socket: str
    responses: bool = True
    queries: bool = False
    sample: int = 1


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """A webhook: its URL, or the file that holds it. `events` are groups of events; none: all. Paths are absolute."""

    type: Literal["generic", "slack", "alertmanager"]
    url: str = field(default="", repr=False)  # it may hold a secret
    url_file: str | None = None
    token_file: str | None = None
    ca: str | None = None
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How the log is written; with `queries`, one query in so many is told."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"
    queries: int = 0


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The node file: what differs on every node. Paths are absolute; addresses are (host, port)."""

    name: str
    site: str
    roles: tuple[str, ...]
    dns: tuple[tuple[str, int], ...]
    api: tuple[str, int] | None
    workers: int | None  # None = auto
    zones: str
    state: str
    geo_databases: tuple[str, ...] = ()
    probe_allow: tuple[str, ...] = ()
    probe_deny: tuple[str, ...] = ()
    probe_ports_deny: tuple[tuple[int, int], ...] = ()  # first and last port of each range
    probe_concurrency: int = 200
    api_tls: ApiTls | None = None
    references: tuple[tuple[str, int], ...] = ()  # (address, port) that answer while our network works; port 0: by ping
    ecs_trust: tuple[str, ...] = ()
    acl_query: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    acl_whoami: tuple[str, ...] = ()
    version: str = ""  # told to CHAOS version.bind; empty = refused
    cookie_file: str = ""
    cookie_secrets: tuple[bytes, ...] = ()  # what is in that file: the first signs, all verify
    cookie_memory: int = 4096  # cookies that each worker remembers for a minute; 0 = none
    rate_limit: RateLimit | None = None
    startup_wait: float = 5.0
    max_state_age: float = 600.0
    store: StoreSettings = StoreSettings()
    dnstap: TapSettings | None = None
    notify: tuple[SinkSettings, ...] = ()
    log: LogSettings = LogSettings()


def supervised(node: NodeSettings) -> bool:
    """Whether the node has worker processes beside its control process."""
    return node.workers != 0 and "dns" in node.roles
