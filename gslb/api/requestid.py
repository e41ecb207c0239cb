"""A name for each request: in the answer, and in every line of the log that is about it."""

import re
import secrets
from contextvars import ContextVar
from typing import Final

HEADER: Final = "X-Request-Id"
_FIT: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

current: ContextVar[str] = ContextVar("request", default="")
"""That of the request under way; empty outside of one."""


def name_of(given: str | None) -> str:
    """The name that the client gave, where it is fit for a log; a new one else."""
    return given if given and _FIT.fullmatch(given) else secrets.token_hex(8)
