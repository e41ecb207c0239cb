"""Exactly what an answer may hold; every answer of every test is held against it (tests/api/contract.py)."""

import pytest
from pydantic import ValidationError

from gslb.api.shapes_record import PoolRow

FIGURES = """{"up": 1, "down": 0, "unknown": 0, "failures": 0, "mtbf": null, "mttr": null, "availability": null}"""
GOOD = """{"pool": "web", "observed": FIGURES, "effective": FIGURES}""".replace("FIGURES", FIGURES)
BAD = """{"pool": "web", "observed": FIGURES, "effective": FIGURES, "more": 1}""".replace("FIGURES", FIGURES)


def test_neither_more_nor_less() -> None:
    PoolRow.model_validate_json(GOOD)
    with pytest.raises(ValidationError):
        PoolRow.model_validate_json(BAD)
    with pytest.raises(ValidationError):
        PoolRow.model_validate_json("{}")
