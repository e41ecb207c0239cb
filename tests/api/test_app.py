"""The API of a running node, over real HTTP; what it changes is seen in DNS answers."""

import asyncio
import time
from functools import partial

import aiohttp
import pytest
from multidict import CIMultiDictProxy

from gslb.api import main
from gslb.api.app import make_app
from gslb.api.call import OPEN
from gslb.api.pace import Rate
from gslb.api.routes import ROUTES
from gslb.api.spec import plain_path
from gslb.api.tokens import INCLUDED
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
    kept = {key: value for key, value in made.items() if key not in ("acknowledged", "dry_run", "short", "remains")}
    assert await node.call("GET", "/api/v1/drains") == (200, {"drains": [kept], "next": None})
    assert await node.call("GET", f"/api/v1/drains/{made['id']}") == (200, kept)
    status, ended = await node.call("DELETE", f"/api/v1/drains/{made['id']}")
    assert (status, ended["state"], ended["acknowledged"]) == (200, "removed", True)
    assert ended["removed"] == pytest.approx(time.time(), abs=2)
    assert await node.served() == {"tokyo", "osaka"}
    assert await node.call("GET", "/api/v1/drains") == (200, NONE)
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
    assert await node.call("GET", "/api/v1/drains") == (200, NONE)


async def test_a_drain_survives_a_restart(node: Node) -> None:
    _, made = await node.call("POST", "/api/v1/drains", DRAIN)
    await node.stop()
    await node.start()
    await node.until_served("tokyo")
    assert [d["id"] for d in (await node.call("GET", "/api/v1/drains"))[1]["drains"]] == [made["id"]]


NONE = {"drains": [], "next": None}

BAD_DRAINS: list[tuple[object, int, str]] = [
    ({"target": "site/osaka"}, 422, "/reason"),
    ({**DRAIN, "reason": " "}, 422, "/reason"),
    ({**DRAIN, "for": "73h"}, 422, "/for"),
    ({**DRAIN, "percent": 0}, 422, "/percent"),
    ({**DRAIN, "target": "osaka"}, 422, "/target"),
    ({**DRAIN, "target": "site/osak"}, 404, "/target"),
    ([], 422, ""),
]


async def test_a_bad_drain_changes_nothing(node: Node) -> None:
    for body, status, pointer in BAD_DRAINS:
        found, problem = await node.call("POST", "/api/v1/drains", body)
        assert (body, found, problem["status"]) == (body, status, status)
        assert [fault["pointer"] for fault in problem["errors"]] == [pointer]
    assert await node.call("GET", "/api/v1/drains?all=true") == (200, NONE)
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
    done = [(one["action"], one["subject"], one["target"], one["actor"], one["source"]) for one in body["records"]]
    what = (made["id"], "site/osaka", "node token", "127.0.0.1")
    assert (status, done) == (200, [("cancel-drain", *what), ("drain", *what)])
    assert [one["reason"] for one in body["records"]] == ["", "CHG-1042"]
    assert body["records"][0]["link"] == body["records"][1]["hash"]
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
    assert await node.fresh("/readyz", headers=nobody) == {"serving": True, "fresh": True}


async def test_explain(node: Node) -> None:
    status, view = await node.call("GET", "/api/v1/explain?name=www.gslb.example.com&client=203.0.113.7&ecs=8.8.8.0/24")
    assert (status, view["rcode"], view["kind"], view["scope"]) == (200, "NOERROR", "dynamic", 0)
    assert [m["addresses"][0]["chance"] for m in view["pools"][0]["members"]] == [0.6, 0.4]
    assert view["text"].startswith("www.gslb.example.com. A, asked from 203.0.113.7")


async def headers_of(node: Node, method: str, path: str, **headers: str) -> tuple[int, "CIMultiDictProxy[str]"]:
    every = {"Authorization": f"Bearer {node.token}", **headers}
    async with aiohttp.ClientSession() as session, session.request(method, node.api + path, headers=every) as response:
        return response.status, response.headers


async def test_every_operation_wants_a_token_and_its_scope(node: Node) -> None:
    made = {}
    for scope in ("read", "push", "drain"):
        _, one = await node.call("POST", "/api/v1/tokens", {"name": scope, "scope": scope})
        made[scope] = {"Authorization": f"Bearer {one['token']}"}
    nobody = {"Authorization": ""}
    for route in ROUTES:
        path = plain_path(route.path).translate(str.maketrans("{}", "xx"))
        if route.scope == OPEN:
            assert (await headers_of(node, route.method, path, **nobody))[0] in (200, 503)
            continue
        assert (path, (await node.call(route.method, path, headers=nobody))[0]) == (path, 401)
        for scope, header in made.items():
            status, _ = await node.call(route.method, path, headers=header)
            assert (path, scope, status == 403) == (path, scope, route.scope not in INCLUDED[scope])


