"""`gslb resume` against a running node."""

import json

import pytest

from gslb.cli.main import main


def test_members_are_named(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "site/osaka", "--config", node.config]) == 0
    assert capsys.readouterr().out == "resumed site/osaka: web/osaka\n"


def test_json(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "pool/web", "--json", "--config", node.config]) == 0
    assert json.loads(capsys.readouterr().out) == {"resumed": ["web/tokyo", "web/osaka"]}


def test_a_target_that_there_is_not(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "site/osako", "--config", node.config]) == 1
    assert "did you mean site/osaka" in capsys.readouterr().err
