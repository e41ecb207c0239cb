"""Cells of tables."""

import pytest

from gslb.cli.columns import EVENTS, LISTS, plain, rows_of


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "yes"), (False, "no"), (2.50, "2.5"), (["a", 1.0], "a, 1"), ("x", "x"), (7, "7")],
)
def test_plain_values(value: object, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ({"state": "active", "expires": 3700.0}, "1h00m"),
        ({"state": "active", "expires": None}, "until cancelled"),
        ({"state": "scheduled", "starts": 160.0}, "begins in 1m00s"),
        ({"state": "removed"}, "removed"),
    ],
)
def test_how_much_is_left_of_an_intent(more: dict, left: str) -> None:
    one = {
        "target": "site/a",
        "owner": "",
        "reason": "",
        "id": "f-1",
        "up": True,
        "expires": 1.0,
        "starts": 0.0,
        **more,
    }
    assert dict(zip(LISTS["forces"].columns, rows_of(LISTS["forces"], [one], 100.0)[0], strict=True))["left"] == left


def test_an_event() -> None:
    one = {"id": 1, "at": 0.0, "pool": "web", "member": "a", "site": "s", "address": "192.0.2.1", "what": "observed"}
    row = rows_of(EVENTS, [{**one, "before": "up", "after": "down", "cause": "timeout"}], 0.0)
    assert row == [("1970-01-01 00:00:00Z", "web", "a", "192.0.2.1", "observed", "up -> down", "timeout")]
