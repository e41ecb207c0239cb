"""`gslb extend` and `gslb change` against a running node."""

import json
from collections.abc import Iterator

import pytest

from gslb.cli import extend as verb


@pytest.fixture(autouse=True)
def _drained(ask) -> Iterator[None]:
    assert ask("drain", "site/osaka", "--for", "1h", "--reason", "test")[0] == 0
    yield
    ask("undrain", "site/osaka")


def drained(ask) -> dict:
    (one,) = json.loads(ask("drains", "--json")[1])["drains"]
    return one


def test_extend_adds_to_the_end(ask) -> None:
    before = drained(ask)
    code, out, _ = ask("extend", "site/osaka", "30m")
    assert (code, out.startswith(f"the drain of site/osaka (id {before['id']}) holds until ")) == (0, True)
    assert drained(ask)["expires"] - before["expires"] == pytest.approx(1800)


def test_change_changes_what_is_named(ask) -> None:
    before = drained(ask)
    assert ask("change", before["id"], "--percent", "50", "--reason", "half of them back")[0] == 0
    after = drained(ask)
    assert (after["percent"], after["reason"], after["expires"]) == (50, "half of them back", before["expires"])
    assert ask("change", "site/osaka", "--for", "2h")[0] == 0
    assert drained(ask)["expires"] > before["expires"]


def test_a_change_that_says_nothing_is_misuse(ask) -> None:
    assert ask("change", "site/osaka")[0] == 2


def test_a_dry_run_changes_nothing(ask) -> None:
    before = drained(ask)
    assert ask("extend", "site/osaka", "30m", "--dry-run")[0] == 0
    assert drained(ask) == before


def test_too_long_is_refused(ask) -> None:
    code, _, err = ask("extend", "site/osaka", "72h")
    assert (code, "72" in err) == (1, True)


def test_what_somebody_else_changed_meanwhile_is_left_alone(ask, monkeypatch) -> None:
    """Another operator extends the drain between the look and the change."""
    look = verb.one_of

    def overtaken(client, wanted: str) -> dict:
        found = look(client, wanted)
        client.call("PATCH", f"/api/v1/drains/{found['id']}", {"extend": "1m"})
        return found

    before = drained(ask)
    monkeypatch.setattr(verb, "one_of", overtaken)
    code, _, err = ask("extend", "site/osaka", "30m")
    assert (code, "changed since you looked" in err) == (1, True)
    assert drained(ask)["expires"] - before["expires"] == pytest.approx(60)
