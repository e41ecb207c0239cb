"""HTTPS and SVCB records of dynamic names from their shapes (RFC 9460)."""

from typing import Final

from gslb.config.document import Findings, Path
from gslb.config.model import Service
from gslb.config.schema import NameShape, ServiceShape
from gslb.dns.rdata import to_wire
from gslb.errors import RdataError

_TYPES: Final = {"https": 65, "svcb": 64}
_HINT_KEYS: Final = frozenset({4, 6})  # ipv4hint, ipv6hint


def build_services(shape: NameShape, apex: bytes, path: Path, findings: Findings) -> tuple[Service, ...]:
    """The records of a name in ServiceMode, without hints; problems are noted."""
    services = []
    for key, rtype in _TYPES.items():
        given: ServiceShape | None = getattr(shape, key)
        if given is None:
            continue
        try:
            services.append(_service(rtype, given, apex))
        except RdataError as error:
            hint = 'for example {alpn: [h2, h3], port: 8443}; other parameters go to params: "key=value ..."'
            findings.problem((*path, key), error.message, hint, key=True)
    return tuple(services)


def _service(rtype: int, shape: ServiceShape, apex: bytes) -> Service:
    parts = [str(shape.priority), shape.target]
    if shape.alpn:
        parts.append(f'alpn="{",".join(shape.alpn)}"')
    if shape.port is not None:
        parts.append(f"port={shape.port}")
    wire = to_wire(rtype, " ".join([*parts, shape.params]).strip(), apex)
    end = 2
    while wire[end]:
        end += 1 + wire[end]
    params = tuple(_params(wire[end + 1 :]))
    if any(key in _HINT_KEYS for key, _ in params):
        raise RdataError("ipv4hint and ipv6hint are made from the pool's live addresses")
    return Service(rtype, shape.priority, wire[2 : end + 1], params)


def _params(wire: bytes) -> list[tuple[int, bytes]]:
    params = []
    while wire:
        length = int.from_bytes(wire[2:4], "big")
        params.append((int.from_bytes(wire[:2], "big"), wire[4 : 4 + length]))
        wire = wire[4 + length :]
    return params
