"""Which form a client takes."""

import pytest

from gslb.api.accept import best

JSON, STREAM = "application/json", "text/event-stream"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("text/event-stream", STREAM),
        ("TEXT/Event-Stream", STREAM),
        ("text/*", STREAM),
        ("application/json;q=0.5, text/event-stream", STREAM),
        ("application/json, text/event-stream", JSON),
        ("*/*, application/json;q=0", STREAM),
        ("text/html", None),
        ("application/json;q=0", None),
        ("application/json;q=x", None),
        ("nonsense", None),
    ],
)
def test_best(header: str | None, found: str | None) -> None:
    assert best(header, [JSON, STREAM]) == found
