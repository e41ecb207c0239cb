"""What is sent about tokens."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from gslb.api.issuing import TokenWish
from gslb.api.shapes_tokens import _LIFETIME, TokenRequest
from gslb.api.tokens import lifetime


def test_a_request_becomes_a_wish() -> None:
    asked = {"name": "ci", "scope": "drain", "sites": ["tokyo", "tokyo"], "pools": ["web"], "for": "2h"}
    assert TokenRequest.model_validate(asked).wish(100.0) == TokenWish("ci", "drain", 7300.0, ("tokyo",), ("web",))
    assert TokenRequest.model_validate({"name": "ci"}).wish(0.0) == TokenWish("ci", "read", 90 * 86_400.0)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"name": ""},
        {"name": "node token"},
        {"name": "a\n"},
        {"name": "a" * 64},
        {"name": "ci", "scope": "root"},
        {"name": "ci", "for": "10m"},
        {"name": "ci", "for": 90},
        {"name": "ci", "sites": ["a/b"]},
        {"name": "ci", "sites": "tokyo"},
        {"name": "ci", "sites": ["a"] * 101},
        {"name": "ci", "token": "gslb_mine"},
    ],
)
def test_bad_requests(asked: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TokenRequest.model_validate(asked)


@pytest.mark.parametrize("text", ["1h", "999d", "1000d", "2999h", "3599d", "3649d", "3650d"])
def test_what_the_schema_allows_is_read(text: str) -> None:
    assert re.fullmatch(_LIFETIME, text)
    assert lifetime(text)


@pytest.mark.parametrize("text", ["0h", "3651d", "3700d", "10000h", "1m"])
def test_what_the_schema_does_not_allow(text: str) -> None:
    assert not re.fullmatch(_LIFETIME, text)