async def test_a_token_for_some_sites_changes_nothing_else(node: Node) -> None:
    wish = {"name": "osaka", "scope": "drain", "sites": ["osaka"]}
    _, made = await node.call("POST", "/api/v1/tokens", wish)
    header = {"Authorization": f"Bearer {made['token']}"}
    status, problem = await node.call("POST", "/api/v1/drains", {**DRAIN, "target": "site/tokyo"}, headers=header)
    assert (status, problem["errors"][0]["pointer"]) == (403, "/target")
    status, drain = await node.call("POST", "/api/v1/drains", DRAIN, headers=header)
    assert status == 201
    (record, *_) = (await node.call("GET", "/api/v1/audit?action=drain"))[1]["records"]
    assert record["actor"] == "osaka"
    await node.call("DELETE", f"/api/v1/drains/{drain['id']}", headers=header)
    _, other = await node.call("POST", "/api/v1/drains", {**DRAIN, "target": "site/tokyo"})
    path = f"/api/v1/drains/{other['id']}"
    assert (await node.call("DELETE", path, headers=header))[0] == 403
    assert (await node.call("PATCH", path, {"percent": 5}, headers=header))[0] == 403
    assert (await node.call("POST", "/api/v1/resume", {"target": "site/tokyo"}, headers=header))[0] == 403


async def test_what_the_client_has_is_not_sent_again(node: Node) -> None:
    status, headers = await headers_of(node, "GET", "/api/v1/pools/web")
    tag = headers["ETag"]
    assert (status, headers["Cache-Control"]) == (200, "no-cache")
    status, headers = await headers_of(node, "GET", "/api/v1/pools/web", **{"If-None-Match": f'"x", W/{tag}'})
    assert (status, headers["ETag"]) == (304, tag)
    await node.call("POST", "/api/v1/drains", DRAIN)
    assert (await headers_of(node, "GET", "/api/v1/pools/web", **{"If-None-Match": tag}))[0] == 200
    assert (await headers_of(node, "GET", "/api/v1/pools/web", **{"If-None-Match": "x"}))[0] == 200
    assert (await headers_of(node, "HEAD", "/api/v1/pools/web"))[0] == 200


async def test_a_request_that_is_sent_again_is_done_once(node: Node) -> None:
    key = {"Idempotency-Key": "k-1"}
    first, second = await asyncio.gather(*(node.call("POST", "/api/v1/drains", DRAIN, headers=key) for _ in range(2)))
    assert first == second
    assert first[0] == 201
    assert await node.call("POST", "/api/v1/drains", DRAIN, headers=key) == first
    status, _ = await node.call("POST", "/api/v1/drains", {**DRAIN, "reason": "other"}, headers=key)
    assert status == 422
    assert (await node.call("POST", "/api/v1/drains", DRAIN))[0] == 409
    assert (await node.call("POST", "/api/v1/drains?dry_run=true", DRAIN, headers={"Idempotency-Key": "k-2"}))[0] == 409
    assert len((await node.call("GET", "/api/v1/drains?all=true"))[1]["drains"]) == 1


async def test_a_key_is_that_of_one_token_whatever_its_name(node: Node) -> None:
    wish, key = {"name": "ci", "scope": "drain", "for": "1h"}, {"Idempotency-Key": "k-1"}
    seen = []
    for _ in range(2):
        made = (await node.call("POST", "/api/v1/tokens", wish))[1]
        headers = {**key, "Authorization": f"Bearer {made['token']}"}
        seen.append((await node.call("POST", "/api/v1/drains", DRAIN, headers=headers))[0])
        await node.call("DELETE", f"/api/v1/tokens/{made['id']}")
    assert seen == [201, 409]


async def test_long_answers_about_what_might_be_are_not_remembered(node: Node) -> None:
    body, key = {"files": {"test.yaml": node.zones}}, {"Idempotency-Key": "k-1"}
    before = (await node.call("POST", "/api/v1/config:plan", body, headers=key))[1]
    assert not before["changes"]["names"]["changed"]
    node.write_zones(node.zones.replace("ttl: 30", "ttl: 45"))
    await node.call("POST", "/api/v1/config:reload", {})
    assert (await node.call("POST", "/api/v1/config:plan", body, headers=key))[1]["changes"]["names"]["changed"]


async def test_requests_have_names(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "gslb.api")
    _, headers = await headers_of(node, "GET", "/api/v1/sites", **{"X-Request-Id": "abc-1"})
    assert headers["X-Request-Id"] == "abc-1"
    _, headers = await headers_of(node, "GET", "/nowhere", **{"X-Request-Id": "not this one"})
    assert len(headers["X-Request-Id"]) == 16
    await node.call("POST", "/api/v1/drains", DRAIN, headers={"X-Request-Id": "abc-2"})
    (line,) = [record.getMessage() for record in caplog.records if "abc-2" in record.getMessage()]
    assert "POST '/api/v1/drains': 201, for node token at 127.0.0.1" in line
    assert "abc-1" not in caplog.text


async def test_methods_and_forms_that_there_are_not(node: Node) -> None:
    status, headers = await headers_of(node, "PUT", "/api/v1/drains")
    assert (status, headers["Allow"]) == (405, "GET,HEAD,POST")
    status, headers = await headers_of(node, "GET", "/api/v1/nodes/tokyo-1:withdraw")
    assert (status, headers["Allow"]) == (405, "POST")
    assert (await headers_of(node, "GET", "/api/v1/sites", Accept="text/html"))[0] == 406
    assert (await headers_of(node, "GET", "/api/v1/sites", Accept="text/html, */*;q=0.1"))[0] == 200


async def test_who_asks_too_often_is_told_when_to_come_again(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    await node.stop()
    monkeypatch.setattr(main, "make_app", partial(make_app, rate=Rate(0.5, 2)))
    await node.start()
    found = [await headers_of(node, "GET", "/api/v1/sites") for _ in range(3)]
    assert [status for status, _ in found] == [200, 200, 429]
    assert found[-1][1]["Retry-After"] == "2"
    assert (await node.call("GET", "/livez"))[0] == 200
