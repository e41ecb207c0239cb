"""How changes of intents are put together and told."""

import pytest

from gslb.cli.beginning import How, span, told, wish_of

MADE = {"expires": 7200.0, "starts": 0.0, "state": "active", "acknowledged": True}


def test_what_was_not_given_is_left_out() -> None:
    options = {"for": "2h", "until": "", "start": "", "reason": "x", "owner": "anna", "percent": None, "force": False}
    assert wish_of("site/tokyo", options) == {"target": "site/tokyo", "for": "2h", "reason": "x", "owner": "anna"}


def test_the_owner_is_who_asks_unless_named() -> None:
    assert wish_of("site/tokyo", {"until": "", "start": "", "owner": None})["owner"]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "until 1970-01-01 02:00:00Z"),
        ({"expires": None}, "until it is cancelled"),
        ({"state": "scheduled"}, "from 1970-01-01 00:00:00Z until 1970-01-01 02:00:00Z"),
    ],
)
def test_spans_in_words(more: dict, text: str) -> None:
    assert span({**MADE, **more}) == text


def test_nobody_is_asked_in_a_pipe_or_for_json() -> None:
    options = {"dry_run": False, "yes": False, "as_json": False, "reason": "x"}
    assert not How.taken(options).asks
    assert options == {"reason": "x"}


def test_the_exit_code_says_whether_every_worker_follows(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(MADE, False, "done") == 0
    assert told({**MADE, "acknowledged": False}, True, "done") == 1
    assert "not every worker" in capsys.readouterr().err
