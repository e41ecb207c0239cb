"""What receivers are sent."""

from gslb.control.notifyfacts import Fact, Key, Notice
from gslb.control.notifyforms import MOST_LINES, Alert, Sender, alerts, generic, headline, least, slack, stamp

SENDER = Sender("tokyo-1", "tokyo")
SITE = Fact(Key("site", "site/tokyo"), "site", "critical", "site tokyo is down", "site tokyo is up again")
DRAIN = Fact(Key("drain", "d-1"), "drain", "info", "drain d-1 of site/tokyo has begun", own=True)
DOWN = Notice("site_down", SITE, True, SITE.text, 1_800_000_000.5)
UP = Notice("site_up", SITE, False, SITE.over, 1_800_000_001.0)
DRAINED = Notice("drain_started", DRAIN, True, DRAIN.text, 1_799_999_999.0)


def test_the_worst_comes_first() -> None:
    assert headline([UP]) == "site tokyo is up again"
    assert headline([UP, DRAINED, DOWN]) == "site tokyo is down (and 2 more)"


def test_what_is_given_up_first() -> None:
    pool = DOWN._replace(event="pool_down", fact=SITE._replace(key=Key("pool", "pool/web")), at=DOWN.at + 1)
    later = pool._replace(at=pool.at + 1)
    assert least([DOWN, later, DRAINED, pool, UP], 4) == [DRAINED, pool, later, DOWN]
    assert least([DOWN], 0) == []


def test_generic() -> None:
    document = generic(SENDER, [DRAINED, DOWN], 3)
    assert document["text"] == "site tokyo is down (and 1 more)"
    assert (document["version"], document["node"], document["site"], document["dropped"]) == (1, "tokyo-1", "tokyo", 3)
    assert document["notices"][0] == {
        "event": "site_down",
        "key": "site/site/tokyo",
        "firing": True,
        "severity": "critical",
        "text": "site tokyo is down",
        "at": "2027-01-15T08:00:00.500Z",
    }
    assert [one["event"] for one in document["notices"]] == ["site_down", "drain_started"]


def test_slack() -> None:
    rude = DRAINED._replace(text="drain: <!channel> & <http://evil|click>\nsecond line " + "x" * 1000)
    text = slack(SENDER, [rude, DOWN, UP], 2)["text"]
    lines = text.splitlines()
    assert lines[0] == ":red_circle: site tokyo is down"
    assert lines[1].startswith(
        ":information_source: drain: &lt;!channel&gt; &amp; &lt;http://evil|click&gt; second line xxx"
    )
    assert lines[1].endswith("...")
    assert lines[2:] == [
        ":large_green_circle: site tokyo is up again",
        "2 notices before these were lost",
        "_gslb tokyo-1_",
    ]


def test_a_message_is_short() -> None:
    lines = slack(SENDER, [DOWN] * 5000, 0)["text"].splitlines()
    assert (len(lines), lines[MOST_LINES]) == (MOST_LINES + 2, "... and 4980 more")


def test_alerts_of_several_nodes_are_equal_unless_they_are_of_one() -> None:
    now = 1_800_000_100.0
    held = [Alert(SITE, 1_800_000_000.0), Alert(DRAIN, 1_800_000_000.0, 1_800_000_050.0)]
    site, drain = alerts(SENDER, held, now)
    assert site["labels"] == {"alertname": "GslbSite", "severity": "critical", "subject": "site/tokyo"}
    assert (site["startsAt"], site["endsAt"]) == (stamp(1_800_000_000.0), stamp(now + 300))
    assert (drain["labels"]["node"], drain["endsAt"]) == ("tokyo-1", stamp(1_800_000_050.0))
    assert site["annotations"] == {"summary": "site tokyo is down"}
