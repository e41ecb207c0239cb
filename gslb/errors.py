"""Every error of the project: the class says whose fault it is, the attributes say the consequence.

An error that reaches a person says where it happened, what was found, and what was expected; `hint` is the next step.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class GslbError(Exception):
    """Root of all our errors. `http_status` is what the API answers, `exit_code` what the command line returns."""

    http_status = 500
    exit_code = 1
    title = "Internal error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Problem(NamedTuple):
    """One fault in a configuration file. `where` is "file:line:column" (column and line from 1)."""

    where: str
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        subject = f"{self.path}: " if self.path else ""
        return f"{self.where}: {subject}{self.message}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(GslbError):
    """The configuration is wrong; `problems` lists every fault found, not only the first."""

    http_status = 422
    title = "Bad configuration"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NameSyntaxError(GslbError):
    """Text that is not a domain name (RFC 1035 section 2.3.4 limits)."""

    http_status = 400
    title = "Bad domain name"


class RdataError(GslbError):
    """Text that is not valid data for its record type."""

    http_status = 400
    title = "Bad record data"


class SnapshotError(GslbError):
    """A snapshot on disk is damaged, foreign, or of a format that is not read here; it is never served."""

    title = "Bad snapshot"


class StateError(GslbError):
    """The state folder or a listening address cannot be used (locked, taken, not writable)."""

    http_status = 503
    title = "Cannot start"


class GeoError(GslbError):
    """A location database cannot be opened or read."""

    title = "Bad location database"


class StoreError(GslbError):
    """The store cannot be read or written now; nothing was changed."""

    http_status = 503
    title = "Store unavailable"


class RequestError(GslbError):
    """The caller's request is wrong. `pointer` names the field (RFC 6901), where there is one."""

    http_status = 400
    title = "Bad request"

    def __init__(self, message: str, *, pointer: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.pointer = pointer


class UnauthorizedError(RequestError):
    """No valid token came with the request."""

    http_status = 401
    title = "Unauthorized"


class ForbiddenError(RequestError):
    """The token is good, but not for this."""

    http_status = 403
    title = "Forbidden"


class TooManyRequestsError(RequestError):
    """The caller asks more often than it may; `retry_after` is in seconds (RFC 9110 section 10.2.3)."""

    http_status = 429
    title = "Too many requests"

    def __init__(self, message: str, *, retry_after: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class InvalidError(RequestError):
    """The request is well-formed, but a value in it cannot be used."""

    http_status = 422


class PreconditionError(RequestError):
    """What the caller knew has changed meanwhile, so that nothing was done (RFC 9110 section 13.1.1)."""

    http_status = 412
    title = "Changed meanwhile"


class NotFoundError(RequestError):
    """The thing that the request names does not exist."""

    http_status = 404
    title = "Not found"


class ConflictError(RequestError):
    """The request contradicts the present state. `remains` tells, as JSON values, what would be left of which pools."""

    http_status = 409
    title = "Conflict"

    def __init__(
        self, message: str, *, pointer: str = "", hint: str = "", remains: Iterable[Mapping[str, object]] = ()
    ) -> None:
        super().__init__(message, pointer=pointer, hint=hint)
        self.remains = tuple(remains)


class StaleError(GslbError):
    """What the caller judged by has changed meanwhile: look again. Nothing was written."""

    http_status = 503
    title = "Changed meanwhile"
