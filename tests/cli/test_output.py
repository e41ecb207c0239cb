"""Tables and times as people read them."""

import json
import re
import sys

import pytest

from gslb.cli import output
from gslb.cli.output import ago, columns, count, show_json, show_table, when


def test_columns_stand_below_each_other() -> None:
    assert columns([("a", "long", "x"), ("bbb", "c", "")]) == ["a    long  x", "bbb  c"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (3599, "60m"), (7200, "2h"), (86_400 * 2.4, "2d")],
)
def test_ago(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def test_count() -> None:
    assert [count(number, "zone") for number in (0, 1, 2)] == ["0 zones", "1 zone", "2 zones"]


def test_when() -> None:
    assert when(None) == ""
    assert when(0) == "1970-01-01 00:00:00Z"


def test_json_keeps_order_and_letters(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"b": "東京", "a": [1]})
    text = capsys.readouterr().out
    assert list(json.loads(text)) == ["b", "a"]
    assert "東京" in text


def test_a_pipe_gets_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show_table("sites", ("name", "state"), [("tokyo", "up")])
    assert capsys.readouterr().out == "sites\n  name   state\n  tokyo  up\n"


def test_a_terminal_gets_a_table_without_markup_from_the_data(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show_table("sites", ("name", "state"), [("[bold]tokyo", "up")])
    text = capsys.readouterr().out
    assert "[bold]tokyo" in text
    assert "\x1b[32mup" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_narrow_terminal_breaks_what_is_long_and_leaves_nothing_out(width: int, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    row = ("web", "osaka", "198.51.100.10", "down", "drained: INC-7 (drain d-e39bd507, until 03:20:33Z)")
    show_table("members", ("pool", "member", "address", "effective", "reason"), [row])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert lines[2].startswith("web   osaka   198.51.100.10  down       drained: ")
    assert "".join(line[40:].strip() for line in lines[2:]).replace(" ", "") == row[-1].replace(" ", "")
    assert max(map(len, lines)) <= width


def test_a_table_that_is_too_wide_for_its_words_keeps_every_column(capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    headers = tuple(f"column{at}" for at in range(8))
    show_table("wide", headers, [tuple(f"{at}bcdefghijkl" for at in range(8))])
    text = re.sub(r"\s|\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert [at for at in range(8) if f"{at}b" not in text] == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0s"), (42, "42s"), (425, "7m05s"), (12_000, "3h20m"), (187_200, "2d04h"), (60, "1m00s"), (59.9, "59s")],
)
def test_lengths_of_time_to_their_second_unit(seconds: float, text: str) -> None:
    assert output.lasting(seconds) == text


def test_a_time_of_the_day() -> None:
    assert output.clock(3661.0) == "01:01:01Z"


def test_an_address_that_is_checked_elsewhere() -> None:
    assert output.address_text({"address": "192.0.2.1", "checked": "192.0.2.1"}) == "192.0.2.1"
    assert output.address_text({"address": "192.0.2.1", "checked": "10.0.0.1"}) == "192.0.2.1 (checked at 10.0.0.1)"


def test_what_remains_of_pools() -> None:
    one = {"pool": "web", "live": ["a"], "left": [], "needed": 1, "capacity": None, "load": 0.0, "at": 0.0}
    assert list(output.remaining_lines([one])) == ["  pool web: 0 of 1 live, nothing; needs 1"]
