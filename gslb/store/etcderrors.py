"""What etcd refuses, and what that means for the caller: its own fault, another endpoint's turn, or a new login."""

import json
from typing import Any, Final, NoReturn

from gslb.errors import StoreError

_UNKNOWN, _DEADLINE, _INTERNAL, _UNAVAILABLE, _UNAUTHENTICATED = 2, 4, 13, 14, 16  # codes of gRPC
_ELSEWHERE: Final = {_UNKNOWN, _DEADLINE, _INTERNAL, _UNAVAILABLE}
_NO_LEADER: Final = "no leader"  # said before anything was done
_LOGIN: Final = ("invalid auth token", "revision of auth store is old", "user name is empty")
_HINTS: Final = {  # part of what etcd says -> what to do
    "database space exceeded": "etcd is full: raise --quota-backend-bytes, or compact and defragment it; then run "
    "etcdctl alarm disarm",
    "authentication failed": "check user and password",
    "user name is empty": "etcd wants a login: set user and password",
    "permission denied": "grant the user's role read and write on the key prefix: "
    "etcdctl role grant-permission --prefix=true ROLE readwrite PREFIX",
    "commonname": "etcd's gateway takes only client certificates whose subject has no common name (CN)",
    "http request to an https server": "begin the endpoint with https://",
    "not found": "an endpoint is the client URL of etcd 3.4 or later, with its gRPC gateway enabled",
}


class CompactedError(StoreError):
    """What happened before `revision` is no longer known to the store: list again (0 = it did not say which)."""

    def __init__(self, revision: int) -> None:
        super().__init__(f"the history before revision {revision or 'asked for'} has been compacted")
        self.revision = revision


class UnsureError(StoreError):
    """The write may have taken place or not: the store went away before it said so."""

    title = "Store unavailable, outcome unknown"


class LeaseGoneError(StoreError):
    """The lease has run out or was revoked; nothing was written."""


class LoginError(StoreError):
    """etcd does not know who is asking: the token has run out, or there was none."""


class TooLongError(StoreError):
    """The answer has more octets than are held in memory at once."""


class AttemptError(Exception):
    """This endpoint could not do it, another may. `taken`: it may have done it all the same."""

    def __init__(self, text: str, *, taken: bool, hint: str = "") -> None:
        super().__init__(text)
        self.taken = taken
        self.hint = hint


def refuse(endpoint: str, status: int, body: bytes) -> NoReturn:
    """Raise what an answer means that is not a success; `status` is of HTTP, `body` the gateway's JSON or text."""
    code, message = _reason(status, body)
    hint = next((hint for part, hint in _HINTS.items() if part in message.lower()), "")
    text = f"{endpoint}: {message}"
    if code == _UNAUTHENTICATED or any(part in message for part in _LOGIN):
        raise LoginError(text, hint=hint)
    if code in _ELSEWHERE:
        raise AttemptError(message, taken=_NO_LEADER not in message, hint=hint)
    if "lease not found" in message:
        raise LeaseGoneError(text)
    if "has been compacted" in message:
        raise CompactedError(0)
    raise StoreError(text, hint=hint)


def unreachable(failures: dict[str, AttemptError], *, unsure: bool = False) -> StoreError:
    """What became of a call whose endpoints have all failed: each with what happened last.

    `unsure`: it was to write, and one of them may have done so.
    """
    hint = next((failure.hint for failure in failures.values() if failure.hint), "")
    text = "; ".join(f"{endpoint}: {failure}" for endpoint, failure in failures.items())
    return (
        UnsureError(f"{text}; the write may have taken place or not", hint=hint)
        if unsure
        else StoreError(text, hint=hint)
    )


def _reason(status: int, body: bytes) -> tuple[int, str]:
    """Code and message: of a call {"code", "message"}, of a stream {"error": {"grpc_code", "message"}}."""
    try:
        values: Any = json.loads(body)
        inner = values["error"] if isinstance(values.get("error"), dict) else values
        return int(inner.get("grpc_code", inner.get("code", 0))), str(inner["message"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        text = body[:200].decode(errors="replace").strip() or f"HTTP status {status}"
        return _UNAVAILABLE if status >= 500 else 0, text
