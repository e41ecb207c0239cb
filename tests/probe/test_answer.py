"""Which answers fit a monitor, and how a misfit is told."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.probe.answer import MAX_BODY, PRESENT, judge_body, judge_status
from gslb.probe.http import HttpMonitor
from gslb.probe.result import ProbeError

PLAIN = HttpMonitor("web", 80)


def misfit(monitor: HttpMonitor, body: bytes) -> str:
    """The detail of the failure, or nothing."""
    try:
        judge_body(monitor, body)
    except ProbeError as error:
        return f"{error.reason}: {error.message}"
    return ""


def test_status_must_be_one_of_the_set() -> None:
    monitor = replace(PLAIN, status=(200, 204))
    judge_status(monitor, 204)
    with pytest.raises(ProbeError, match="503, expected 200 or 204") as caught:
        judge_status(monitor, 503)
    assert caught.value.reason == "status"


def test_without_conditions_every_body_fits() -> None:
    assert misfit(PLAIN, b"") == ""
    assert misfit(PLAIN, b"\xff" * (MAX_BODY + 1)) == ""


def test_contains() -> None:
    monitor = replace(PLAIN, contains='"résultat"')
    assert misfit(monitor, '{"résultat": 1}'.encode()) == ""
    assert misfit(monitor, b'{"error": 1}') == "body: 12 octets without '\"r?sultat\"'"


def test_regex() -> None:
    monitor = replace(PLAIN, regex=r"version (\d+)\.")
    assert misfit(monitor, b"\xff version 7.0") == ""
    assert misfit(monitor, b"version x") == r"body: 9 octets that do not match 'version (\\d+)\\.'"


def test_conditions_look_at_the_first_octets_only() -> None:
    late = b" " * MAX_BODY + b"needle"
    assert misfit(replace(PLAIN, contains="needle"), late) == "body: 65542 octets without 'needle'"
    assert misfit(replace(PLAIN, regex="needle"), late) == "body: 65542 octets that do not match 'needle'"
    assert misfit(replace(PLAIN, json=(("a", 1),)), late) == "body: longer than 65536 octets: not read as JSON"


def test_every_condition_must_hold() -> None:
    monitor = replace(PLAIN, contains="ok", regex="^o", json=(("ok", True),))
    assert misfit(monitor, b'{"ok": true}') == "body: 12 octets that do not match '^o'"


@pytest.mark.parametrize(
    ("path", "expected", "body", "detail"),
    [
        ("result", "7.0.0", b'{"result": "7.0.0"}', ""),
        ("result.items.1.state", "up", b'{"result": {"items": [{}, {"state": "up"}]}}', ""),
        ("0", 1, b"[1.0]", ""),
        ("1", 2, b'{"1": 2}', ""),
        ("a", None, b'{"a": null}', ""),
        ("a", PRESENT, b'{"a": null}', ""),
        ("a.0", PRESENT, b'{"a": [false]}', ""),
        ("a", PRESENT, b'{"b": 1}', "a is absent, expected something"),
        ("a", None, b"{}", "a is absent, expected null"),
        ("a", True, b'{"a": 1}', "a is 1, expected true"),
        ("a", 1, b'{"a": true}', "a is true, expected 1"),
        ("a", [1], b'{"a": [1]}', ""),
        ("9", 1, b"[1]", "9 is absent, expected 1"),
        ("-1", 1, b"[1]", "-1 is absent, expected 1"),
        ("a.b", 1, b'{"a": 1}', "a.b is absent, expected 1"),
        ("a", "x", b'{"a": "a very long text that nobody wants"}', 'a is "a very long ..., expected "x"'),
        ("a", 1, b"<html>", "6 octets that are not JSON"),
        ("a", 1, b"\xff\xfe\xfd", "3 octets that are not JSON"),
        ("a", 1, b"", "0 octets that are not JSON"),
        ("a", 1, b"[" * 60000, "60000 octets that are not JSON"),
        ("a", 1, b"1" * 60000, "60000 octets that are not JSON"),
    ],
)
def test_json_paths(path: str, expected: object, body: bytes, detail: str) -> None:
    assert misfit(replace(PLAIN, json=((path, expected),)), body) == (detail and f"body: {detail}")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab0.", max_size=2), inner, max_size=3),
)


@given(st.binary(max_size=200) | values.map(lambda value: repr(value).encode()), st.text("ab01.", max_size=9), values)
def test_no_body_breaks_the_judge(body: bytes, path: str, expected: object) -> None:
    assert isinstance(misfit(replace(PLAIN, json=((path, expected),)), body), str)
