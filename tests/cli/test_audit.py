"""`gslb audit` against a running node, and against files."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gslb.cli.main import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def audit(node: Any, capsys: pytest.CaptureFixture[str]) -> Run:
    """`audit("verify")` runs the verb: (exit code, output, messages)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["audit", *arguments, "--config", node.config])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def _done(node: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A drain that began and ended."""
    main(["drain", "site/osaka", "--reason", "CHG-7", "--for", "10m", "--config", node.config])
    main(["undrain", "site/osaka", "--config", node.config])
    capsys.readouterr()


def test_what_was_done_is_listed_newest_first(audit: Run) -> None:
    code, table, _ = audit()
    lines = table.splitlines()
    assert code == 0
    assert lines[1].split()[:5] == ["time", "node", "no", "who", "from"]
    assert "cancel-drain" in lines[2]
    assert all(word in lines[3] for word in ("test", "node token", "127.0.0.1", "drain", "site/osaka", "CHG-7"))
    assert audit("list")[1] == table


def test_filters(audit: Run) -> None:
    def found(*arguments: str) -> list[dict[str, Any]]:
        return list(json.loads(audit(*arguments, "--json")[1])["records"])

    assert {one["action"] for one in found("--action", "drain")} == {"drain"}
    assert len(found("--limit", "1")) == 1
    assert found("--who", "ci") == found("--since", f"{2100}-01-01T00:00Z") == found("--node", "other") == []
    assert len(found("--since", "1h", "--limit", "2")) == 2
    assert {one["target"] for one in found("--target", "site/osaka", "--since", "1d")} == {"site/osaka"}
    subject = found("--limit", "1")[0]["subject"]
    assert len(found("--subject", subject)) == 2
    code, _, told = audit("--since", "tomorrow")
    assert (code, "or how long ago: 2h, 7d" in told) == (2, True)


def test_an_export_is_verified_without_a_node(audit: Run, tmp_path: Path) -> None:
    code, text, _ = audit("--export")
    assert code == 0
    numbers = [json.loads(line)["number"] for line in text.splitlines()]
    assert numbers == sorted(numbers)
    path = tmp_path / "export.jsonl"
    path.write_text(text)
    assert main(["audit", "verify", "--file", str(path)]) == 0
    path.write_text(text.replace("CHG-7", "CHG-8", 1))
    assert main(["audit", "verify", "--file", str(path)]) == 1


def test_the_node_is_verified(audit: Run) -> None:
    code, text, _ = audit("verify")
    assert (code, text.startswith("test: whole: entries 1 to ")) == (0, True)
    (one,) = json.loads(audit("verify", "--json")[1])["nodes"]
    assert (one["node"], one["first"], one["broken"]) == ("test", 1, [])
    assert len(one["hash"]) == 64


def test_a_changed_octet_is_found_through_the_api_and_in_the_file(node: Any, audit: Run) -> None:
    state = Path(node.config).parent / "state"
    assert audit("verify", "--file", str(state))[0] == 0
    with closing(sqlite3.connect(state / "gslb.sqlite")) as store:
        number, text = store.execute("SELECT number, record FROM records WHERE record LIKE '%CHG-7%'").fetchone()
        change = "UPDATE records SET record = ? WHERE number = ?"
        with store:
            store.execute(change, (text.replace("CHG-7", "CHG-8"), number))
        try:
            for arguments in (("verify",), ("verify", "--file", str(state))):
                code, told, _ = audit(*arguments)
                assert code == 1
                assert "test: BROKEN" in told
                assert f"entry {number} of test was changed" in told
        finally:
            with store:
                store.execute(change, (text, number))
    assert audit("verify")[0] == 0


def test_files_that_are_none(audit: Run, tmp_path: Path) -> None:
    code, _, told = audit("verify", "--file", str(tmp_path / "none"))
    assert (code, "No such file" in told) == (1, True)
    empty = tmp_path / "empty"
    empty.touch()
    assert audit("verify", "--file", str(empty))[:2] == (0, "nothing was recorded\n")


def test_a_long_record_is_verified_within_a_moment(node: Any, audit: Run) -> None:
    began = time.perf_counter()
    assert audit("verify")[0] == 0
    assert time.perf_counter() - began < 2
