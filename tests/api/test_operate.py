"""What is done to one node: its configuration, its readiness, and what agents tell it."""

import asyncio

import aiohttp

from tests.whole_node import Node

MORE = "      www: {pool: web, ttl: 30}\n"


async def tag(node: Node) -> str:
    header = {"Authorization": f"Bearer {node.token}"}
    async with aiohttp.ClientSession(headers=header) as session, session.get(f"{node.api}/api/v1/config") as response:
        return response.headers["ETag"]


async def test_a_configuration_is_checked_served_and_left_again(node: Node) -> None:
    _, before = await node.call("GET", "/api/v1/config")
    seen = {"If-Match": await tag(node)}
    node.write_zones(node.zones.replace(MORE, MORE + MORE.replace("www", "api")))
    status, found = await node.call("POST", "/api/v1/config:check")
    assert (status, found["changes"]["names"]["added"]) == (200, ["api.gslb.example.com."])
    status, told = await node.call("POST", "/api/v1/config:reload?dry_run=true", {})
    assert (status, told["dry_run"], told["digest"]) == (200, True, before["digest"])
    status, done = await node.call("POST", "/api/v1/config:reload", {"confirm": "5m", "reason": "more"}, headers=seen)
    assert (status, done["acknowledged"], done["former"], done["names"]) == (200, True, before["digest"], 2)
    assert done["trial"]["who"] == "node token"
    assert (await node.call("POST", "/api/v1/config:confirm", headers=seen))[0] == 412
    status, kept = await node.call("POST", "/api/v1/config:confirm")
    assert (status, kept["trial"]) == (200, None)
    status, left = await node.call("POST", "/api/v1/config:rollback", {"reason": "no"})
    assert (status, left["digest"], left["rolled_back"]["from"]) == (200, before["digest"], done["digest"])
    _, generations = await node.call("GET", "/api/v1/config/generations?limit=1")
    assert len(generations["generations"]) == 1
    assert generations["next"] is not None
    actions = [one["action"] for one in (await node.call("GET", "/api/v1/audit"))[1]["records"]]
    assert actions[:3] == ["rollback", "confirm", "reload"]


async def test_of_two_who_go_back_at_once_one_does(node: Node) -> None:
    for ttl in (45, 50):
        node.write_zones(node.zones.replace("ttl: 30", f"ttl: {ttl}").replace("ttl: 45", f"ttl: {ttl}"))
        seen = (await node.call("POST", "/api/v1/config:reload", {}))[1]["digest"]
    condition = {"If-Match": f'"{seen}.seen"'}
    back = (node.call("POST", "/api/v1/config:rollback", {}, headers=condition) for _ in range(2))
    assert sorted(status for status, _ in await asyncio.gather(*back)) == [200, 412]
    assert (await node.ask()).answer[0].ttl == 45


async def test_a_configuration_that_is_wrong_or_takes_away_too_much_is_refused(node: Node) -> None:
    good = node.zones
    node.write_zones(good.replace("gslb.example.com:", "other.example.com:"))
    status, problem = await node.call("POST", "/api/v1/config:reload", {})
    assert (status, "it takes away" in problem["detail"]) == (409, True)
    assert (await node.call("POST", "/api/v1/config:reload?dry_run=true", {}))[0] == 409
    node.write_zones(good.replace("pool: web,", "pool: wob,"))
    for path, body in (("check", None), ("reload", {})):
        status, problem = await node.call("POST", f"/api/v1/config:{path}", body)
        assert (status, "wob" in problem["errors"][0]["detail"]) == (422, True)
    assert (await node.call("POST", "/api/v1/config:reload", {"digest": "ffff"}))[0] in (409, 422)
    assert (await node.call("POST", "/api/v1/config:rollback", {"digest": "ffff"}))[0] == 404


async def test_what_other_zones_would_do(node: Node) -> None:
    zones = node.zones.replace("weight: 60", "weight: 40")
    status, found = await node.call("POST", "/api/v1/config:plan", {"files": {"test.yaml": zones}})
    assert (status, found["clients"]["sampled"] > 0) == (200, True)
    assert {site["name"]: site["after"] for site in found["sites"]} == {"tokyo": 0.5, "osaka": 0.5}
    large = {"test.yaml": zones, "notes.yaml": "#" * 200_000}
    assert (await node.call("POST", "/api/v1/config:plan", {"files": large}))[0] == 200
    assert (await node.call("POST", "/api/v1/config:plan", {"files": {}}))[0] == 422
    assert (await node.call("POST", "/api/v1/config:plan", {"files": {"../x": ""}}))[0] in (400, 422)


async def test_a_node_is_withdrawn_and_answers_on(node: Node) -> None:
    path = "/api/v1/nodes/tokyo-1"
    status, told = await node.call("POST", f"{path}:withdraw?dry_run=true", {"reason": "CHG-1"})
    assert (status, told["withdrawn"]) == (200, None)
    status, told = await node.call("POST", f"{path}:withdraw", {"reason": "CHG-1", "owner": "ops"})
    assert (status, told["withdrawn"]["owner"]) == (200, "ops")
    assert (await node.call("POST", f"{path}:withdraw", {"reason": "CHG-2"}))[0] == 409
    assert (await node.call("POST", f"{path}:withdraw?dry_run=true", {"reason": "CHG-2"}))[0] == 409
    status, ready = await node.call("GET", "/readyz")
    assert (status, ready["serving"], ready["withdrawn"]) == (503, True, True)
    assert await node.served() == {"tokyo", "osaka"}
    assert (await node.call("GET", "/api/v1/status"))[1]["withdrawn"]["reason"] == "CHG-1"
    assert (await node.call("POST", f"{path}:restore?dry_run=true"))[1]["withdrawn"] is not None
    status, told = await node.call("POST", f"{path}:restore?reason=done")
    assert (status, told["withdrawn"]) == (200, None)
    for query in ("", "?dry_run=true"):
        assert (await node.call("POST", f"{path}:restore{query}"))[0] == 404
    assert (await node.call("GET", "/readyz"))[0] == 200


async def test_another_node_must_be_asked_itself(node: Node) -> None:
    assert (await node.call("POST", "/api/v1/nodes/osaka-1:withdraw", {"reason": "x"}))[0] == 404
