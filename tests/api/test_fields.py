"""Texts with a meaning: what is taken, and that the patterns of the schema say so."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gslb.api import fields
from gslb.config.values import duration


def good(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def pattern_of(kind: Any) -> str:
    return str(TypeAdapter(kind).json_schema()["pattern"])


PATTERNS = [fields.TargetText, fields.Period, fields.DnsName, fields.TypeName, fields.NetworkText, fields.Trial]


@pytest.mark.parametrize("kind", PATTERNS)
@given(data=st.data())
def test_what_fits_the_pattern_is_taken(kind: Any, data: st.DataObject) -> None:
    assert good(kind, data.draw(st.from_regex(pattern_of(kind), fullmatch=True)))


@given(st.from_regex(fields.LINE, fullmatch=True))
def test_lines(text: str) -> None:
    assert good(fields.Line, text)
    assert good(fields.GivenLine, text) == bool(re.fullmatch(fields.GIVEN_LINE, text))
    assert good(fields.GivenLine, text) == bool(text.strip())


@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", "\x9b", "a\u202eb", "\u2028", "\u200b"])
def test_what_would_show_as_something_else(text: str) -> None:
    assert not good(fields.Line, text)
    assert not good(fields.GivenLine, text)


def test_a_token_is_no_reason() -> None:
    assert not good(fields.Line, f"with gslb_0badc0de_{'5' * 64}")
    assert good(fields.Line, "with gslb_tls_expiry_days")


@pytest.mark.parametrize("text", ["72h", "4320m", "259200s", "259200000ms", "1ms"])
def test_the_longest_time(text: str) -> None:
    assert re.fullmatch(pattern_of(fields.Period), text)
    assert 0 < duration(text) <= fields.LONGEST


@pytest.mark.parametrize("text", ["73h", "4321m", "259201s", "259200001ms", "0s", "10", "1d"])
def test_what_is_no_time(text: str) -> None:
    assert not re.fullmatch(pattern_of(fields.Period), text)
    assert not good(fields.Period, text)


def test_flags_and_counts() -> None:
    assert [text for text in ("true", "false", "1", "yes", "True", "") if good(fields.Flag, text)] == ["true", "false"]
    assert [text for text in ("1", "1000", "0", "1_0", " 5", "\u0661", "1001") if good(fields.Limit, text)] == [
        "1",
        "1000",
    ]


def test_addresses_and_networks() -> None:
    assert good(fields.AddressText, "2001:db8::1")
    assert not good(fields.AddressText, "::ffff:192.0.2.1")
    assert good(fields.NetworkText, "203.0.113.0/25")
    assert not good(fields.NetworkText, "203.0.113.1/24")
    assert not good(fields.DnsName, 7)
