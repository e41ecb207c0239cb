"""The API of a running node, over real HTTP; what it changes is seen in DNS answers."""

import asyncio
import time

import aiohttp
import pytest

from tests.whole_node import Node

DRAIN = {"target": "site/osaka", "for": "10m", "reason": "CHG-1042", "owner": "ops"}


async def test_a_drain_from_beginning_to_end(node: Node) -> None:
    status, made = await node.call("POST", "/api/v1/drains", DRAIN)
    assert status == 201
    assert await node.served() == {"tokyo"}
    assert (made["target"], made["reason"], made["owner"], made["state"]) == ("site/osaka", "CHG-1042", "ops", "active")
    assert made["members"] == ["web/osaka"]
    assert made["acknowledged"] is True
    assert made["expires"] - made["created"] == pytest.approx(600, abs=1)
    kept = {key: value for key, value in made.items() if key != "acknowledged"}
    assert await node.call("GET", "/api/v1/drains") == (200, {"drains": [kept]})
    assert await node.call("GET", f"/api/v1/drains/{made['id']}") == (200, kept)
    status, ended = await node.call("DELETE", f"/api/v1/drains/{made['id']}")
    assert (status, ended["state"], ended["acknowledged"]) == (200, "removed", True)
    assert ended["removed"] == pytest.approx(time.time(), abs=2)
    assert await node.served() == {"tokyo", "osaka"}
    assert await node.call("GET", "/api/v1/drains") == (200, {"drains": []})
    assert [d["id"] for d in (await node.call("GET", "/api/v1/drains?all=true"))[1]["drains"]] == [made["id"]]
    assert (await node.call("DELETE", f"/api/v1/drains/{made['id']}"))[1]["removed"] == ended["removed"]


