"""What happened and what was done, page by page."""

from gslb.api.paging import cursor_at
from tests.whole_node import Node

DRAIN = {"target": "site/osaka", "reason": "CHG-1042"}


async def test_pages_of_events(node: Node) -> None:
    whole = (await node.call("GET", "/api/v1/events"))[1]["events"]
    found, cursor = [], ""
    while cursor is not None:
        _, page = await node.call("GET", f"/api/v1/events?limit=3{cursor and f'&cursor={cursor}'}")
        found += page["events"]
        cursor = page["next"]
    assert found == whole
    assert [one["id"] for one in whole] == sorted((one["id"] for one in whole), reverse=True)


async def test_a_cursor_that_somebody_made_is_refused(node: Node) -> None:
    for key in (("x",), (10**30,), (float("inf"),)):
        assert (await node.call("GET", f"/api/v1/events?cursor={cursor_at('events', key)}"))[0] == 422


async def test_pages_of_the_audit(node: Node) -> None:
    for _ in range(2):
        _, made = await node.call("POST", "/api/v1/drains", DRAIN)
        await node.call("DELETE", f"/api/v1/drains/{made['id']}")
    whole = (await node.call("GET", "/api/v1/audit"))[1]["records"]
    first = (await node.call("GET", "/api/v1/audit?limit=3"))[1]
    rest = (await node.call("GET", f"/api/v1/audit?limit=3&cursor={first['next']}"))[1]["records"]
    assert first["records"] + rest == whole
    assert len(whole) == 4
    assert [one["action"] for one in (await node.call("GET", "/api/v1/audit?action=drain"))[1]["records"]] == [
        "drain"
    ] * 2
    assert (await node.call("GET", "/api/v1/audit?node=nobody"))[1]["records"] == []
    for cursor in ("x", "e30x"):
        status, problem = await node.call("GET", f"/api/v1/audit?cursor={cursor}")
        assert (status, problem["errors"][0]["pointer"]) == (422, "/cursor")


async def test_pages_of_reports(node: Node) -> None:
    whole = (await node.call("GET", "/api/v1/reports"))[1]["rows"]
    first = (await node.call("GET", "/api/v1/reports?limit=1"))[1]
    second = (await node.call("GET", f"/api/v1/reports?limit=1&cursor={first['next']}"))[1]
    assert first["rows"] + second["rows"] == whole
    assert len((await node.call("GET", "/api/v1/reports?site=osaka"))[1]["rows"]) == 1
    status, _ = await node.call("GET", f"/api/v1/reports?by=site&cursor={first['next']}")
    assert status == 422
