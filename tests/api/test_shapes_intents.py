"""Exactly what an answer may hold; every answer of every test is held against it (tests/api/contract.py)."""

import pytest
from pydantic import ValidationError

from gslb.api.shapes_intents import Shortage

GOOD = """{"pool": "web", "live": ["a"], "left": [], "needed": 1, "capacity": null, "load": 0, "at": 1}"""
BAD = """{"pool": "web", "live": ["a"]}"""


def test_neither_more_nor_less() -> None:
    Shortage.model_validate_json(GOOD)
    with pytest.raises(ValidationError):
        Shortage.model_validate_json(BAD)
    with pytest.raises(ValidationError):
        Shortage.model_validate_json("{}")
