"""What `gslb top` makes of what a node says."""

from gslb.cli.client import connect
from gslb.cli.facts import Look, answers_by_site, document, look

METRICS = """\
# TYPE gslb_answers counter
gslb_answers_total{zone="a.",name="www.a.",site="tokyo"} 60.0
gslb_answers_total{zone="a.",name="x,site=\\"y\\"",site="tokyo"} 5.0
gslb_answers_total{zone="a.",name="www.a.",site="osaka"} 1e+02
gslb_answers_total{zone="a.",name="www.a.",site=""} 3.0
gslb_zone_queries_total{zone="a.",type="A"} 9.0
"""


def status(queries: int) -> dict:
    address = {"address": "192.0.2.1", "effective": "down", "reason": "timeout"}
    up = {"name": "a", "site": "tokyo", "live": True, "drain": "", "percent": 0, "forced_down": False, "addresses": []}
    members = [
        up,
        {**up, "name": "b", "live": False, "addresses": [address]},
        {**up, "name": "c", "live": False, "drain": "d-1", "percent": 100, "addresses": [address]},
        {**up, "name": "d", "live": False, "forced_down": True, "addresses": [address]},
        {**up, "name": "e", "drain": "d-2", "percent": 30},
    ]
    return {
        "node": {"name": "n", "site": "tokyo"},
        "serving": True,
        "fresh": True,
        "withdrawn": None,
        "store": {},
        "workers": [{"counters": {"udp_queries": queries, "tcp_queries": 1}}],
        "sites": [{"name": "tokyo", "live": 2, "members": 5}, {"name": "paris", "live": 0, "members": 0}],
        "pools": [{"name": "web", "live": 2, "all_down": "all", "members": members}],
        "drains": [],
        "holds": [],
        "forces": [],
    }


def test_answers_are_summed_by_site() -> None:
    assert answers_by_site(METRICS) == {"tokyo": 65.0, "osaka": 100.0, "": 3.0}


def test_rates_are_those_of_the_interval() -> None:
    before, now = (
        Look(10.0, status(100), [], {"tokyo": 5.0, "": 0.0}),
        Look(12.0, status(300), [], {"tokyo": 65.0, "": 20.0}),
    )
    facts = document(before, now)
    assert (facts["queries"], facts["elsewhere"]) == (100.0, 10.0)
    assert facts["sites"][0] == {"name": "tokyo", "live": 2, "members": 5, "answers": 30.0, "share": 0.75}
    assert facts["sites"][1]["answers"] == 0.0


def test_a_counter_that_began_anew_has_no_rate() -> None:
    facts = document(Look(10.0, status(100), [], {"tokyo": 65.0}), Look(11.0, status(5), [], {"tokyo": 5.0}))
    assert (facts["queries"], facts["sites"][0]["answers"], facts["sites"][0]["share"]) == (None, None, None)


def test_members_in_a_word() -> None:
    (pool,) = document(Look(0.0, status(0), [], {}), Look(1.0, status(0), [], {}))["pools"]
    words = [(one["name"], one["state"], one["why"]) for one in pool["members"]]
    assert words == [
        ("a", "up", ""),
        ("b", "down", "timeout"),
        ("c", "drained", ""),
        ("d", "forced down", ""),
        ("e", "up", ""),
    ]


def test_a_look_at_a_running_node(node) -> None:
    found = look(connect(node.config, None, None), 1.0)
    assert (found.at, found.status["node"]["name"], len(found.events) > 0) == (1.0, "test", True)
