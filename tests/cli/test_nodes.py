"""`gslb nodes` against a running node."""

import json

import pytest

from gslb.cli import nodes as verb
from gslb.cli.main import main


def test_a_node_alone_shows_itself(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes", "--config", node.config]) == 0
    text = capsys.readouterr().out
    assert text.startswith("store sqlite: answers")
    assert "test (this)" in text
    assert main(["nodes", "--json", "--config", node.config]) == 0
    view = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in view["nodes"]] == ["test"]
    assert (view["missing"], view["alarms"], view["store"]["lost"]) == ([], [], False)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"missing": ["osaka-1"]}, "MISSING: prober osaka-1 is not registered"),
        ({"alarms": ["osaka-1 differs: answers"]}, "ALARM: osaka-1 differs: answers"),
        ({"store": {"alarms": ["/gslb/live/drains/d-1: is not JSON"]}}, "ALARM: /gslb/live/drains/d-1: is not JSON"),
        (
            {"store": {"kind": "etcd", "lost": True, "silent": 4.25, "belief": "own votes", "endpoint": "http://e:1"}},
            "store etcd at http://e:1: LOST, silent for 4.2 s: belief follows own votes",
        ),
        ({"store": {"lost": True, "silent": None}}, "LOST, never heard"),
    ],
)
def test_what_is_wrong_is_told_and_is_the_exit_code(fault: dict, said: str, node, capsys, monkeypatch) -> None:
    """The view is the node's own, but for the fault that is put into it."""
    ask = verb.Client.get

    def get(client, path: str) -> dict:
        view = ask(client, path)
        return {**view, **fault, "store": {**view["store"], **fault.get("store", {})}}

    monkeypatch.setattr(verb.Client, "get", get)
    assert main(["nodes", "--config", node.config]) == 1
    assert said in capsys.readouterr().out
