"""`gslb withdraw` and `gslb restore` against a running node."""

import json


def test_a_node_withdraws_itself_and_is_restored(ask) -> None:
    code, out, _ = ask("withdraw", "--reason", "new disks")
    assert (code, out.startswith("withdrew test at "), "new disks" in out) == (0, True, True)
    assert "WITHDRAWN since" in ask("status")[1]
    assert ask("restore", "--reason", "done")[:2] == (0, "restored test\n")
    assert "WITHDRAWN" not in ask("status")[1]


def test_as_json(ask) -> None:
    made = json.loads(ask("withdraw", "test", "--reason", "x", "--owner", "anna", "--json")[1])
    assert (made["node"], made["withdrawn"]["owner"]) == ("test", "anna")
    assert json.loads(ask("restore", "test", "--json")[1])["withdrawn"] is None


def test_another_node_is_not_withdrawn_here(ask) -> None:
    code, _, err = ask("withdraw", "osaka-1", "--reason", "x")
    assert (code, "osaka-1" in err) == (1, True)
