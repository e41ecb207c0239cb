"""How texts on the command line are read."""

import getpass
import time
from datetime import datetime

import click
import pytest

from gslb.cli import options

CONTEXT, PARAMETER = click.Context(click.Command("x")), click.Option(["--x"])


@pytest.mark.parametrize("text", ["30m", "in 30m", "+30m"])
def test_a_moment_from_now(text: str) -> None:
    found = options.moment(CONTEXT, PARAMETER, text)
    assert datetime.fromisoformat(found).timestamp() - time.time() == pytest.approx(1800, abs=2)


def test_a_moment_is_utc_unless_it_says_otherwise() -> None:
    assert options.moment(CONTEXT, PARAMETER, "2026-03-01T22:00") == "2026-03-01T22:00:00+00:00"
    assert options.moment(CONTEXT, PARAMETER, "2026-03-01T22:00+09:00") == "2026-03-01T22:00:00+09:00"
    assert options.moment(CONTEXT, PARAMETER, None) == ""


def test_what_is_neither_is_misuse() -> None:
    with pytest.raises(click.BadParameter, match="neither"):
        options.moment(CONTEXT, PARAMETER, "soon")
    with pytest.raises(click.BadParameter, match="must be a duration"):
        options.period(CONTEXT, PARAMETER, "soon")
    with pytest.raises(click.BadParameter, match="site/NAME"):
        options.well_formed(CONTEXT, PARAMETER, "tokyo")
    assert options.period(CONTEXT, PARAMETER, "5m") == 300
    assert options.period(CONTEXT, PARAMETER, None) is None


def test_login_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert options.login() == ""
