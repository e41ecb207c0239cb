"""`gslb force` against a running node."""

import json


def test_it_holds_until_it_is_cancelled(ask) -> None:
    code, out, _ = ask("force", "member/web/osaka", "down", "--reason", "INC-7")
    assert (code, out.startswith("forced member/web/osaka down until it is cancelled")) == (0, True)
    (made,) = json.loads(ask("forces", "--json")[1])["forces"]
    assert (made["up"], made["expires"]) == (False, None)
    assert "forced" in ask("status")[1]
    assert ask("cancel", "member/web/osaka")[0] == 0


def test_an_end_may_be_given_and_the_safety_rule_holds(ask) -> None:
    assert ask("force", "pool/web", "up", "--for", "5m", "--reason", "x", "--json")[0] == 0
    assert ask("cancel", "pool/web")[0] == 0
    code, _, err = ask("force", "pool/web", "down", "--reason", "x")
    assert (code, "needs 1" in err, ask("forces")[1]) == (1, True, "no forces\n")
    assert ask("force", "pool/web", "sideways", "--reason", "x")[0] == 2
