"""What one probe found, and how its failure is told."""

from dataclasses import dataclass
from typing import Literal

from gslb.errors import GslbError

Reason = Literal["", "timeout", "refused", "reset", "tls", "status", "body", "dns", "protocol", "exec"]

_MAX_DETAIL = 80


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one probe. `latency` is seconds from its start to its outcome; `tls_days` the days left to the
    server's certificate, where one was shown and checked. A success may have a detail; as text it is empty."""

    ok: bool
    latency: float
    reason: Reason = ""
    detail: str = ""
    tls_days: float | None = None

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.reason and self.detail else self.reason


class ProbeError(GslbError):
    """Ends a check with a reason. It becomes a Result and never leaves the check."""

    title = "Probe failed"

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


class NoResultError(GslbError):
    """A check that says nothing of its target yet: the verdict stays what it is."""

    title = "No result"


def brief(text: str, limit: int = _MAX_DETAIL) -> str:
    """Text from a stranger made fit for logs and pages: printable ASCII on one line, cut at `limit` characters."""
    shown = "".join(char if " " <= char <= "~" else "?" for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."
