"""Tokens over HTTP, at a node that really runs."""

import asyncio
import json
import logging
import random
import re
import time
from typing import Any

import aiohttp
import pytest

from gslb.api.guesses import AT_ONCE
from gslb.api.routes import ROUTES
from tests.whole_node import Node

TOKENS = "/api/v1/tokens"


async def create(node: Node, **wanted: Any) -> dict[str, Any]:
    status, made = await node.call("POST", TOKENS, wanted)
    assert status == 201, made
    return dict(made)


def by(made: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {"headers": {"Authorization": f"Bearer {made['token']}"}}


async def test_a_token_from_its_first_day_to_its_last(node: Node) -> None:
    made = await create(node, name="ci", scope="drain", sites=["tokyo"], **{"for": "2h"})
    assert made["by"] == "node token"
    assert made["expires"] - made["created"] == pytest.approx(7200, abs=1)
    assert (await node.call("GET", "/api/v1/status", **by(made)))[0] == 200
    status, shown = await node.call("GET", TOKENS)
    assert status == 200
    assert [(one["name"], one["expired"]) for one in shown["tokens"]] == [("ci", False)]
    assert shown["tokens"][0]["used"] == pytest.approx(time.time(), abs=5)
    assert "token" not in shown["tokens"][0]
    assert (await node.call("GET", f"{TOKENS}/{made['id']}"))[1] == shown["tokens"][0]
    assert (await node.call("DELETE", f"{TOKENS}/{made['id']}?reason=left"))[0] == 200
    assert (await node.call("GET", "/api/v1/status", **by(made)))[0] == 401
    assert (await node.call("GET", f"{TOKENS}/{made['id']}"))[0] == 404
    assert (await node.call("GET", TOKENS))[1]["tokens"] == []


async def test_a_dry_run_makes_nothing(node: Node) -> None:
    status, shown = await node.call("POST", TOKENS + "?dry_run=true", {"name": "ci"})
    assert (status, shown["token"], shown["scope"]) == (200, None, "read")
    made = await create(node, name="ci")
    assert (await node.call("DELETE", f"{TOKENS}/{made['id']}?dry_run=true"))[0] == 200
    assert len((await node.call("GET", TOKENS))[1]["tokens"]) == 1


async def test_every_operation_wants_its_scope(node: Node) -> None:
    made = {scope: await create(node, name=scope, scope=scope) for scope in ("read", "push", "drain", "admin")}
    includes = {
        "read": {"read"},
        "push": {"push"},
        "drain": {"read", "drain"},
        "admin": {"read", "push", "drain", "admin"},
    }
    for route in ROUTES:
        if route.scope == "open":
            continue
        path = re.sub(r"\{\w+(:(\[[^]]*\]|[^][])*?)?\}", "x", route.path)
        for name, scopes in includes.items():
            status = await statuses(node, route.method, path, made[name]["token"])
            assert (status == 403) == (route.scope not in scopes), (route.method, path, name, status)
        assert await statuses(node, route.method, path, "") == 401
        assert await statuses(node, route.method, path, "gslb_00000000_ff") in (401, 429)


async def statuses(node: Node, method: str, path: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, node.api + path, headers=headers, json=None if method == "GET" else {}) as answer,
    ):
        return answer.status


async def test_a_token_for_a_site_drains_it_and_members_there(node: Node) -> None:
    made = await create(node, name="ci", scope="drain", sites=["tokyo"])
    wish = {"reason": "CHG-1", "for": "10m"}
    status, refused = await node.call("POST", "/api/v1/drains", {"target": "pool/web", **wish}, **by(made))
    assert (status, refused["errors"][0]["pointer"]) == (403, "/target")
    assert (await node.call("POST", "/api/v1/drains", {"target": "site/osaka", **wish}, **by(made)))[0] == 403
    status, drain = await node.call("POST", "/api/v1/drains", {"target": "member/web/tokyo", **wish}, **by(made))
    assert status == 201
    assert (await node.call("DELETE", f"/api/v1/drains/{drain['id']}", **by(made)))[0] == 200
    status, other = await node.call("POST", "/api/v1/drains", {"target": "site/osaka", **wish})
    assert status == 201
    assert (await node.call("DELETE", f"/api/v1/drains/{other['id']}", **by(made)))[0] == 403
    records = (await node.call("GET", "/api/v1/audit?action=drain"))[1]["records"]
    assert [(one["actor"], one["source"]) for one in records] == [("node token", "127.0.0.1"), ("ci", "127.0.0.1")]


async def test_wrong_tokens_are_refused_fast_and_a_right_one_passes_beside_them(node: Node) -> None:
    answers: dict[int, int] = {}
    began = time.perf_counter()
    async with aiohttp.ClientSession() as session:
        for _ in range(AT_ONCE + 30):
            headers = {"Authorization": f"Bearer gslb_00000000_{random.getrandbits(256):064x}"}
            async with session.get(node.api + "/api/v1/status", headers=headers) as answer:
                answers[answer.status] = answers.get(answer.status, 0) + 1
                if answer.status == 429:
                    assert int(answer.headers["Retry-After"]) >= 1
                else:
                    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert time.perf_counter() - began < 2
    assert set(answers) == {401, 429}
    assert answers[401] <= AT_ONCE + 2
    assert (await node.call("GET", "/api/v1/nodes"))[0] == 200


async def test_a_token_is_told_nowhere(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        made = await create(node, name="ci", scope="drain")
        texts = [
            json.dumps((await node.call("GET", path, **by(made)))[1])
            for path in ("/api/v1/status", "/api/v1/audit", "/nothing", "/api/v1/drains/x")
        ]
        texts.append(
            json.dumps((await node.call("POST", "/api/v1/drains", {"target": made["token"]}, **by(made)))[1]["title"])
        )
        async with aiohttp.ClientSession() as session, session.get(node.api + "/metrics") as answer:
            texts.append(await answer.text())
        await node.call("DELETE", f"{TOKENS}/{made['id']}")
        await node.stop()
    secrets = [made["token"].rpartition("_")[2], node.token.rpartition("_")[2]]
    for secret in secrets:
        assert secret not in caplog.text + "".join(texts)
    for path in (node.folder / "state").rglob("*"):
        if path.is_file() and path.name != "token":
            assert not [secret for secret in secrets if secret.encode() in path.read_bytes()], path


async def test_a_right_token_is_not_slowed_by_the_wrong_ones_of_others(node: Node) -> None:
    async def guess() -> None:
        async with aiohttp.ClientSession() as session:
            for _ in range(50):
                async with session.get(node.api + "/api/v1/status", headers={"Authorization": "Bearer no"}):
                    pass

    guessing = [asyncio.create_task(guess()) for _ in range(4)]
    for _ in range(5):
        began = time.perf_counter()
        assert (await node.call("GET", "/api/v1/nodes"))[0] == 200
        assert time.perf_counter() - began < 1
    await asyncio.gather(*guessing)
