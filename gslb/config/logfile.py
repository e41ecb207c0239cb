"""The `log` of the node file: how the processes of a node tell what happens."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator

from gslb.config.schema import Shape
from gslb.config.settings import LogSettings
from gslb.config.values import shown

_MOST = 1_000_000


def _sample(value: object) -> int:
    """`1/1000` as 1000, and 0 where nothing is to be sampled."""
    found = re.fullmatch(r"1/([1-9][0-9]{0,6})", value) if isinstance(value, str) else None
    if found and int(found[1]) <= _MOST:
        return int(found[1])
    raise ValueError(f"must be 1/N, one query in N, N from 1 to {_MOST} (got {shown(value)})")


class LogShape(Shape):
    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"
    queries: Annotated[int, BeforeValidator(_sample)] | None = None


def log_settings(shape: LogShape) -> LogSettings:
    """The settings."""
    return LogSettings(shape.format, shape.level, shape.queries or 0)
