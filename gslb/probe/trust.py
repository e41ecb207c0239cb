"""Whom a probe by TLS trusts."""

import math
import ssl
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

from pydantic import Field

from gslb.config.monitors import Source
from gslb.config.schema import matching
from gslb.probe.exchange import under_way
from gslb.probe.result import ProbeError
from gslb.probe.trace import Trace, tracing

_DAY: Final = 86400.0
_LABELS: Final = r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*"
_IPV6: Final = r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*"

ServerName = Annotated[str, matching(f"{_LABELS}|{_IPV6}", "a host name or an address, without a port")]
MinDays = Annotated[int | None, Field(ge=1, le=3650)]
WarnDays = Annotated[int, Field(ge=0, le=3650)]


class VerifiedShape(Protocol):
    """Keys of a monitor that speaks TLS."""

    verify: bool
    ca: str | None
    min_days: int | None
    warn_days: int

    @property
    def model_fields_set(self) -> set[str]:
        """The keys that were given."""


def check_verified(shape: VerifiedShape, source: Source) -> None:
    """Note keys that were given where `verify` is off and nothing comes of them, and a warning that comes too late."""
    for key in ("ca", "min_days", "warn_days"):
        if key in shape.model_fields_set and not shape.verify:
            path = (*source.path, key)
            source.findings.problem(path, "is not used with verify: false", "leave one of them out", key=True)
    if shape.min_days is not None and 0 < shape.warn_days <= shape.min_days:
        message = f"fails before anything warns: warn_days is {shape.warn_days}"
        source.findings.warn((*source.path, "min_days"), message, "give a greater warn_days, or 0 for no warning")


def require_days(days: float | None, least: int | None) -> None:
    """Raises ProbeError where a certificate has fewer `days` left than the `least` that a monitor wants."""
    if days is not None and least is not None and days < least:
        left = math.floor(days * 10) / 10  # never rounded up to what was expected
        raise ProbeError("tls", f"{left} days left to the certificate, expected at least {least}")


def tls_context(ca: str | None, *, verify: bool, alpn: str = "") -> ssl.SSLContext:
    """The context of a probe: the system's authorities, or those in the file `ca`, which is read again when it changes.

    `alpn` is the protocol that is offered (RFC 7301); a server that speaks another may end the handshake for it.
    Raises ProbeError where that cannot be read.
    """
    try:
        changed = Path(ca).stat().st_mtime_ns if ca else 0
        return _context(verify, ca, changed, alpn)
    except OSError as error:  # ssl.SSLError is one
        raise ProbeError("tls", f"cannot use the ca file: {error.strerror or error}") from error


@lru_cache(maxsize=64)
def _context(verify: bool, ca: str | None, changed: int, alpn: str) -> ssl.SSLContext:
    """`changed` is there to be part of the cache's key: loading the authorities costs milliseconds."""
    context = ssl.create_default_context(cafile=ca)
    if alpn:
        context.set_alpn_protocols([alpn])
    context.sslobject_class = _Handshake
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def days_left(certificate: Mapping[str, Any]) -> float:
    """Days until a certificate that was checked expires; `certificate` is what `getpeercert()` returns."""
    return (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / _DAY


class _Handshake(ssl.SSLObject):
    """A handshake that tells when it begins, which is when the connection stands, and onlookers when it is over."""

    def do_handshake(self) -> None:
        """See ssl.SSLObject: called again and again until it no longer raises SSLWantReadError."""
        if progress := under_way():
            progress.stage = "connected, waiting for the TLS handshake"
        trace = tracing()
        if trace and all(stage.name != "connected" for stage in trace.stages):
            trace.note("connected")
        super().do_handshake()
        if trace:
            trace.note("tls")


def note_tls(trace: Trace, tls: object) -> None:
    """Tell version, cipher and certificate of a connection, where it is one of TLS."""
    if not isinstance(tls, ssl.SSLObject):
        return
    cipher = tls.cipher()
    trace.note("tls", ", ".join(filter(None, (tls.version(), cipher and cipher[0]))))
    certificate = tls.getpeercert()
    if not certificate:
        trace.note("certificate", "not checked")
        return
    names = [str(entry[1]) for entry in certificate.get("subjectAltName", ())]  # ("DNS", "www.example.com")
    trace.note("certificate", f"{days_left(certificate):.1f} days left, for {', '.join(names) or 'no name'}")
