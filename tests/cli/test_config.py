"""`gslb config` against a running node."""

import json


def test_what_is_served(ask) -> None:
    code, out, _ = ask("config", "show")
    assert (code, out.startswith("digest "), "1 zones, 1 names" in out) == (0, True, True)
    assert json.loads(ask("config", "show", "--json")[1])["problems"] == []


def test_what_is_kept(ask) -> None:
    digest = json.loads(ask("config", "show", "--json")[1])["digest"]
    assert digest[:12] in ask("config", "generations")[1]
    assert [one["digest"] for one in json.loads(ask("config", "generations", "--json")[1])] == [digest]


def test_a_reload_that_was_refused_and_a_trial(verb, change) -> None:
    change("ttl: 30", "ttl: none")
    assert verb("reload")[0] == 1
    code, out, _ = verb("config", "show")
    assert (code, "last reload refused: " in out) == (1, True)
    change("ttl: none", "ttl: 31")
    assert verb("reload", "--confirm", "5m")[0] == 0
    assert "on trial until " in verb("config", "show")[1]
    assert verb("rollback", "--reason", "not so")[0] == 0
    assert ": not so" in verb("config", "show")[1]
