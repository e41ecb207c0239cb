"""Problem documents as errors, and when to ask again."""

import pytest

from gslb.cli.problems import error_of, pause_of
from gslb.errors import ConflictError, PreconditionError, StoreError, TooManyRequestsError

SHORT = {"pool": "web", "live": ["a"], "left": [], "needed": 1, "capacity": None, "load": 0.0, "at": 0.0}


@pytest.mark.parametrize(
    ("status", "header", "pause"),
    [
        (429, "2", 2.0),
        (503, "0", 0.0),
        (503, None, None),
        (409, "2", None),
        (429, "Fri, 31 Dec 1999 23:59:59 GMT", None),
    ],
)
def test_when_to_come_again(status: int, header: str | None, pause: float | None) -> None:
    assert pause_of(status, header) == pause


def test_what_would_remain_is_kept() -> None:
    error = error_of(409, {"detail": "no", "hint": "with force", "remains": [SHORT]}, "", None)
    assert isinstance(error, ConflictError)
    assert (error.remains, error.hint) == ((SHORT,), "with force")


def test_the_class_fits_the_status() -> None:
    assert isinstance(error_of(412, {}, "", None), PreconditionError)
    assert isinstance(error_of(503, {}, "", "1"), StoreError)
    late = error_of(429, {"detail": "slower"}, "", "7")
    assert isinstance(late, TooManyRequestsError)
    assert (late.retry_after, late.hint) == (7, "try again in 7 s")
