"""`gslb hold` against a running node."""

import json

import pytest


def test_a_hold_has_an_end(ask) -> None:
    assert ask("hold", "site/osaka", "--reason", "x")[0] == 2
    code, out, _ = ask("hold", "site/osaka", "--for", "10m", "--reason", "firewall")
    assert (code, out.startswith("held site/osaka as it is until ")) == (0, True)
    (made,) = json.loads(ask("holds", "--json")[1])["holds"]
    assert made["expires"] - made["created"] == pytest.approx(600, abs=1)
    assert ask("cancel", made["id"])[0] == 0


def test_a_dry_run_makes_none(ask) -> None:
    code, out, _ = ask("hold", "site/osaka", "--for", "10m", "--reason", "x", "--dry-run")
    assert (code, "nothing that is served now is taken away" in out) == (0, True)
    assert ask("holds")[1] == "no holds\n"
