"""`gslb drain` against a running node."""

import getpass
import json
from collections.abc import Iterator

import dns.message
import dns.query
import pytest

from gslb.cli import drain as verb
from gslb.cli.main import main


@pytest.fixture(autouse=True)
def _put_back(node) -> Iterator[None]:
    yield
    main(["undrain", "site/osaka", "--config", node.config])


def addresses(port: int) -> set[str]:
    query = dns.message.make_query("www.gslb.example.com", "A")
    found = set()
    for _ in range(40):
        query.id = (query.id + 1) % 65536
        found |= {str(item) for item in dns.query.udp(query, "127.0.0.1", port=port, timeout=3).answer[0]}
    return found


def test_the_target_is_out_when_the_command_returns(node, capsys: pytest.CaptureFixture[str]) -> None:
    assert addresses(node.dns) == {"192.0.2.10", "198.51.100.10"}
    assert main(["drain", "site/osaka", "--for", "10m", "--reason", "CHG-1042", "--config", node.config]) == 0
    assert addresses(node.dns) == {"192.0.2.10"}
    text = capsys.readouterr().out
    assert "drained site/osaka until " in text
    assert "CHG-1042" in text
    assert "gslb undrain site/osaka" in text
    assert main(["status", "--config", node.config]) == 0
    text = capsys.readouterr().out
    assert "CHG-1042" in text
    assert getpass.getuser() in text


def test_json_and_owner(node, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["drain", "site/osaka", "--reason", "test", "--owner", "anna", "--json", "--config", node.config]
    assert main(argv) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["target"], made["owner"], made["reason"]) == ("site/osaka", "anna", "test")
    assert made["expires"] - made["created"] == pytest.approx(4 * 3600, abs=2)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["site/kyoto", "--reason", "x"], "kyoto"),
        (["site/osaka", "--reason", "x", "--for", "99h"], "72"),
        (["site/osaka", "--reason", " "], "reason"),
    ],
)
def test_the_node_refuses(options: list[str], word: str, node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drain", *options, "--config", node.config]) == 1
    assert word in capsys.readouterr().err
    assert addresses(node.dns) == {"192.0.2.10", "198.51.100.10"}


def test_a_worker_that_does_not_acknowledge_is_told(node, capsys, monkeypatch) -> None:
    """The drain is real; only the acknowledgement in its answer is taken away."""
    call = verb.Client.call

    def unacknowledged(client, method: str, path: str, body: object = None) -> object:
        answer = call(client, method, path, body)
        return {**answer, "acknowledged": False} if method == "POST" else answer

    monkeypatch.setattr(verb.Client, "call", unacknowledged)
    assert main(["drain", "site/osaka", "--reason", "test", "--config", node.config]) == 1
    assert "not every worker" in capsys.readouterr().err


def test_login_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert verb.login() == ""