async def test_location_of_a_new_drain(node: Node) -> None:
    headers = {"Authorization": f"Bearer {node.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(f"{node.api}/api/v1/drains", json=DRAIN) as response:
            made = await response.json()
            location = response.headers["Location"]
        async with session.get(node.api + location) as response:
            assert (await response.json())["id"] == made["id"]


async def test_a_drain_ends_by_itself(node: Node) -> None:
    status, made = await node.call("POST", "/api/v1/drains", {**DRAIN, "for": "500ms"})
    assert status == 201
    assert await node.served() == {"tokyo"}
    await node.until_served("tokyo", "osaka")
    assert time.time() >= made["expires"]
    assert (await node.call("GET", f"/api/v1/drains/{made['id']}"))[1]["state"] == "expired"
    assert await node.call("GET", "/api/v1/drains") == (200, {"drains": []})


async def test_a_drain_survives_a_restart(node: Node) -> None:
    _, made = await node.call("POST", "/api/v1/drains", DRAIN)
    await node.stop()
    await node.start()
    await node.until_served("tokyo")
    assert [d["id"] for d in (await node.call("GET", "/api/v1/drains"))[1]["drains"]] == [made["id"]]


BAD_DRAINS: list[tuple[object, int, str]] = [
    ({"target": "site/osaka"}, 422, "/reason"),
    ({**DRAIN, "reason": " "}, 422, "/reason"),
    ({**DRAIN, "for": "73h"}, 422, "/for"),
    ({**DRAIN, "percent": 5}, 422, "/percent"),
    ({**DRAIN, "target": "osaka"}, 422, "/target"),
    ({**DRAIN, "target": "site/osak"}, 404, "/target"),
    ([], 422, ""),
]


async def test_a_bad_drain_changes_nothing(node: Node) -> None:
    for body, status, pointer in BAD_DRAINS:
        found, problem = await node.call("POST", "/api/v1/drains", body)
        assert (body, found, problem["status"]) == (body, status, status)
        assert [fault["pointer"] for fault in problem["errors"]] == [pointer]
    assert await node.call("GET", "/api/v1/drains?all=true") == (200, {"drains": []})
    assert await node.served() == {"tokyo", "osaka"}


async def test_a_misspelt_target_names_the_right_one(node: Node) -> None:
    _, problem = await node.call("POST", "/api/v1/drains", {**DRAIN, "target": "site/osak"})
    assert "site/osaka" in problem["hint"]


async def test_a_second_drain_of_a_target_is_refused(node: Node) -> None:
    _, first = await node.call("POST", "/api/v1/drains", DRAIN)
    status, problem = await node.call("POST", "/api/v1/drains", DRAIN)
    assert status == 409
    assert first["id"] in problem["detail"]
    status, _ = await node.call("POST", "/api/v1/drains", {**DRAIN, "target": "member/web/osaka"})
    assert status == 201


async def test_draining_everything_still_answers(node: Node) -> None:
    await node.call("POST", "/api/v1/drains", {**DRAIN, "target": "pool/web", "force": True})
    assert await node.served() == {"tokyo", "osaka"}
    assert (await node.call("GET", "/api/v1/status"))[1]["pools"][0]["live"] == 0


async def test_many_drains_at_once(node: Node) -> None:
    targets = ["site/osaka", "member/web/osaka", "pool/web", "site/tokyo", "member/web/tokyo"]
    made = await asyncio.gather(
        *(node.call("POST", "/api/v1/drains", {**DRAIN, "target": t, "force": True}) for t in targets)
    )
    assert [(status, body["acknowledged"]) for status, body in made] == [(201, True)] * 5
    ended = await asyncio.gather(*(node.call("DELETE", f"/api/v1/drains/{body['id']}") for _, body in made))
    assert all(body["acknowledged"] for _, body in ended)
    assert await node.served() == {"tokyo", "osaka"}


async def test_what_would_leave_too_little_is_refused_with_what_would_remain(node: Node) -> None:
    await node.call("POST", "/api/v1/drains", {**DRAIN, "target": "site/tokyo"})
    status, problem = await node.call("POST", "/api/v1/drains", DRAIN)
    assert (status, problem["title"], problem["errors"][0]["pointer"]) == (409, "Conflict", "/target")
    assert "site/osaka cannot be drained: pool web would keep 0 of 1 live members, and needs 1" in problem["detail"]
    assert await node.served() == {"osaka"}
    status, made = await node.call("POST", "/api/v1/drains", {**DRAIN, "force": True})
    assert (status, made["acknowledged"]) == (201, True)


async def test_who_is_there(node: Node) -> None:
    await node.until_served("tokyo", "osaka")
    status, view = await node.call("GET", "/api/v1/nodes")
    (one,) = view["nodes"]
    assert (status, view["node"], one["name"], one["site"], one["votes"]) == (200, "tokyo-1", "tokyo-1", "tokyo", True)
    assert (one["roles"], one["differs"], one["behind"], len(one["answers"])) == (["dns", "probe", "api"], "", 0, 16)
    assert view["store"] == {
        "kind": "sqlite",
        "lost": False,
        "silent": 0.0,
        "alarms": [],
        "endpoint": "",
        "belief": "votes",
    }
    assert (view["missing"], view["alarms"]) == ([], [])


async def test_what_was_done_is_on_record(node: Node) -> None:
    _, made = await node.call("POST", "/api/v1/drains", DRAIN)
    await node.call("DELETE", f"/api/v1/drains/{made['id']}")
    status, body = await node.call("GET", "/api/v1/audit")
    done = [(one["action"], one["subject"], one["target"], one["owner"], one["reason"]) for one in body["records"]]
    what = (made["id"], "site/osaka", "ops", "CHG-1042")
    assert (status, done) == (200, [("undrain", *what), ("drain", *what)])
    assert len((await node.call("GET", "/api/v1/audit?limit=1"))[1]["records"]) == 1
    assert (await node.call("GET", "/api/v1/audit?limit=0"))[0] == 422


GUARDED = ["/api/v1/drains", "/api/v1/status", "/api/v1/explain?name=www", "/api/nowhere", "/api"]


async def test_everything_below_api_wants_the_token(node: Node) -> None:
    for path in GUARDED:
        for header in ("", "Bearer wrong", "Basic wrong"):
            status, problem = await node.call("GET", path, headers={"Authorization": header})
            assert (path, status, problem["title"]) == (path, 401, "Unauthorized")


async def test_without_a_token_nothing_is_changed(node: Node) -> None:
    status, _ = await node.call("POST", "/api/v1/drains", DRAIN, headers={"Authorization": "Bearer no"})
    assert status == 401
    assert await node.served() == {"tokyo", "osaka"}


UNMET = [
    ("GET", "/api/v1/drains/d-none", 404),
    ("DELETE", "/api/v1/drains/d-none", 404),
    ("GET", "/api/v2/drains", 404),
    ("PUT", "/api/v1/drains", 405),
    ("GET", "/api/v1/drains?all=perhaps", 422),
    ("GET", "/api/v1/drains?all=1&all=0", 400),
    ("GET", "/api/v1/explain", 422),
    ("GET", "/api/v1/explain?name=a..b", 422),
    ("GET", "/nowhere", 404),
]


async def test_requests_that_cannot_be_met(node: Node) -> None:
    await node.call("POST", "/api/v1/drains", DRAIN)
    for method, path, status in UNMET:
        found, problem = await node.call(method, path)
        assert (path, found, problem["status"]) == (path, status, status)
        assert problem["detail"]


async def test_a_body_over_the_limit(node: Node) -> None:
    status, problem = await node.call("POST", "/api/v1/drains", {**DRAIN, "reason": "x" * 70_000})
    assert (status, problem["status"]) == (413, 413)


async def test_health_of_the_node_needs_no_token(node: Node) -> None:
    nobody = {"Authorization": ""}
    assert await node.call("GET", "/livez", headers=nobody) == (200, {"live": True})
    assert await node.call("GET", "/readyz", headers=nobody) == (200, {"serving": True, "fresh": True})


async def test_explain(node: Node) -> None:
    status, view = await node.call("GET", "/api/v1/explain?name=www.gslb.example.com&client=203.0.113.7&ecs=8.8.8.0/24")
    assert (status, view["rcode"], view["kind"], view["scope"]) == (200, "NOERROR", "dynamic", 0)
    assert [m["addresses"][0]["chance"] for m in view["pools"][0]["members"]] == [0.6, 0.4]
    assert view["text"].startswith("www.gslb.example.com. A, asked from 203.0.113.7")
