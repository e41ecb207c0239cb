"""The node file as frozen values: what differs on every node."""

from dataclasses import dataclass
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


def supervised(node: NodeSettings) -> bool:
    """Whether the node has worker processes beside its control process."""
    return node.workers != 0 and "dns" in node.roles
