"""What a node says when it does not do what it was asked, as our errors; and when to ask again."""

import http.client
from collections.abc import Mapping
from typing import Any

from gslb.errors import (
    ConflictError,
    ForbiddenError,
    GslbError,
    NotFoundError,
    PreconditionError,
    RequestError,
    StoreError,
    TooManyRequestsError,
    UnauthorizedError,
)

PATIENCE = 4.0  # seconds that one request may take longer because the node asks to come again
_LATER = (http.client.TOO_MANY_REQUESTS, http.client.SERVICE_UNAVAILABLE)
_CLASSES: dict[int, type[RequestError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    412: PreconditionError,
}


def pause_of(status: int, retry_after: str | None) -> float | None:
    """Seconds after which the request may be sent again; None where that is no use."""
    if status not in _LATER or retry_after is None or not retry_after.strip().isdigit():
        return None
    return float(retry_after)


def error_of(status: int, problem: Mapping[str, Any], token_from: str, retry_after: str | None) -> GslbError:
    """The error that fits a problem document (RFC 9457), or whatever came instead of one."""
    detail = str(problem.get("detail") or problem.get("title") or f"HTTP status {status}")
    faults = [
        f"{e['pointer'].strip('/')}: {e['detail']}" for e in problem.get("errors", ()) if e["detail"] not in detail
    ]
    message, hint = "; ".join([detail, *faults]), str(problem.get("hint", ""))
    if status == http.client.UNAUTHORIZED:
        hint = f"the token came from {token_from}"
    if status == http.client.CONFLICT:
        return ConflictError(message, hint=hint, remains=problem.get("remains", ()))
    if status == http.client.TOO_MANY_REQUESTS:
        seconds = int(pause_of(status, retry_after) or 1)
        return TooManyRequestsError(message, retry_after=seconds, hint=hint or f"try again in {seconds} s")
    if status >= http.client.INTERNAL_SERVER_ERROR:
        return StoreError(message, hint=hint)
    return _CLASSES.get(status, RequestError)(message, hint=hint)
