"""Whom a probe by TLS trusts."""

import ssl
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from gslb.probe.result import ProbeError
from gslb.probe.trace import Trace, tracing

_DAY: Final = 86400.0


def tls_context(ca: str | None, *, verify: bool) -> ssl.SSLContext:
    """The context of a probe: the system's authorities, or those in the file `ca`, which is read again when it changes.

    Raises ProbeError where that cannot be read.
    """
    try:
        changed = Path(ca).stat().st_mtime_ns if ca else 0
        return _context(verify, ca, changed)
    except OSError as error:  # ssl.SSLError is one
        raise ProbeError("tls", f"cannot use the ca file: {error.strerror or error}") from error


@lru_cache(maxsize=64)
def _context(verify: bool, ca: str | None, changed: int) -> ssl.SSLContext:
    """`changed` is there to be part of the cache's key: loading the authorities costs milliseconds."""
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["http/1.1"])
    context.sslobject_class = _Handshake
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def days_left(certificate: Mapping[str, Any]) -> float:
    """Days until a certificate that was checked expires; `certificate` is what `getpeercert()` returns."""
    return (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / _DAY


class _Handshake(ssl.SSLObject):
    """A handshake that tells onlookers when it begins, which is when the connection stands, and when it is over."""

    def do_handshake(self) -> None:
        """See ssl.SSLObject: called again and again until it no longer raises SSLWantReadError."""
        trace = tracing()
        if trace:
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
