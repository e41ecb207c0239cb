"""The node file: its shape, and the settings that come of it."""

from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from gslb.config.apifile import ApiTlsShape, api_tls_settings
from gslb.config.document import Document, Findings
from gslb.config.logfile import LogShape, log_settings
from gslb.config.notifyfile import SinkShape, sink_settings
from gslb.config.schema import Endpoint, Identifier, Network, Shape, lasting, listed, matching, parsed
from gslb.config.settings import NodeSettings, RateLimit
from gslb.config.storefile import StoreShape, store_settings
from gslb.config.tapfile import TapShape, tap_settings
from gslb.config.validate import validate
from gslb.config.values import ports, reference, shown


def _workers(value: object) -> int | None:
    if value == "auto":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 64:
        return value
    raise ValueError(f"must be auto or a number from 0 to 64 (got {shown(value)})")


class NodeShape(Shape):
    name: Identifier
    site: str
    roles: Annotated[list[Literal["dns", "probe", "api"]], Field(min_length=1)] = ["dns", "probe", "api"]


class ListenShape(Shape):
    dns: list[Endpoint] = []
    api: Endpoint | None = None
    api_tls: ApiTlsShape | None = None


class GeoShape(Shape):
    databases: Annotated[list[str], BeforeValidator(listed)] = []


class PortsShape(Shape):
    deny: Annotated[list[Annotated[tuple[int, int], BeforeValidator(ports)]], BeforeValidator(listed)] = []


class ProbeShape(Shape):
    allow: Annotated[list[Network], BeforeValidator(listed)] = []
    deny: Annotated[list[Network], BeforeValidator(listed)] = []
    ports: PortsShape = PortsShape()
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 200
    references: Annotated[list[Annotated[tuple[str, int], parsed(reference)]], BeforeValidator(listed)] = []


class EcsShape(Shape):
    trust: Annotated[list[Network], BeforeValidator(listed)] = []


class CookiesShape(Shape):
    secrets: Annotated[str, Field(min_length=1)] | None = None
    memory: Annotated[int, Field(ge=0, le=1 << 20)] = 4096


class AclShape(Shape):
    query: Annotated[list[Network], BeforeValidator(listed)] = ["0.0.0.0/0", "::/0"]
    whoami: Annotated[list[Network], BeforeValidator(listed)] = []


class RateLimitShape(Shape):
    rate: Annotated[float, Field(gt=0, le=1_000_000)] = 50.0
    burst: Annotated[float, Field(ge=1, le=10_000_000)] = 125.0
    slip: Annotated[int, Field(ge=0, le=100)] = 1
    dry_run: bool = False


class ChaosShape(Shape):
    version: Annotated[str, matching(r"[ -~]{0,255}", "printable ASCII, at most 255 characters")] = ""


class NodeFile(Shape):
    """The node file: what differs on every node."""

    node: NodeShape
    listen: ListenShape
    workers: Annotated[int | None, BeforeValidator(_workers)] = None
    zones: str
    state: str
    store: StoreShape = StoreShape(type="sqlite")
    geo: GeoShape = GeoShape()
    probe: ProbeShape = ProbeShape()
    ecs: EcsShape = EcsShape()
    cookies: CookiesShape = CookiesShape()
    acl: AclShape = AclShape()
    rate_limit: RateLimitShape | None = None
    chaos: ChaosShape = ChaosShape()
    dnstap: TapShape | None = None
    notify: list[SinkShape] = []
    log: LogShape = LogShape()
    startup_wait: Annotated[float, lasting("0s", "1h")] = 5.0
    max_state_age: Annotated[float, lasting("0s", "72h")] = 600.0


def node_settings(document: Document, folder: PurePath, findings: Findings) -> NodeSettings | None:
    """The settings of a node file in `folder` (absolute), or None after its problems were noted."""
    here = findings.about(document)
    shape = validate(NodeFile, document.value, (), here) if document.whole else None
    if shape is None:
        return None
    _check_listen(shape, here)
    return NodeSettings(
        name=shape.node.name,
        site=shape.node.site,
        roles=tuple(dict.fromkeys(shape.node.roles)),
        dns=tuple(shape.listen.dns),
        api=shape.listen.api,
        api_tls=api_tls_settings(shape.listen.api_tls, folder, here),
        workers=shape.workers,
        zones=str(folder / shape.zones),
        state=str(folder / shape.state),
        geo_databases=tuple(str(folder / name) for name in shape.geo.databases),
        probe_allow=tuple(shape.probe.allow),
        probe_deny=tuple(shape.probe.deny),
        probe_ports_deny=tuple(shape.probe.ports.deny),
        probe_concurrency=shape.probe.concurrency,
        references=tuple(dict.fromkeys(shape.probe.references)),
        ecs_trust=tuple(shape.ecs.trust),
        acl_query=tuple(shape.acl.query),
        acl_whoami=tuple(shape.acl.whoami),
        version=shape.chaos.version,
        cookie_file=str(folder / (shape.cookies.secrets or f"{shape.state}/cookie-secrets")),
        cookie_memory=shape.cookies.memory,
        rate_limit=RateLimit(**shape.rate_limit.model_dump()) if shape.rate_limit else None,
        startup_wait=shape.startup_wait,
        max_state_age=shape.max_state_age,
        store=store_settings(shape.store, folder, here),
        dnstap=tap_settings(shape.dnstap, folder, here),
        notify=sink_settings(shape.notify, folder, here),
        log=log_settings(shape.log),
    )


def _check_listen(shape: NodeFile, here: Findings) -> None:
    if "dns" in shape.node.roles and not shape.listen.dns:
        here.problem(("listen",), "`dns` is required for the role dns", 'for example dns: ["192.0.2.53:53"]')
    if shape.listen.api_tls and not shape.listen.api:
        here.problem(("listen", "api_tls"), "needs `api`: there is no API to be reached by TLS", key=True)
    for at, endpoint in enumerate(shape.listen.dns):
        if endpoint in shape.listen.dns[:at]:
            here.problem(("listen", "dns", at), "stands twice in the list")
