"""`gslb reload` and what becomes of it, on a node of its own."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query
import pytest

from gslb.cli.main import main
from tests.cli.conftest import running

Verb = Callable[..., tuple[int, str, str]]
Change = Callable[[str, str], None]


def test_check_changes_nothing_and_reload_does(verb: Verb, change: Change) -> None:
    change("ttl: 30", "ttl: 45")
    assert verb("reload", "--check")[:2] == (0, "names changed: 1\nnothing was changed\n")
    assert " 30 IN A " in verb("explain", "www.gslb.example.com")[1]
    code, told, _ = verb("reload", "--reason", "CHG-1")
    assert code == 0
    assert told.startswith("names changed: 1\nserves ")
    assert " 45 IN A " in verb("explain", "www.gslb.example.com")[1]


def test_a_trial(verb: Verb, change: Change, eventually: Callable[..., None]) -> None:
    change("ttl: 30", "ttl: 45")
    told = verb("reload", "--confirm", "1m")[1]
    assert "to keep it: gslb reload --confirmed" in told
    assert verb("reload", "--confirmed")[1].startswith("confirmed: ")
    change("ttl: 45", "ttl: 50")
    begun = time.monotonic()
    assert json.loads(verb("reload", "--confirm", "1s", "--json")[1])["trial"]["who"]
    eventually(lambda: " 45 IN A " in verb("explain", "www.gslb.example.com")[1])
    assert time.monotonic() - begun > 0.9
    code, _, error = verb("reload", "--confirmed")
    assert (code, "it was rolled back" in error) == (1, True)


def test_what_takes_away_too_much_and_another_digest(verb: Verb, change: Change) -> None:
    change("      www:", "      new:")
    code, _, error = verb("reload")
    assert (code, "it takes away 1 of 1 name" in error, "--force" in error) == (1, True, True)
    code, _, error = verb("reload", "--force", "--digest", "0123abcd")
    assert (code, "not 0123abcd" in error) == (1, True)
    assert verb("reload", "--force")[0] == 0
    assert "NOERROR" in verb("explain", "new.gslb.example.com")[1]


def test_problems_are_told_and_change_nothing(verb: Verb, change: Change) -> None:
    change("weight: 60", "weight: -1")
    code, _, error = verb("reload")
    assert (code, "zone.yaml:8:" in error) == (1, True)
    assert "60.0%  tokyo" in verb("explain", "www.gslb.example.com")[1]


def test_confirmed_stands_alone(verb: Verb) -> None:
    assert verb("reload", "--confirmed", "--force")[0] == 2


def test_a_trial_ends_although_the_control_process_was_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], eventually: Callable[..., None]
) -> None:
    with running(tmp_path / "node", eventually, workers=1) as node:
        file = tmp_path / "node/zones/zone.yaml"
        file.write_text(file.read_text().replace("ttl: 30", "ttl: 45"))

        def told(*arguments: str) -> str:
            main([*arguments, "--config", node.config])
            return capsys.readouterr().out

        assert told("reload", "--confirm", "3s")
        assert asked(node.dns) == 45
        (control,) = json.loads((tmp_path / "node/state/run.json").read_text())["control"]
        os.kill(control[0], signal.SIGKILL)
        eventually(lambda: "on trial for another" in told("status"))
        assert asked(node.dns) == 45
        eventually(lambda: asked(node.dns) == 30)
        assert "nobody confirmed it in time" in told("status")


def asked(port: int) -> int:
    """The TTL that a worker answers with."""
    return dns.query.udp(dns.message.make_query("www.gslb.example.com.", "A"), "127.0.0.1", 2, port).answer[0].ttl
