"""TLS as PostgreSQL begins it, in the middle of a connection, with a server name that is apart from the address.

The context of other probes names HTTP as what is spoken inside (ALPN), which PostgreSQL refuses from version 17 on.
"""

import ssl
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Final

from gslb.probe.result import ProbeError

_KEPT: Final = 64  # contexts


class _Context(ssl.SSLContext):
    """A context that asks for `name`, whatever the connection goes to: clients of PostgreSQL know the address alone."""

    name: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """See ssl.SSLContext."""
        return super().wrap_bio(incoming, outgoing, server_side, self.name or server_hostname, session)


class _Session(ssl.SSLObject):
    """A handshake that is remembered once it is over: not every client hands its connection out."""

    def do_handshake(self) -> None:
        """See ssl.SSLObject: called again and again until it no longer raises SSLWantReadError."""
        super().do_handshake()
        if sessions := _SESSIONS.get():
            sessions.current = self


class Sessions:
    """The TLS session of the probe under way, from its handshake on."""

    __slots__ = ("current",)

    def __init__(self) -> None:
        self.current: ssl.SSLObject | None = None


_SESSIONS: ContextVar[Sessions | None] = ContextVar("sessions", default=None)


def watch_session() -> Sessions:
    """From here on this task's handshakes are seen in what is returned."""
    sessions = Sessions()
    _SESSIONS.set(sessions)
    return sessions


def postgres_context(ca: str | None, name: str | None, *, verify: bool) -> ssl.SSLContext:
    """The context of a probe: the system's authorities, or those in the file `ca`, read again when it changes.

    `name` is what the certificate must carry; where absent, the address. Raises ProbeError where `ca` cannot be read.
    """
    try:
        changed = Path(ca).stat().st_mtime_ns if ca else 0
        return _context(ca, name, verify, changed)
    except OSError as error:  # ssl.SSLError is one
        raise ProbeError("tls", f"cannot use the ca file: {error.strerror or error}") from error


@lru_cache(maxsize=_KEPT)
def _context(ca: str | None, name: str | None, verify: bool, changed: int) -> ssl.SSLContext:
    """`changed` is there to be part of the cache's key: loading the authorities costs milliseconds."""
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.name = name
    context.sslobject_class = _Session
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca:
        context.load_verify_locations(ca)
    else:
        context.load_default_certs()
    return context
