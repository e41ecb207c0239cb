"""The history of a running node over its API: a site breaks and mends, and the node restarts."""

import time
from typing import Any

import pytest

from gslb.api.reports import chosen_rows, event_view, report_view
from gslb.health.record import Event, Figures, Row
from tests.whole_node import SITES, Node

DAY = 86_400.0


async def report(node: Node, query: str = "") -> dict[str, Any]:
    status, found = await node.call("GET", f"/api/v1/reports{query}")
    assert status == 200
    return dict(found)


async def events(node: Node, query: str = "") -> list[dict[str, Any]]:
    status, found = await node.call("GET", f"/api/v1/events{query}")
    assert status == 200
    return list(found["events"])


def test_figures_as_the_api_shows_them() -> None:
    rows = [
        Row("member", "web", "tokyo", "jp", "24h", Figures(DAY - 100, 50, 2), Figures()),
        Row("member", "web", "tokyo", "jp", "7d", Figures(1, 0, 0), Figures()),
        Row("pool", "web", "", "", "24h", Figures(9, 0, 0), Figures(9, 0, 0)),
    ]
    view = report_view(7.0, chosen_rows(rows, "member", "24h", {}), "member", "24h", None)
    assert (view["at"], view["by"], view["span"]) == (7.0, "member", "24h")
    (row,) = view["rows"]
    assert {name: row[name] for name in ("pool", "member", "site")} == {"pool": "web", "member": "tokyo", "site": "jp"}
    assert row["observed"] == {
        "up": DAY - 100,
        "down": 50,
        "unknown": 50,
        "failures": 2,
        "mtbf": (DAY - 100) / 2,
        "mttr": 25,
        "availability": (DAY - 100) / (DAY - 50),
    }
    assert row["effective"]["availability"] is None
    (pool,) = report_view(7.0, chosen_rows(rows, "pool", "24h", {"pool": "web"}), "pool", "24h", None)["rows"]
    assert pool.keys() == {"pool", "observed", "effective"}


def test_events_as_the_api_shows_them() -> None:
    event = Event(5.0, "web", "tokyo", "jp", "192.0.2.1", "observed", "up", "down", "web: timeout", 12)
    assert event_view(event) == {
        "id": 12,
        "at": 5.0,
        "pool": "web",
        "member": "tokyo",
        "site": "jp",
        "address": "192.0.2.1",
        "what": "observed",
        "before": "up",
        "after": "down",
        "cause": "web: timeout",
    }


def test_rows_by_name() -> None:
    rows = [Row("member", pool, "m", "jp", "24h", Figures(), Figures()) for pool in ("web", "mail")]
    assert [row.pool for row in chosen_rows(rows, "member", "24h", {"pool": "", "site": "jp"})] == ["web", "mail"]
    assert chosen_rows(rows, "member", "24h", {"pool": "web", "site": "fr"}) == []


async def test_an_outage_shows_and_outlives_a_restart(node: Node) -> None:
    await node.sites["tokyo"].break_()
    await node.until_served("osaka")
    await node.sites["tokyo"].mend()
    await node.until_served("tokyo", "osaka")
    told = await events(node, "?site=tokyo")
    seen = [(event["before"], event["after"]) for event in told if event["what"] == "observed"]
    assert seen[:2] == [("down", "up"), ("up", "down")]
    back, gone = (
        event for event in told if event["what"] == "observed" and "down" in (event["before"], event["after"])
    )
    assert gone["address"] == SITES["tokyo"]
    assert "refused" in gone["cause"]
    await node.stop()
    await node.start()
    (osaka, tokyo) = sorted((await report(node))["rows"], key=lambda row: row["member"])
    assert osaka["observed"]["failures"] == 0
    assert tokyo["observed"]["failures"] == tokyo["effective"]["failures"] == 1
    assert tokyo["observed"]["down"] == pytest.approx(back["at"] - gone["at"], abs=0.002)
    assert tokyo["observed"]["mttr"] == pytest.approx(tokyo["observed"]["down"], abs=0.002)
    assert await events(node, "?site=tokyo") == told, "a restart is no change"
    (pool,) = (await report(node, "?by=pool&span=30d"))["rows"]
    assert pool["observed"]["failures"] == 0
    sites = (await report(node, "?by=site"))["rows"]
    assert {site["site"]: site["observed"]["failures"] for site in sites} == {"tokyo": 1, "osaka": 0}


async def test_a_drain_is_time_not_served_and_no_failure_of_the_site(node: Node) -> None:
    _, drain = await node.call("POST", "/api/v1/drains", {"target": "site/osaka", "reason": "CHG-1042"})
    await node.call("DELETE", f"/api/v1/drains/{drain['id']}")
    member = next(row for row in (await report(node))["rows"] if row["member"] == "osaka")
    assert member["observed"]["failures"] == 0
    assert member["effective"]["failures"] == 1
    assert member["effective"]["down"] > 0
    (gone, *_) = [event for event in await events(node, "?member=osaka") if event["after"] == "down"]
    assert gone["what"] == "effective"
    assert "CHG-1042" in gone["cause"]


async def test_events_are_bounded_and_filtered(node: Node) -> None:
    everything = await events(node)
    assert everything == sorted(everything, key=lambda event: -event["at"])
    assert await events(node, "?limit=1") == everything[:1]
    assert await events(node, "?pool=mail") == []
    assert await events(node, f"?since={time.time() + 60:.0f}") == []
    assert await events(node, "?since=2020-01-01T00:00:00Z&pool=web") == everything


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("events?limit=0", "/limit"),
        ("events?limit=1001", "/limit"),
        ("events?since=yesterday", "/since"),
        ("events?colour=red", "/colour"),
        ("reports?by=country", "/by"),
        ("reports?span=1y", "/span"),
    ],
)
async def test_what_is_asked_wrongly_is_refused(node: Node, query: str, pointer: str) -> None:
    status, problem = await node.call("GET", f"/api/v1/{query}")
    assert status == 422
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_a_history_that_cannot_be_written_stops_no_answer(stopped_node: Node) -> None:
    (stopped_node.folder / "state").mkdir()
    (stopped_node.folder / "state" / "history.db").mkdir()
    await stopped_node.start()
    await stopped_node.until_served("tokyo", "osaka")
    status, problem = await stopped_node.call("GET", "/api/v1/reports")
    assert status == 503
    assert "history.db" in problem["detail"]
    await stopped_node.sites["tokyo"].break_()
    await stopped_node.until_served("osaka")
