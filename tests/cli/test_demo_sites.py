"""The demo's sites, asked over real connections."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gslb.cli.demo_sites import JSON_RPC, Site

CALL = {"jsonrpc": "2.0", "method": "apiinfo.version", "params": [], "id": 7}


@pytest.fixture
async def site(free_port) -> AsyncIterator[tuple[Site, str]]:
    port = free_port()
    site = Site("Tokyo", "127.0.0.11", port)
    await site.start()
    yield site, f"http://127.0.0.11:{port}"
    await site.close()


async def post(url: str, body: object) -> tuple[int, dict]:
    async with aiohttp.ClientSession() as session, session.post(url + JSON_RPC, data=json.dumps(body)) as response:
        return response.status, await response.json()


async def page(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url + "/") as response:
        return await response.text()


async def test_it_answers_a_page_and_json_rpc(site) -> None:
    _, url = site
    assert await page(url) == "Welcome to Tokyo\n"
    assert await post(url, CALL) == (200, {"jsonrpc": "2.0", "result": "7.0.0", "id": 7})


@pytest.mark.parametrize(
    ("body", "code"), [({**CALL, "method": "host.get"}, -32601), ([], -32600), ({"id": 1}, -32600)]
)
async def test_json_rpc_refuses_what_it_has_not(site, body: object, code: int) -> None:
    status, answer = await post(site[1], body)
    assert (status, answer["error"]["code"]) == (200, code)


async def test_error_is_a_dead_database_behind_a_fine_page(site) -> None:
    broken, url = site
    await broken.switch("error")
    status, answer = await post(url, CALL)
    assert status == 200
    assert "result" not in answer
    assert "database" in answer["error"]["data"]
    assert "Welcome" in await page(url)


async def test_refuse_closes_the_port_until_it_is_mended(site) -> None:
    broken, url = site
    await broken.switch("refuse")
    await broken.switch("refuse")
    with pytest.raises(aiohttp.ClientConnectorError):
        await page(url)
    await broken.switch("ok")
    assert "Welcome" in await page(url)


async def test_hang_accepts_and_never_answers(site) -> None:
    broken, url = site
    await broken.switch("hang")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await page(url)
    waiting = asyncio.create_task(page(url))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await broken.switch("ok")
    assert "Welcome" in await waiting


async def test_a_hanging_site_can_be_closed(site) -> None:
    broken, url = site
    await broken.switch("hang")
    waiting = asyncio.create_task(page(url))
    await asyncio.sleep(0.1)
    async with asyncio.timeout(3):
        await broken.close()
    with pytest.raises(aiohttp.ClientError):
        await waiting
