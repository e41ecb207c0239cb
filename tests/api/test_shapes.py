"""Exactly what an answer may hold; every answer of every test is held against it (tests/api/contract.py)."""

import pytest
from pydantic import ValidationError

from gslb.api.shapes import Ready

GOOD = """{"serving": true, "fresh": false}"""
BAD = """{"serving": 1, "fresh": false}"""


def test_neither_more_nor_less() -> None:
    Ready.model_validate_json(GOOD)
    with pytest.raises(ValidationError):
        Ready.model_validate_json(BAD)
    with pytest.raises(ValidationError):
        Ready.model_validate_json("{}")
