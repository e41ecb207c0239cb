"""`gslb push` against a running node that has a monitor of that type."""

import json


def test_the_node_believes_what_is_pushed(verb, change, eventually) -> None:
    change("  web:\n    policy", "  web:\n    monitors: [batch]\n    policy")
    change("pools:\n", "monitors:\n  batch: {type: push, interval: 200ms, expiry: 60s}\npools:\n")
    assert verb("reload", "--force")[0] == 0
    code, out, _ = verb("push", "batch", "192.0.2.10", "down", "--detail", "disk full", "--load", "3")
    assert (code, out.startswith("batch 192.0.2.10: down until ")) == (0, True)
    assert json.loads(verb("push", "batch", "198.51.100.10", "up", "--json")[1])["address"] == "198.51.100.10"
    eventually(lambda: "disk full" in verb("status")[1])


def test_an_unknown_monitor_is_refused(ask) -> None:
    code, _, err = ask("push", "none", "192.0.2.10", "up")
    assert (code, "none" in err) == (1, True)
