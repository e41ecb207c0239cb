"""What a node says of its API, to anybody."""

import aiohttp

from gslb.api.openapi import text
from tests.whole_node import Node


async def test_the_document_and_the_page_need_no_token(node: Node) -> None:
    import json

    async with aiohttp.ClientSession() as session:
        async with session.get(f"{node.api}/api/v1/openapi.json") as response:
            assert (response.status, await response.json()) == (200, json.loads(text()))
        async with session.get(f"{node.api}/api/v1/", headers={"Accept": "text/html"}) as response:
            assert (response.status, response.content_type) == (200, "text/html")
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert "/api/v1/drains" in await response.text()
