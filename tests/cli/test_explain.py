"""`gslb explain` against a running node."""

import json

import pytest

from gslb.cli.main import main


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
