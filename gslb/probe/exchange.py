"""What every check shares: one total deadline, and the translation of what the system raises into a reason."""

import asyncio
import errno
import ssl
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from gslb.probe.result import ProbeError, Reason, Result, brief

# Faults of this machine, not of the target: they must not become a verdict. EAGAIN: no process can be started.
OURS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.EAGAIN))
_RESETS = frozenset((errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE))


class Progress:
    """How far a probe has come: the `stage` is told when the deadline ends it."""

    __slots__ = ("stage", "tls_days")

    def __init__(self) -> None:
        self.stage = "connecting"
        self.tls_days: float | None = None


_PROGRESS: ContextVar[Progress | None] = ContextVar("progress", default=None)


def under_way() -> Progress | None:
    """How far the probe of this context is, for those whom `ask` reaches through a library only."""
    return _PROGRESS.get()


async def conclude(ask: Callable[[Progress], Awaitable[None]], within: float) -> Result:
    """Run one probe, to be over `within` so many seconds from here. `ask` returns where all is well.

    Raises OSError where this machine lacks descriptors, ports or memory for the probe: that says nothing of the target.
    """
    progress = Progress()
    token = _PROGRESS.set(progress)
    started = time.monotonic()
    reason: Reason = ""
    detail = ""
    try:
        async with asyncio.timeout(within):
            await ask(progress)
    except TimeoutError:
        reason, detail = "timeout", f"{progress.stage}, within {within:g} s"
    except ProbeError as error:
        reason, detail = error.reason, error.message
    except OSError as error:
        if error.errno in OURS:
            raise
        reason, detail = _explain(error)
    finally:
        _PROGRESS.reset(token)
    latency = time.monotonic() - started
    return Result(not reason, latency, reason, brief(detail), progress.tls_days)


def _explain(error: OSError) -> tuple[Reason, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls", getattr(error, "verify_message", "certificate not valid")
    if isinstance(error, ssl.SSLError):
        return "tls", (getattr(error, "reason", None) or "handshake failed").replace("_", " ").lower()
    if error.errno in _RESETS or isinstance(error, ConnectionResetError | ConnectionAbortedError):
        return "reset", "connection reset"
    # Unreachable networks and forbidden connections end here too: somebody on the way said no.
    return "refused", (error.strerror or str(error)).lower()
