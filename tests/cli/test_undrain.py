"""`gslb undrain` against a running node."""

import json

import pytest

from gslb.cli.main import main


def drain(node, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["drain", "site/osaka", "--reason", "test", "--json", "--config", node.config]) == 0
    identity: str = json.loads(capsys.readouterr().out)["id"]
    return identity


def test_by_target(node, capsys: pytest.CaptureFixture[str]) -> None:
    identity = drain(node, capsys)
    assert main(["undrain", "site/osaka", "--config", node.config]) == 0
    assert f"ended the drain of site/osaka (id {identity}): test" in capsys.readouterr().out
    assert main(["undrain", identity, "--config", node.config]) == 1


def test_by_id_in_json(node, capsys: pytest.CaptureFixture[str]) -> None:
    identity = drain(node, capsys)
    assert main(["undrain", identity, "--json", "--config", node.config]) == 0
    assert [ended["id"] for ended in json.loads(capsys.readouterr().out)["ended"]] == [identity]


def test_what_is_not_drained(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["undrain", "site/osaka", "--config", node.config]) == 1
    assert "no active drain has the id or target 'site/osaka'" in capsys.readouterr().err


def test_a_reason_is_recorded(node, ask, capsys: pytest.CaptureFixture[str]) -> None:
    identity = drain(node, capsys)
    assert ask("undrain", identity, "--reason", "ready early")[0] == 0
    assert "ready early" in ask("audit", "--limit", "1")[1]


def test_cancel_ends_any_kind_and_never_the_wrong_one(node, ask, capsys) -> None:
    drain(node, capsys)
    assert ask("hold", "site/osaka", "--for", "5m", "--reason", "x")[0] == 0
    code, _, err = ask("cancel", "site/osaka")
    assert (code, "site/osaka has 2 of them" in err) == (1, True)
    (held,) = json.loads(ask("holds", "--json")[1])["holds"]
    assert ask("cancel", held["id"])[1].startswith("ended the hold of site/osaka")
    assert ask("cancel", "site/osaka")[1].startswith("ended the drain of site/osaka")
    code, _, err = ask("cancel", "site/osaka")
    assert (code, "no active drain, hold or force" in err) == (1, True)
