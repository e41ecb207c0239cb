"""Drains, holds and forces over the API."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from gslb.api.etags import wanted
from gslb.api.intents import expected_of
from gslb.errors import PreconditionError, StoreError
from gslb.intents import Drain, Intent, Target
from gslb.store.sqlite import SqliteStore
from tests.whole_node import Node

DRAIN = {"target": "site/osaka", "for": "10m", "reason": "CHG-1042", "owner": "ops"}
HOLD = {"target": "pool/web", "for": "10m", "reason": "CHG-1042"}
FORCE = {"target": "member/web/osaka", "up": False, "reason": "CHG-1042"}
KINDS = {"drains": DRAIN, "holds": HOLD, "forces": FORCE}


async def tag(node: Node, path: str) -> str:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {node.token}"}) as session,
        session.get(node.api + path) as response,
    ):
        return response.headers["ETag"]


async def test_each_kind_from_beginning_to_end(node: Node) -> None:
    for kind, body in KINDS.items():
        status, made = await node.call("POST", f"/api/v1/{kind}", body)
        assert (status, made["state"], made["acknowledged"], made["changed"]) == (201, "active", True, 0)
        path = f"/api/v1/{kind}/{made['id']}"
        status, shown = await node.call("GET", path)
        assert (status, shown["id"]) == (200, made["id"])
        assert [one["id"] for one in (await node.call("GET", f"/api/v1/{kind}"))[1][kind]] == [made["id"]]
        status, changed = await node.call("PATCH", path, {"reason": "CHG-1043", "for": "20m"})
        assert (status, changed["reason"], changed["changed"]) == (200, "CHG-1043", 1)
        assert changed["expires"] == pytest.approx(time.time() + 1200, abs=2)
        status, ended = await node.call("DELETE", f"{path}?reason=done")
        assert (status, ended["state"]) == (200, "removed")
        assert (await node.call("GET", f"/api/v1/{kind}"))[1][kind] == []
        assert (await node.call("GET", f"/api/v1/{kind}?all=true&target={body['target']}"))[1][kind] != []
        assert (await node.call("GET", f"/api/v1/{kind}?all=true&target=site/tokyo"))[1][kind] == []
        (record, *_) = (await node.call("GET", f"/api/v1/audit?subject={made['id']}"))[1]["records"]
        assert record["reason"] == "done"
    assert await node.served() == {"tokyo", "osaka"}


async def test_an_id_of_another_kind_is_not_found(node: Node) -> None:
    _, made = await node.call("POST", "/api/v1/holds", HOLD)
    for method in ("GET", "DELETE"):
        assert (await node.call(method, f"/api/v1/drains/{made['id']}"))[0] == 404
    assert (await node.call("PATCH", f"/api/v1/forces/{made['id']}", {"reason": "x"}))[0] == 404


async def test_a_force_lasts_until_it_is_cancelled(node: Node) -> None:
    status, made = await node.call("POST", "/api/v1/forces", FORCE)
    assert (status, made["expires"], made["up"]) == (201, None, False)
    assert await node.served() == {"tokyo"}
    status, problem = await node.call("PATCH", f"/api/v1/forces/{made['id']}", {"extend": "1h"})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/extend")
    await node.call("DELETE", f"/api/v1/forces/{made['id']}")
    await node.until_served("tokyo", "osaka")


async def test_a_hold_freezes(node: Node) -> None:
    assert (await node.call("POST", "/api/v1/holds", {"target": "pool/web", "reason": "x"}))[0] == 422
    assert (await node.call("POST", "/api/v1/holds", HOLD))[0] == 201
    await node.sites["osaka"].break_()

    async def seen() -> bool:
        votes = (await node.call("GET", "/api/v1/votes/web/127.0.0.12"))[1]
        return bool(votes["verdict"] == "down")

    await node.until(seen)
    assert await node.served() == {"tokyo", "osaka"}


async def test_a_drain_for_some_of_the_clients(node: Node) -> None:
    status, made = await node.call("POST", "/api/v1/drains", {**DRAIN, "percent": 50})
    assert (status, made["percent"]) == (201, 50)
    (member,) = (await node.call("GET", "/api/v1/members?site=osaka"))[1]["members"]
    assert (member["drain"], member["percent"], member["live"]) == (made["id"], 50, True)
    status, changed = await node.call("PATCH", f"/api/v1/drains/{made['id']}", {"percent": 100})
    assert (status, changed["percent"]) == (200, 100)
    assert await node.served() == {"tokyo"}


async def test_a_drain_that_is_to_begin(node: Node) -> None:
    now = time.time()
    status, made = await node.call("POST", "/api/v1/drains", {**DRAIN, "starts": now + 3600})
    assert (status, made["state"]) == (201, "scheduled")
    assert made["expires"] - made["starts"] == pytest.approx(600, abs=0.1)
    assert await node.served() == {"tokyo", "osaka"}
    assert [one["state"] for one in (await node.call("GET", "/api/v1/drains"))[1]["drains"]] == ["scheduled"]
    status, changed = await node.call("PATCH", f"/api/v1/drains/{made['id']}", {"extend": "1h"})
    assert changed["expires"] - made["expires"] == pytest.approx(3600)
    status, problem = await node.call("PATCH", f"/api/v1/drains/{made['id']}", {"extend": "72h"})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/extend")


async def test_a_dry_run_does_nothing(node: Node) -> None:
    status, told = await node.call("POST", "/api/v1/drains?dry_run=true", DRAIN)
    assert (status, told["dry_run"], told["acknowledged"]) == (200, True, None)
    assert (await node.call("GET", "/api/v1/drains?all=true"))[1]["drains"] == []
    _, made = await node.call("POST", "/api/v1/drains", DRAIN)
    path = f"/api/v1/drains/{made['id']}?dry_run=true"
    assert (await node.call("PATCH", path, {"reason": "other"}))[1]["reason"] == "other"
    assert (await node.call("DELETE", path))[0] == 200
    shown = (await node.call("GET", f"/api/v1/drains/{made['id']}"))[1]
    assert (shown["state"], shown["reason"]) == ("active", "CHG-1042")
    status, problem = await node.call("POST", "/api/v1/drains?dry_run=true", {**DRAIN, "target": "site/tokyo"})
    assert (status, problem["remains"][0]["pool"], problem["remains"][0]["left"]) == (409, "web", [])
    assert (await node.call("POST", "/api/v1/resume?dry_run=true", {"target": "site/tokyo"}))[0] == 200


async def test_who_comes_second_is_told(node: Node) -> None:
    _, made = await node.call("POST", "/api/v1/drains", DRAIN)
    path = f"/api/v1/drains/{made['id']}"
    seen = {"If-Match": await tag(node, path)}
    first, second = await asyncio.gather(
        *(node.call("PATCH", path, {"reason": reason}, headers=seen) for reason in ("one", "two"))
    )
    assert sorted((first[0], second[0])) == [200, 412]
    assert (await node.call("DELETE", path, headers=seen))[0] == 412
    assert (await node.call("DELETE", path, headers={"If-Match": "*"}))[0] == 200
    assert (await node.call("PATCH", path, {"reason": "x"}))[0] == 409
    assert (await node.call("PATCH", path, {"reason": "x"}, headers={"If-Match": "3"}))[0] == 422


BAD_CHANGES: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"force": True}, ""),
    ({"extend": "1h", "for": "1h"}, ""),
    ({"percent": 101}, "/percent"),
    ({"target": "site/tokyo"}, "/target"),
    ({"extend": "72h"}, "/extend"),
    ({"reason": ""}, "/reason"),
]


async def test_bad_changes(node: Node) -> None:
    _, made = await node.call("POST", "/api/v1/drains", DRAIN)
    for body, pointer in BAD_CHANGES:
        status, problem = await node.call("PATCH", f"/api/v1/drains/{made['id']}", body)
        assert (body, status, problem["errors"][0]["pointer"]) == (body, 422, pointer)


async def test_progress(node: Node) -> None:
    _, made = await node.call("POST", "/api/v1/drains", DRAIN)
    path = f"/api/v1/drains/{made['id']}"

    async def everywhere() -> bool:
        standing: dict[str, Any] = (await node.call("GET", f"{path}/progress"))[1]
        return standing["waiting"] == [] and standing["quiet_at"] is not None

    await node.until(everywhere)
    _, standing = await node.call("GET", f"{path}/progress")
    assert list(standing["acknowledged"]) == ["tokyo-1"]
    assert standing["quiet_at"] == pytest.approx(time.time() + 30, abs=5)
    assert 0 <= standing["percent"] < 100
    await node.call("DELETE", path)
    assert (await node.call("GET", f"{path}/progress"))[0] == 409


async def test_extensions_at_once_add_up(node: Node) -> None:
    made = (await node.call("POST", "/api/v1/drains", DRAIN))[1]
    path = f"/api/v1/drains/{made['id']}"
    extended = await asyncio.gather(*(node.call("PATCH", path, {"extend": "10m"}) for _ in range(6)))
    assert [status for status, _ in extended] == [200] * 6
    assert max(one["expires"] for _, one in extended) == pytest.approx(made["expires"] + 3600, abs=1e-3)
    assert (await node.call("GET", path))[1]["changed"] == 6


async def test_pages_of_drains(node: Node) -> None:
    for target in ("site/osaka", "member/web/osaka"):
        await node.call("POST", "/api/v1/drains", {**DRAIN, "target": target})
    whole = (await node.call("GET", "/api/v1/drains"))[1]["drains"]
    first = (await node.call("GET", "/api/v1/drains?limit=1"))[1]
    second = (await node.call("GET", f"/api/v1/drains?limit=1&cursor={first['next']}"))[1]
    assert first["drains"] + second["drains"] == whole


def test_what_if_match_expects() -> None:
    drain = Drain("d-1", Target("site", "tokyo"), "r", "o", 1.0, 2.0, changed=3)
    assert expected_of(None, drain) is None
    assert expected_of(wanted("*"), drain) is None
    assert expected_of(wanted('"1.ab", "3.cd"'), drain) == 3
    for other in ('"2.ab"', '"3"'):
        with pytest.raises(PreconditionError):
            expected_of(wanted(other), drain)


async def test_what_a_node_has_not_heard_of_is_not_denied_while_the_store_is_away(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find(_: SqliteStore, __: str) -> Intent:
        raise StoreError("the store does not answer: nothing was heard of it yet")

    monkeypatch.setattr(SqliteStore, "find", find)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/progress")):
        status, problem = await node.call(method, f"/api/v1/drains/d-1{path}")
        assert (status, problem["detail"]) == (503, "the store does not answer: nothing was heard of it yet")
