"""`gslb progress` against a running node, and over several."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gslb.cli import progress as verb
from gslb.cli.client import Client
from gslb.cli.main import main


@pytest.fixture
def drained(ask) -> Iterator[str]:
    code, out, _ = ask("drain", "site/osaka", "--reason", "test", "--json")
    assert code == 0
    yield json.loads(out)["id"]
    ask("undrain", "site/osaka")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node's own view, but that the TTL is half a second."""
    view = verb._view

    def sped(client: Client, drain_id: str) -> dict:
        found = view(client, drain_id)
        return {**found, "quiet_at": found["quiet_at"] - 29.5} if found["quiet_at"] else found

    monkeypatch.setattr(verb, "_view", sped)


def test_it_says_who_answers_by_it_and_when_it_is_quiet(ask, drained: str) -> None:
    code, out, _ = ask("progress", "site/osaka")
    assert (code, "quiet in " in out, "at test" in out) == (1, True, True)
    code, out, _ = ask("progress", drained, "--json")
    assert (code, json.loads(out)["waiting"], json.loads(out)["unreachable"]) == (1, [], [])


def test_waiting_ends_when_it_is_quiet(ask, drained: str, quick: None) -> None:
    code, out, _ = ask("progress", drained, "--wait")
    assert code == 0
    assert out.splitlines()[-1] == "quiet: no client holds an answer from before any more"
    assert ask("progress", drained, "--wait", "--json")[:2] == (0, "")


def test_a_bar_at_a_terminal(ask, node, drained: str, terminal) -> None:
    code, shown = terminal(["progress", drained, "--wait", "--timeout", "1s", "--config", node.config])
    assert (code, "━" in shown, "time is up" in shown) == (1, True, True)


def test_a_node_that_cannot_be_reached_is_named(ask, drained: str, quick: None, monkeypatch) -> None:
    view = verb._view
    monkeypatch.setattr(verb, "_view", lambda *args: {**view(*args), "unreachable": ["osaka-1"]})
    code, out, err = ask("progress", drained, "--wait")
    assert (code, "NOT REACHED: osaka-1" in out) == (1, True)
    assert "NOT KNOWN of osaka-1: clients may still be sent there" in err


def test_of_several_nodes_each_has_a_row(node, drained: str, monkeypatch, capsys, free_port) -> None:
    token, silent = str(Path(node.config).parent / "state/token"), f"http://127.0.0.1:{free_port()}"
    argv = ["progress", drained, "--api", f"http://127.0.0.1:{node.api}", "--api", silent, "--token-file", token]
    assert main(argv) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert "quiet in" in first
    assert second.split() == [silent, "0", "%", "does", "not", "answer"]


def test_a_drain_that_ends_meanwhile_ends_the_waiting(ask, node, drained: str) -> None:
    client = verb.Client(
        "http", "127.0.0.1", node.api, (Path(node.config).parent / "state/token").read_text().strip(), ""
    )
    client.delete(f"/api/v1/drains/{drained}")
    with pytest.raises(verb.GslbError, match="has ended"):
        verb.wait([client], drained, None)


def test_when_no_node_answers_any_more(monkeypatch, free_port) -> None:
    monkeypatch.setattr(verb, "LOST", 0.1)
    monkeypatch.setattr(verb, "EVERY", 0.05)
    with pytest.raises(verb.GslbError, match="no node tells how far it is"):
        verb.wait([Client("http", "127.0.0.1", free_port(), "", "")], "d-1", None, quietly=True)


@pytest.mark.parametrize(
    ("view", "text"),
    [
        ({"state": "scheduled", "waiting": ["b"]}, "has not begun at b"),
        ({"waiting": ["a", "b"]}, "waiting at a, b"),
        ({"quiet_at": 12.0}, "quiet in 2s at a"),
        ({"quiet_at": 9.0}, "quiet since 00:00:09Z at a"),
    ],
)
def test_what_is_said_of_each_state(view: dict, text: str) -> None:
    whole = {"state": "active", "waiting": [], "acknowledged": {"a": 1.0}, "quiet_at": None, "at": 10.0, "percent": 0}
    row = verb._row(Client("http", "h", 1, "", ""), {**whole, "unreachable": [], **view})
    assert row.text == text
