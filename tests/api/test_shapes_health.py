"""Exactly what an answer may hold; every answer of every test is held against it (tests/api/contract.py)."""

import pytest
from pydantic import ValidationError

from gslb.api.shapes_health import Step

GOOD = """{"step": "hold", "verdict": "up", "since": null, "why": ""}"""
BAD = """{"step": "hold", "verdict": "left", "since": null, "why": ""}"""


def test_neither_more_nor_less() -> None:
    Step.model_validate_json(GOOD)
    with pytest.raises(ValidationError):
        Step.model_validate_json(BAD)
    with pytest.raises(ValidationError):
        Step.model_validate_json("{}")
