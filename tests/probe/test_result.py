"""How a result is told."""

import pytest

from gslb.probe.result import ProbeError, Result, brief


def test_a_result_reads_as_reason_and_detail() -> None:
    assert str(Result(True, 0.1)) == ""
    assert str(Result(True, 0.1, detail="OK - fine")) == ""
    assert str(Result(False, 0.1, "reset")) == "reset"
    assert str(Result(False, 0.1, "status", "503, expected 200")) == "status: 503, expected 200"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fine", "fine"),
        ("a\r\nb\0\x1b[31m\u202eé", "a??b??[31m??"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 77 + "..."),
        ("\n" * 100000, "?" * 77 + "..."),
    ],
)
def test_strangers_text_is_short_and_printable(text: str, shown: str) -> None:
    assert brief(text) == shown


def test_a_probe_error_carries_its_reason() -> None:
    error = ProbeError("body", "nothing there")
    assert (error.reason, error.message) == ("body", "nothing there")
