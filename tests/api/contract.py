"""What the table of routes promises, held against every answer that a test sees."""

import re
from typing import Any

from pydantic import BaseModel

from gslb.api.call import Route
from gslb.api.routes import ROUTES
from gslb.api.shapes import Problem
from gslb.api.spec import document, plain_path

_PATHS = {route: re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(plain_path(route.path)))) for route in ROUTES}
_PROMISED = document(ROUTES)["paths"]


def route_of(method: str, path: str) -> Route[Any, Any] | None:
    """The route that answers a request, if any does."""
    where = path.partition("?")[0]
    fitting = (route for route, pattern in _PATHS.items() if route.method == method and pattern.fullmatch(where))
    return next(fitting, None)


def check(method: str, path: str, status: int, text: str) -> None:
    """Raises AssertionError or ValidationError where an answer is not what the OpenAPI document says."""
    route = route_of(method, path)
    if route is not None:
        promised = _PROMISED[plain_path(route.path)][method.lower()]["responses"]
        assert str(status) in promised, f"{method} {path} answered {status}, and promises {sorted(promised)}"
    if status >= 400 and not (route and status in route.others):
        Problem.model_validate_json(text)
    elif route is not None and isinstance(route.answer, type) and issubclass(route.answer, BaseModel) and text:
        route.answer.model_validate_json(text)
