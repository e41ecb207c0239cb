"""Pictures of `gslb top`."""

import pytest

from gslb.cli.frame import allotted, frame

NODE = {
    "at": 100.0,
    "node": {"name": "tokyo-1", "site": "tokyo"},
    "serving": True,
    "fresh": True,
    "withdrawn": None,
    "store": {"kind": "etcd", "lost": False, "alarms": [], "belief": "votes"},
    "queries": 12345.6,
    "elsewhere": 0.0,
    "sites": [{"name": "tokyo", "answers": 900.0, "share": 0.75, "live": 1, "members": 2}],
    "pools": [],
    "drains": [],
    "holds": [],
    "forces": [],
    "events": [],
}
DRAIN = {"target": "site/osaka", "state": "active", "starts": 0.0, "expires": 3700.0, "percent": 100}
DRAIN |= {"owner": "anna", "reason": "CHG-1"}


def texts(more: dict, width: int = 80, height: int = 24) -> list[str]:
    return [line.text for line in frame({**NODE, **more}, width, height)]


def pool(name: str, *states: str) -> dict:
    members = [{"name": f"m{at}", "site": "tokyo", "state": state, "why": ""} for at, state in enumerate(states)]
    return {"name": name, "live": states.count("up"), "all_down": "all", "members": members}


def test_who_it_is_and_what_it_does() -> None:
    lines = texts({})
    assert lines[0] == "gslb top  tokyo-1 at tokyo  serving  00:01:40Z"
    assert lines[1] == "12,346 queries/s   store etcd answers   q ends"
    assert lines[3:] == ["ANSWERS BY SITE", "tokyo  900/s  75%  ###############  1 of 2 live"]


def test_what_is_wrong_stands_out() -> None:
    store = {"kind": "etcd", "lost": True, "alarms": ["a is not JSON"], "belief": "own votes"}
    lines = frame({**NODE, "serving": False, "fresh": False, "withdrawn": {"reason": "x"}, "store": store}, 80, 24)
    assert lines[0] == ("gslb top  tokyo-1 at tokyo  NOT SERVING, not fresh, WITHDRAWN  00:01:40Z", "bad")
    assert "LOST, belief follows own votes" in lines[1].text
    assert lines[2] == ("ALARM: a is not JSON", "bad")


def test_intents_with_their_time() -> None:
    hold = {"target": "pool/web", "state": "scheduled", "starts": 160.0, "expires": 9.0, "owner": "", "reason": "x"}
    force = {**hold, "state": "active", "expires": None, "up": False}
    lines = texts({"drains": [DRAIN, {**DRAIN, "percent": 30}], "holds": [hold], "forces": [force]})
    at = lines.index("DRAINS, HOLDS, FORCES")
    assert [line.split() for line in lines[at + 1 :]] == [
        ["drain", "site/osaka", "1h00m", "left", "anna", "CHG-1"],
        ["drain", "30", "%", "site/osaka", "1h00m", "left", "anna", "CHG-1"],
        ["hold", "pool/web", "in", "1m00s", "x"],
        ["force", "down", "pool/web", "until", "cancelled", "x"],
    ]


def test_pools_that_are_worst_off_stand_first() -> None:
    lines = texts({"pools": [pool("fine", "up", "up"), pool("dead", "down", "drained"), pool("half", "up", "down")]})
    rows = [" ".join(line.split()) for line in lines[lines.index("POOLS") + 1 :]]
    assert rows == ["dead 0 of 2 ALL DOWN (all); m0 down; m1 drained", "half 1 of 2 m1 down", "fine 2 of 2 all up"]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (20, 3), (200, 60)])
def test_it_fits_and_says_what_it_leaves_out(width: int, height: int) -> None:
    event = {
        "at": 1.0,
        "pool": "p",
        "member": "m",
        "what": "observed",
        "before": "up",
        "after": "down",
        "cause": "x" * 90,
    }
    more = {"pools": [pool(f"p{at}", "up") for at in range(70)], "events": [event] * 20, "drains": [DRAIN] * 9}
    lines = texts(more, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    if height >= 24:
        shown = sum(line.startswith("p") and "1 of 1" in line for line in lines)
        assert f"POOLS  ({70 - shown} more not shown)" in lines
        assert shown >= 2


def test_room_is_shared() -> None:
    assert allotted([5, 1, 9], 8) == [5, 1, 2]
    assert allotted([5, 1, 9], 15) == [5, 1, 9]
    assert allotted([5, 1, 9], 3) == [2, 1, 0]
    assert allotted([5], -3) == [0]
    assert allotted([], 5) == []
