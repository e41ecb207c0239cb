"""`gslb drain` against a running node."""

import getpass
import json
from collections.abc import Iterator

import dns.message
import dns.query
import pytest

from gslb.cli.client import Client
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
    call = Client.call

    def unacknowledged(client: Client, method: str, path: str, *rest: object, **more: object) -> object:
        answer = call(client, method, path, *rest, **more)
        return {**answer, "acknowledged": False} if method == "POST" else answer

    monkeypatch.setattr(Client, "call", unacknowledged)
    assert main(["drain", "site/osaka", "--reason", "test", "--config", node.config]) == 1
    assert "not every worker" in capsys.readouterr().err


def test_a_part_of_the_clients_and_a_later_start(ask) -> None:
    code, out, _ = ask("drain", "site/osaka", "--percent", "30", "--start", "in 1h", "--for", "2h", "--reason", "later")
    assert code == 0
    assert out.startswith("site/osaka is to be drained for 30 % of the clients from ")
    (made,) = json.loads(ask("drains", "--json")[1])["drains"]
    assert (made["state"], made["percent"], made["expires"] - made["starts"]) == ("scheduled", 30, 7200)
    assert "begins in 59m" in ask("drains")[1]


def test_a_dry_run_says_what_would_remain_and_does_nothing(ask, node) -> None:
    code, out, _ = ask("drain", "site/osaka", "--dry-run", "--reason", "test")
    assert (code, out.splitlines()[1]) == (0, "  pool web: 1 of 2 live, tokyo; needs 1")
    assert "(4h00m)" in out
    assert json.loads(ask("drain", "site/osaka", "--dry-run", "--reason", "test", "--json")[1])["dry_run"] is True
    assert ask("drains")[1] == "no drains\n"


def test_what_would_leave_too_little_is_refused_until_it_is_forced(ask) -> None:
    ask("drain", "site/osaka", "--reason", "test")
    code, out, err = ask("drain", "site/tokyo", "--reason", "test")
    assert (code, out) == (1, "")
    assert "  pool web: 0 of 1 live, nothing; needs 1\n" in err
    assert '--force --reason "why it must be"' in err
    code, out, _ = ask("drain", "site/tokyo", "--reason", "I know", "--force")
    assert code == 0
    assert "although too little is left:\n  pool web: 0 of 1 live" in out
    assert ask("undrain", "site/tokyo")[0] == 0


def test_at_a_terminal_it_asks_first(node, ask, terminal) -> None:
    argv = ["drain", "site/osaka", "--reason", "test", "--config", node.config]
    code, shown = terminal(argv, ("Go on?", "n\n"))
    assert (code, "nothing was done" in shown, ask("drains")[1]) == (1, True, "no drains\n")
    code, shown = terminal(argv, ("Go on?", "y\n"))
    assert (code, "pool web: 1 of 2 live, tokyo; needs 1" in shown) == (0, True)
    assert "site/osaka" in ask("drains")[1]
    assert ask("undrain", "site/osaka")[0] == 0
    assert terminal([*argv, "--yes"])[0] == 0


def test_waiting_ends_with_its_time(ask) -> None:
    code, out, err = ask("drain", "site/osaka", "--reason", "test", "--wait", "--timeout", "1s")
    assert (code, "quiet in" in out) == (1, True)
    assert "not quiet yet: time is up" in err
    assert "the drain is kept" in err
    assert "site/osaka" in ask("drains")[1]
