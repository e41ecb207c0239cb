from dataclasses import FrozenInstanceError

import pytest

from gslb.config import model
from gslb.dns.record import Record


def test_record_is_a_frozen_value() -> None:
    record = Record(b"\1a\0", 1, 60, b"\0\0\0\0", "f:1")
    assert record == Record(b"\1a\0", 1, 60, b"\0\0\0\0", "f:1")
    with pytest.raises(FrozenInstanceError):
        record.ttl = 5  # type: ignore[misc]


def test_the_model_has_the_same_record() -> None:
    assert model.Record is Record
