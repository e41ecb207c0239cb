"""Errors as `application/problem+json` (RFC 9457), whoever raised them: our code, the request models, or aiohttp."""

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiohttp import web
from pydantic import ValidationError

from gslb.api.redact import without_tokens
from gslb.errors import ConfigError, ConflictError, GslbError, RequestError, TooManyRequestsError

_log = logging.getLogger(__name__)
_PLAIN_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": "must be text",
    "bool_parsing": "must be true or false",
    "json_invalid": "the body is not JSON",
    "model_type": "the body must be an object",
    "model_attributes_type": "the body must be an object",
}

_LATER = "1"  # seconds: what is out of reach for longer says so again

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Fault = tuple[str, str]  # pointer (RFC 6901), detail


class HttpError(RequestError):
    """A request that HTTP has a status for; `headers` go with it."""

    def __init__(
        self, status: int, title: str, message: str, hint: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.http_status = status
        self.title = title
        self.headers = dict(headers or {})


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware: whatever goes wrong in a handler is answered as a problem; what nobody foresaw is logged as well."""
    try:
        return await handler(request)
    except GslbError as error:
        return _from_gslb(error)
    except ValidationError as error:
        return _from_validation(error)
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return problem(error.status, error.reason, _http_detail(request, error), headers=allow)
    except Exception:
        _log.exception("%s %s failed", request.method, request.path)
        return problem(500, "Internal error", "something went wrong here; the log of the node says what")


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    errors: Iterable[Fault] = (),
    hint: str = "",
    headers: dict[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> web.Response:
    """A problem document. `errors` are faults of single fields; `hint` is the next step; `more` are further members."""
    faults = [{"pointer": pointer, "detail": text} for pointer, text in errors]
    said = {"type": "about:blank", "title": title, "status": status, "detail": detail, "hint": hint, "errors": faults}
    body = {**said, **(more or {})}
    text = without_tokens(json.dumps(body))  # it may quote the request
    return web.Response(text=text, status=status, headers=headers, content_type="application/problem+json")


def _from_gslb(error: GslbError) -> web.Response:
    errors: list[Fault] = []
    headers = dict(error.headers) if isinstance(error, HttpError) else {}
    if isinstance(error, ConfigError):
        errors = [("", str(fault)) for fault in error.problems]
    elif isinstance(error, RequestError):
        errors = [(error.pointer, error.message)] if error.pointer else []
    if error.http_status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyRequestsError):
        headers["Retry-After"] = str(error.retry_after)
    elif error.http_status == web.HTTPServiceUnavailable.status_code:
        headers.setdefault("Retry-After", _LATER)
    more = {"remains": error.remains} if isinstance(error, ConflictError) and error.remains else {}
    return problem(
        error.http_status, error.title, error.message, errors=errors, hint=error.hint, headers=headers, more=more
    )


def _from_validation(error: ValidationError) -> web.Response:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    errors = [(_pointer(fault["loc"]), _words(fault["type"], fault["msg"])) for fault in details]
    status = 400 if any(fault["type"] == "json_invalid" for fault in details) else 422
    count = f"{len(errors)} problem" + ("s" if len(errors) > 1 else "")
    return problem(status, "Bad request", f"the request has {count}", errors=errors)


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in location)


def _words(kind: str, message: str) -> str:
    return _PLAIN_WORDS.get(kind, message.removeprefix("Value error, "))


def _http_detail(request: web.Request, error: web.HTTPException) -> str:
    match error.status:
        case 404:
            return f"there is no {request.path}"
        case 405:
            return f"{request.method} is not allowed on {request.path}"
        case 413:
            return "the body is larger than 64 KiB"
    return error.text or error.reason
