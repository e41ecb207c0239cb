"""Reading what is configured and what has become of it: lists, one of each, filters and pages."""

from typing import Any

import pytest

from tests.whole_node import Node


async def get(node: Node, path: str) -> Any:
    status, found = await node.call("GET", f"/api/v1/{path}")
    assert status == 200, found
    return found


async def test_every_list_has_each_of_its_things(node: Node) -> None:
    for kind in ("nodes", "sites", "pools", "names", "monitors", "probers"):
        page = await get(node, kind)
        assert page["next"] is None
        for one in page[kind]:
            assert await get(node, f"{kind}/{one['name']}") == one
        assert (await node.call("GET", f"/api/v1/{kind}/nothing"))[0] == 404
    for member in (await get(node, "members"))["members"]:
        assert await get(node, f"members/{member['pool']}/{member['name']}") == member
        assert member["target"] == f"member/{member['pool']}/{member['name']}"
    for target in (await get(node, "votes"))["votes"]:
        assert await get(node, f"votes/{target['monitor']}/{target['address']}") == target
    for missing in ("members/web/nothing", "members/nothing/tokyo", "votes/web/192.0.2.1", "votes/web/tokyo"):
        assert (await node.call("GET", f"/api/v1/{missing}"))[0] == 404


async def test_what_a_site_a_pool_and_a_monitor_show(node: Node) -> None:
    await node.call("POST", "/api/v1/drains", {"target": "site/osaka", "reason": "CHG-1"})
    tokyo, osaka = (await get(node, "sites/tokyo")), (await get(node, "sites/osaka"))
    assert (tokyo["country"], tokyo["members"], tokyo["live"], tokyo["pools"]) == ("JP", 1, 1, ["web"])
    assert osaka["live"] == 0
    pool = await get(node, "pools/web")
    assert (pool["live"], pool["min_up"], pool["healthy"], pool["members"]) == (1, 1, True, ["tokyo", "osaka"])
    monitor = await get(node, "monitors/web")
    assert (monitor["type"], monitor["pools"], monitor["up"], monitor["down"]) == ("tcp", ["web"], 2, 0)
    assert monitor["interval"] == 0.1
    prober = await get(node, "probers/tokyo-1")
    assert (prober["site"], prober["present"], prober["blind"], prober["votes"]) == ("tokyo", True, "", 2)
    vote = await get(node, "votes/web/127.0.0.12")
    assert (vote["site"], vote["verdict"], [one["prober"] for one in vote["votes"]]) == ("osaka", "up", ["tokyo-1"])


async def test_a_name_is_found_however_it_is_written(node: Node) -> None:
    name = await get(node, "names/www.gslb.example.com.")
    assert await get(node, "names/WWW.gslb.example.com") == name
    assert (name["zone"], name["ttl"]) == ("gslb.example.com.", 30)
    assert name["rules"] == [{"match": None, "pools": [{"pool": "web", "weight": None}]}]
    assert (await node.call("GET", "/api/v1/names/a..b"))[0] == 404


async def test_a_rule_shows_whom_it_is_for(stopped_node: Node) -> None:
    rules = "rules: [{match: {subnet: [192.0.2.0/24]}, pools: [web]}, {pools: {web: 3}}]"
    stopped_node.write_zones(stopped_node.zones.replace("www: {pool: web, ttl: 30}", f"www: {{ttl: 30, {rules}}}"))
    await stopped_node.start()
    first, last = (await get(stopped_node, "names/www.gslb.example.com"))["rules"]
    assert first["match"] == {"subnet": ["192.0.2.0/24"], "country": [], "continent": [], "asn": []}
    assert last["pools"] == [{"pool": "web", "weight": 3}]


FILTERS = [
    ("members?site=osaka", 1),
    ("members?pool=web", 2),
    ("members?pool=mail", 0),
    ("members?live=true", 2),
    ("members?live=false", 0),
    ("pools?site=osaka", 1),
    ("pools?site=berlin", 0),
    ("pools?monitor=web&healthy=true", 1),
    ("pools?healthy=false", 0),
    ("sites?country=JP", 2),
    ("sites?country=FR", 0),
    ("names?zone=gslb.example.com", 1),
    ("names?zone=example.com", 0),
    ("names?pool=web", 1),
    ("names?pool=mail", 0),
    ("monitors?type=tcp&pool=web", 1),
    ("monitors?type=http", 0),
    ("nodes?site=tokyo", 1),
    ("nodes?site=osaka", 0),
    ("probers?blind=false&site=tokyo", 1),
    ("probers?blind=true", 0),
    ("votes?monitor=web&verdict=up&quorum=true", 2),
    ("votes?address=127.0.0.11", 1),
    ("votes?site=osaka", 1),
    ("votes?verdict=down", 0),
]


async def test_filters(node: Node) -> None:
    for path, count in FILTERS:
        found = await get(node, path)
        assert (path, len(found[path.partition("?")[0]])) == (path, count)


async def test_pages_follow_each_other(node: Node) -> None:
    for kind in ("members", "sites", "votes"):
        whole = (await get(node, kind))[kind]
        first = await get(node, f"{kind}?limit=1")
        second = await get(node, f"{kind}?limit=1&cursor={first['next']}")
        assert (first[kind] + second[kind], second["next"]) == (whole, None)


@pytest.mark.parametrize(
    "query", ["cursor=nonsense", "cursor=", "limit=0", "limit=1001", "limit=1_0", "live=yes", "x=1"]
)
async def test_bad_parameters_are_named(node: Node, query: str) -> None:
    status, problem = await node.call("GET", f"/api/v1/members?{query}")
    assert status == 422
    assert [fault["pointer"] for fault in problem["errors"]] == [f"/{query.partition('=')[0]}"]


async def test_a_cursor_of_another_list_is_none(node: Node) -> None:
    cursor = (await get(node, "sites?limit=1"))["next"]
    assert (await node.call("GET", f"/api/v1/members?cursor={cursor}"))[0] == 422


async def test_what_if(node: Node) -> None:
    found = await get(node, "explain?name=www.gslb.example.com&if=site/tokyo=down&if=drain=site/osaka")
    assert found["assumed"] == ["probes find site/tokyo down", "site/osaka is drained"]
    assert found["differs"]
    assert await node.served() == {"tokyo", "osaka"}
    now = await get(node, "explain?name=www.gslb.example.com")
    assert now["assumed"] == now["differs"] == []
    status, problem = await node.call("GET", "/api/v1/explain?name=www&if=osaka")
    assert (status, problem["errors"][0]["pointer"]) == (422, "/if/0")


async def test_metrics_in_both_forms(node: Node) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:
        for accept, kind in (("*/*", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")):
            async with session.get(f"{node.api}/metrics?x=1", headers={"Accept": accept}) as response:
                assert (response.status, response.content_type) == (200, kind)
                assert "gslb_" in await response.text()
