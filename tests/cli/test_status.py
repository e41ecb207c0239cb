"""`gslb status` against a running node."""

import json
from pathlib import Path

import pytest

from gslb.cli import status as verb
from gslb.cli.main import main


def test_it_shows_members_and_workers(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--config", node.config]) == 0
    text = capsys.readouterr().out
    assert "node test at tokyo" in text
    assert "serving" in text
    assert "1 dynamic name in 1 zone" in text
    assert any(line.split()[:6] == ["web", "tokyo", "tokyo", "192.0.2.10", "up", "up"] for line in text.splitlines())
    assert "workers" in text
    assert "drains" not in text


def test_json(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json", "--config", node.config]) == 0
    assert json.loads(capsys.readouterr().out)["node"]["name"] == "test"


@pytest.mark.parametrize(("serving", "live", "code"), [(True, 1, 0), (False, 1, 1), (True, 0, 1)])
def test_the_exit_code_says_whether_all_is_well(serving: bool, live: int, code: int, node, capsys, monkeypatch) -> None:
    """The view is the node's own, but for the fault that is put into it."""
    ask = verb.Client.get

    def get(client, path: str) -> dict:
        view = ask(client, path)
        view["serving"] = view["fresh"] = serving
        view["config"]["problems"] = [] if serving else ["zones/zone.yaml:1:1: bad"]
        view["pools"][0]["live"] = live
        return view

    monkeypatch.setattr(verb.Client, "get", get)
    assert main(["status", "--config", node.config]) == code
    text = capsys.readouterr().out
    assert ("NOT SERVING" in text) is not serving
    assert ("last reload refused: zones/zone.yaml:1:1: bad" in text) is not serving


def test_certificates_that_expire_soon_are_listed_once(node, capsys, monkeypatch) -> None:
    """The view is the node's own, but for the monitors of its addresses."""
    ask = verb.Client.get

    def get(client, path: str) -> dict:
        view = ask(client, path)
        for member in view["pools"][0]["members"]:
            (address,) = member["addresses"]
            address["checked"] = "10.0.0.9"
            address["monitors"] = [
                {"name": "web", "tls_days": 3.21, "tls_warning": True},
                {"name": "mail", "tls_days": 33.0, "tls_warning": False},
            ]
        return view

    monkeypatch.setattr(verb.Client, "get", get)
    assert main(["status", "--config", node.config]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "certificates that expire soon" in lines
    assert [line.split() for line in lines if line.split()[:2] == ["web", "10.0.0.9"]] == [["web", "10.0.0.9", "3.2"]]
    assert any("192.0.2.10 (checked at 10.0.0.9)" in line for line in lines)


def test_nobody_answers(node, capsys: pytest.CaptureFixture[str], monkeypatch, free_port) -> None:
    monkeypatch.setenv("GSLB_TOKEN", "x")
    assert main(["status", "--api", f"http://127.0.0.1:{free_port()}"]) == 1
    assert "is `gslb serve` running?" in capsys.readouterr().err


def test_a_wrong_token(node, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setenv("GSLB_TOKEN", "wrong")
    assert main(["status", "--api", f"http://127.0.0.1:{node.api}"]) == 1
    assert "GSLB_TOKEN" in capsys.readouterr().err


def test_of_several_nodes_each_has_a_row(node, capsys, monkeypatch, free_port) -> None:
    token, silent = str(Path(node.config).parent / "state/token"), f"http://127.0.0.1:{free_port()}"
    argv = ["status", "--api", f"http://127.0.0.1:{node.api}", "--api", silent, "--token-file", token]
    assert main(argv) == 1
    title, _, first, second = capsys.readouterr().out.splitlines()
    assert title == "nodes"
    assert first.split()[1:7] == ["test", "tokyo", "serving", "2", "of", "2"]
    assert "no node answers" in second
    monkeypatch.setenv("GSLB_API", f"http://127.0.0.1:{node.api}, http://127.0.0.1:{node.api}")
    monkeypatch.setenv("GSLB_TOKEN", Path(token).read_text().strip())
    assert main(["status", "--json"]) == 0
    assert [one["node"]["name"] for one in json.loads(capsys.readouterr().out)["nodes"]] == ["test", "test"]


def test_what_is_wrong_is_said_at_the_top(node, capsys, monkeypatch) -> None:
    """The view is the node's own, but for the faults that are put into it."""
    ask = verb.Client.get

    def get(client, path: str) -> dict:
        view = ask(client, path)
        view["withdrawn"] = {"reason": "new disks", "owner": "anna", "since": 0.0}
        view["store"] |= {"lost": True, "alarms": ["one entry is not JSON"]}
        view["probers"] = [{"name": "osaka-1", "site": "osaka", "blind": "no reference answers"}]
        view["pools"][0]["live"] = 0
        return view

    monkeypatch.setattr(verb.Client, "get", get)
    assert main(["status", "--config", node.config]) == 1
    assert capsys.readouterr().out.split("\n\n")[0].splitlines()[2:] == [
        "WITHDRAWN since 1970-01-01 00:00:00Z by anna: new disks",
        "store sqlite LOST: belief follows votes; see gslb nodes",
        "ALARM: one entry is not JSON",
        "prober osaka-1 is blind: no reference answers",
        "pool web has no live member: all_down decides (all)",
    ]
