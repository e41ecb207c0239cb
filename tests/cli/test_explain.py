"""`gslb explain` against a running node."""

import json
from datetime import UTC, datetime
from importlib import import_module

import click
import pytest

from gslb.cli import options
from gslb.cli.main import main

module = import_module("gslb.cli.explain")  # the package's attribute of that name may be the verb


def test_it_tells_people_why(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "www.gslb.example.com", "A", "--client", "203.0.113.7", "--config", node.config]) == 0
    text = capsys.readouterr().out
    assert "NOERROR" in text
    assert "pool web" in text
    assert "60.0%  tokyo" in text


def test_json_has_the_chances_and_the_type_is_a_by_default(node, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["explain", "www.gslb.example.com", "--ecs", "203.0.113.0/24", "--json", "--config", node.config]
    assert main(argv) == 0
    view = json.loads(capsys.readouterr().out)
    assert view["type"] == "A"
    assert view["ecs"] == "203.0.113.0/24"
    chances = [address["chance"] for member in view["pools"][0]["members"] for address in member["addresses"]]
    assert chances == [0.6, 0.4]
    assert "text" not in view


def test_a_question_that_is_none(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "www.gslb.example.com", "--client", "tokyo", "--config", node.config]) == 1
    error = capsys.readouterr().err
    assert "client" in error
    assert "tokyo" in error


def test_what_if(node, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["explain", "www.gslb.example.com", "--config", node.config]
    assert main([*argv, "--if", "drain=site/osaka", "--if", "force=member/web/tokyo=up", "--at", "2h"]) == 0
    text = capsys.readouterr().out
    assert "assumed: site/osaka is drained\nassumed: member/web/tokyo is forced up\nassumed: it is 20" in text
    assert "different from now:" in text
    assert "web/osaka at osaka: chance 40.0% -> 0.0%" in text
    assert main([*argv, "--if", "site/osaka=down", "--json"]) == 0
    view = json.loads(capsys.readouterr().out)
    assert (view["notes"], view["differs"]) == (["pool web has no monitors: nobody would notice"], [])
    assert main([*argv, "--if", "osaka"]) == 1
    assert "site/tokyo=down" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2099-03-01T22:00", "2099-03-01T22:00:00+00:00"),
        ("2099-03-01T22:00:00+09:00", "2099-03-01T22:00:00+09:00"),
        ("2099-03-01T22:00:00Z", "2099-03-01T22:00:00+00:00"),
    ],
)
def test_moments(text: str, moment: str) -> None:
    assert options.moment(click.Context(module.explain), module.explain.params[0], text) == moment


def test_times_from_now() -> None:
    context = click.Context(module.explain)
    for text in ("90s", "+90s"):
        moment = datetime.fromisoformat(options.moment(context, module.explain.params[0], text))
        assert 80 < (moment - datetime.now(UTC)).total_seconds() < 91


def test_a_moment_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "www.gslb.example.com", "--at", "tomorrow"]) == 2
    assert "2026-03-01T22:00" in capsys.readouterr().err
