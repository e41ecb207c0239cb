"""Exactly what an answer may hold; every answer of every test is held against it (tests/api/contract.py)."""

import pytest
from pydantic import ValidationError

from gslb.api.shapes_explain import ExtendedError

GOOD = """{"code": 0, "text": "no live site"}"""
BAD = """{"code": "0", "text": "no live site"}"""


def test_neither_more_nor_less() -> None:
    ExtendedError.model_validate_json(GOOD)
    with pytest.raises(ValidationError):
        ExtendedError.model_validate_json(BAD)
    with pytest.raises(ValidationError):
        ExtendedError.model_validate_json("{}")
