"""Exactly what an answer may hold; every answer of every test is held against it (tests/api/contract.py)."""

import pytest
from pydantic import ValidationError

from gslb.api.shapes_config import RolledBack

GOOD = """{"from": "ab", "at": 1, "who": "ops", "why": ""}"""
BAD = """{"left": "ab", "at": 1, "who": "ops", "why": ""}"""


def test_neither_more_nor_less() -> None:
    RolledBack.model_validate_json(GOOD)
    with pytest.raises(ValidationError):
        RolledBack.model_validate_json(BAD)
    with pytest.raises(ValidationError):
        RolledBack.model_validate_json("{}")
