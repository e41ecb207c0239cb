"""`gslb rollback`, on a node of its own."""

import json
from collections.abc import Callable

Verb = Callable[..., tuple[int, str, str]]
Change = Callable[[str, str], None]


def test_there_and_back(verb: Verb, change: Change) -> None:
    change("ttl: 30", "ttl: 45")
    digest = json.loads(verb("reload", "--reason", "CHG-1", "--json")[1])["digest"]
    rows = verb("rollback", "--list")[1].splitlines()[2:]
    assert [("*" in row, digest[:12] in row, "CHG-1" in row) for row in rows] == [
        (True, True, True),
        (False, False, False),
    ]
    code, told, _ = verb("rollback", "--reason", "too long")
    assert (code, "mend it before the next reload" in told, digest in told) == (0, True, True)
    assert " 30 IN A " in verb("explain", "www.gslb.example.com")[1]
    status = verb("status")[1]
    assert f"rolled back from {digest[:12]} at " in status
    assert "too long; the zones folder on disk is not what is served" in status
    assert json.loads(verb("rollback", digest[:8], "--json")[1])["digest"] == digest
    assert [one["served"] for one in json.loads(verb("rollback", "--list", "--json")[1])] == [True, False]


def test_nowhere_to_go(verb: Verb) -> None:
    code, _, error = verb("rollback")
    assert (code, "no configuration from before this one is kept" in error) == (1, True)
    code, _, error = verb("rollback", "0123abcd")
    assert (code, "'0123abcd' is kept" in error) == (1, True)
