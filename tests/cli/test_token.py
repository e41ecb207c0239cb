"""`gslb token` against a running node."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gslb.cli.main import main


@pytest.fixture
def token(node: Any, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`token("list")` runs the verb: (exit code, output, messages)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["token", *arguments, "--config", node.config])
        return (code, *capsys.readouterr())

    return run


def test_a_token_is_printed_alone_and_works(
    node: Any,
    token: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, secret, told = token("create", "--name", "ci", "--scope", "drain", "--site", "tokyo", "--for", "1h")
    assert code == 0
    assert secret.startswith("gslb_")
    assert secret.count("\n") == 1
    assert "token ci (" in told
    assert "drain site/tokyo" in told
    monkeypatch.setenv("GSLB_TOKEN", secret.strip())
    api = f"http://127.0.0.1:{node.api}"
    assert main(["status", "--json", "--api", api]) == 0
    capsys.readouterr()
    assert main(["drain", "site/osaka", "--reason", "x", "--api", api]) == 1
    assert "'ci' may not drain site/osaka: it is for site/tokyo" in capsys.readouterr().err
    code, table, _ = token("list")
    assert [line for line in table.splitlines() if line.startswith("  ci") and "drain site/tokyo" in line]
    assert secret.strip() not in table
    code, text, _ = token("revoke", "ci", "--reason", "left")
    assert (code, text.startswith("revoked the token ci (")) == (0, True)
    assert main(["status", "--api", api]) == 1
    assert "a valid token is needed" in capsys.readouterr().err
    code, _, told = token("revoke", "ci")
    assert (code, "there is no token 'ci'" in told) == (1, True)


def test_json(token: Callable[..., tuple[int, str, str]]) -> None:
    made = json.loads(token("create", "--name", "json", "--json")[1])
    assert (made["scope"], made["token"].startswith("gslb_")) == ("read", True)
    (shown,) = json.loads(token("list", "--json")[1])["tokens"]
    assert {**shown, "token": made["token"]} == made
    assert json.loads(token("revoke", made["id"], "--json")[1])["id"] == made["id"]


def test_what_leaked_is_revoked_by_itself(token: Callable[..., tuple[int, str, str]]) -> None:
    made = json.loads(token("create", "--name", "leaked", "--json")[1])
    code, text, told = token("revoke", made["token"])
    assert (code, text) == (0, f"revoked the token leaked ({made['id']})\n")
    code, text, told = token("revoke", made["token"])
    assert (code, made["token"] in text + told) == (1, False)


def test_a_token_goes_to_a_file_for_the_owner_alone(token: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    path = tmp_path / "token"
    code, out, told = token("create", "--name", "file", "--out", str(path))
    assert (code, out) == (0, "")
    assert f"it is in {path}" in told
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("gslb_")
    assert token("create", "--name", "other", "--out", str(path))[0] == 1
    assert "no token was made" in token("create", "--name", "other", "--out", str(path))[2]
    assert "other" not in token("list")[1]
    assert token("create", "--name", "file", "--out", str(tmp_path / "second"))[0] == 1
    assert not (tmp_path / "second").exists()
    token("revoke", "file")


def test_faults_are_told(token: Callable[..., tuple[int, str, str]]) -> None:
    code, _, told = token("create", "--name", "x", "--for", "10m")
    assert (code, "must be a lifetime such as 12h or 90d" in told) == (1, True)
    code, _, told = token("create", "--name", "x", "--scope", "drain", "--site", "tokio")
    assert (code, "did you mean site/tokyo" in told) == (1, True)
    assert token("create", "--name", "x", "--scope", "root")[0] == 2
