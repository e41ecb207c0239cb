"""Entries of the record as text: every octet counts."""

import json
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.store.audit import FORMAT, Actor, Deed, Record, broken, chained
from gslb.store.audittext import dump_record, load_record
from tests.store.test_audit import older

TEXTS = st.text(max_size=20)
STATES = st.none() | st.dictionaries(TEXTS, TEXTS | st.integers() | st.none() | st.booleans(), max_size=3)
DEEDS = st.builds(Deed, TEXTS, st.builds(Actor, TEXTS, TEXTS), TEXTS, TEXTS, TEXTS, STATES, STATES)
DEED = Deed("drain", Actor("ops", "192.0.2.7"), "CHG-1", "site/tokyo", "d-1", None, {"percent": 50})
RECORD = chained(Record.of("tokyo-1", 5.0, DEED), None)
TEXT = dump_record(RECORD)


@given(DEEDS, st.floats(0, 4e9))
def test_an_entry_is_read_back_and_verifies(deed: Deed, at: float) -> None:
    record = chained(Record.of("tokyo-1", at, deed), None)
    assert load_record(dump_record(record)) == record
    assert broken([load_record(dump_record(record))]) == []


@given(st.integers(0, len(TEXT) - 1), st.integers(1, 255))
def test_an_octet_that_was_changed_is_found(at: int, how: int) -> None:
    changed = bytearray(TEXT)
    changed[at] ^= how
    with suppress(ValueError):
        assert broken([load_record(bytes(changed))])


@pytest.mark.parametrize("name", sorted(RECORD.to_dict()))
@pytest.mark.parametrize("value", [None, [], "\ud800", -1, True, float("nan")])
def test_a_field_that_cannot_be(name: str, value: Any) -> None:
    if name in ("before", "after") and value is None:
        return
    with pytest.raises(ValueError, match=r"."):
        load_record(json.dumps({**RECORD.to_dict(), name: value}, separators=(",", ":"), sort_keys=True).encode())


@pytest.mark.parametrize("name", sorted(RECORD.to_dict()))
def test_every_field_is_needed(name: str) -> None:
    values = {key: value for key, value in RECORD.to_dict().items() if key != name}
    with pytest.raises(ValueError, match=r"."):
        load_record(json.dumps(values, separators=(",", ":"), sort_keys=True).encode())


@pytest.mark.parametrize("octets", [b"", b"[]", b"{}", b"[" * 100_000, TEXT + b" ", TEXT.replace(b",", b", ")])
def test_text_that_is_no_entry(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_record(octets)


def test_entries_of_the_older_format_are_read_from_either_store() -> None:
    (values,) = older("tokyo-1", 1)
    for text in (json.dumps(values), json.dumps({"format": 1, **values}, separators=(",", ":"))):
        assert broken([load_record(text.encode())]) == []


def test_a_chain_goes_on_over_entries_of_the_next_format() -> None:
    newer = chained(replace(RECORD, format=FORMAT + 1, more={"weather": {"a": 1}, "more": 7}, hash=""), RECORD)
    found = load_record(dump_record(newer))
    assert found == newer
    assert json.loads(dump_record(found))["weather"] == {"a": 1}
    back = chained(Record.of("tokyo-1", 7.0, DEED), found)
    assert broken([RECORD, found, load_record(dump_record(back))]) == []
    assert broken([replace(found, more={"weather": {"a": 2}, "more": 7})]) == ["entry 2 of tokyo-1 was changed"]
    assert broken([Record(**{field.name: getattr(found, field.name) for field in fields(found)})]) == []


def test_a_field_that_somebody_added_shows() -> None:
    text = json.dumps({**RECORD.to_dict(), "weather": 1}, separators=(",", ":"), sort_keys=True).encode()
    assert broken([load_record(text)]) == ["entry 1 of tokyo-1 was changed"]


@pytest.mark.parametrize("more", [{"format": FORMAT + 2}, {"format": FORMAT + 1, "oldest": FORMAT + 1}])
def test_an_entry_that_is_too_new_is_told(more: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="by a newer gslb, for readers of format 3 or newer; this one reads 2"):
        load_record(json.dumps({**RECORD.to_dict(), **more}).encode())
