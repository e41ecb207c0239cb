"""What status shows of a running node."""

import os
from dataclasses import replace
from typing import Any

from gslb.api.views import intent_view
from gslb.intents import Drain, Target
from tests.support import config, states
from tests.whole_node import Node


async def test_status(node: Node) -> None:
    _, drained = await node.call("POST", "/api/v1/drains", {"target": "site/osaka", "reason": "CHG-1"})
    view = await node.fresh("/api/v1/status")
    assert view["node"] == {"name": "tokyo-1", "site": "tokyo", "version": "0.1.0"}
    assert view["serving"] is True
    assert (view["config"]["zones"], view["config"]["names"], view["config"]["problems"]) == (1, 1, [])
    (worker,) = view["workers"]
    assert (worker["pid"], worker["alive"], worker["state"]) == (os.getpid(), True, "serving")
    assert worker["generation"] == view["generation"] > 0
    assert worker["counters"]["udp_queries"] > 0
    assert view["sites"] == [
        {"name": "tokyo", "country": "JP", "members": 1, "live": 1},
        {"name": "osaka", "country": "JP", "members": 1, "live": 0},
    ]
    assert [d["id"] for d in view["drains"]] == [drained["id"]]
    (pool,) = view["pools"]
    assert {key: value for key, value in pool.items() if key != "members"} == {
        "name": "web",
        "policy": "weighted",
        "all_down": "all",
        "live": 1,
    }
    tokyo, osaka = pool["members"]
    assert (tokyo["weight"], tokyo["live"], tokyo["drain"]) == (60, True, "")
    assert (osaka["live"], osaka["drain"]) == (False, drained["id"])
    check_drained(osaka["addresses"][0], drained)


def check_drained(address: dict[str, Any], drain: dict[str, Any]) -> None:
    assert (address["address"], address["observed"], address["effective"]) == ("127.0.0.12", "up", "down")
    assert "CHG-1" in address["reason"]
    assert drain["created"] <= address["since"] <= drain["created"] + 0.5
    (monitor,) = address["monitors"]
    assert (monitor["name"], monitor["verdict"], monitor["reason"]) == ("web", "up", "")
    assert monitor["since"] < address["since"]


async def test_a_drain_on_a_target_that_left_the_config_is_kept_and_shown(node: Node) -> None:
    _, made = await node.call("POST", "/api/v1/drains", {"target": "member/web/osaka", "reason": "CHG-1"})
    await node.stop()
    lines = node.zones.splitlines(keepends=True)
    node.write_zones("".join(line for line in lines if not line.startswith("      osaka:")))
    await node.start()
    _, view = await node.call("GET", "/api/v1/status")
    assert [(d["id"], d["target"], d["members"]) for d in view["drains"]] == [(made["id"], "member/web/osaka", [])]
    assert (await node.call("DELETE", f"/api/v1/drains/{made['id']}"))[0] == 200


async def test_a_member_that_is_probed_at_another_address(stopped_node: Node) -> None:
    node = stopped_node
    node.write_zones(node.zones.replace("[127.0.0.11]", "[192.0.2.10], check: [127.0.0.11]"))
    await node.start()

    async def answers() -> set[str]:
        return {item.to_text() for _ in range(40) for rrset in (await node.ask()).answer for item in rrset}

    async def both() -> bool:
        return await answers() == {"192.0.2.10", "127.0.0.12"}

    async def one() -> bool:
        return await answers() == {"127.0.0.12"}

    await node.until(both)
    await node.sites["tokyo"].break_()
    await node.until(one)
    _, view = await node.call("GET", "/api/v1/status")
    tokyo, osaka = (member["addresses"][0] for member in view["pools"][0]["members"])
    assert (tokyo["address"], tokyo["checked"], tokyo["effective"]) == ("192.0.2.10", "127.0.0.11", "down")
    assert [monitor["verdict"] for monitor in tokyo["monitors"]] == ["down"]
    assert osaka["checked"] == osaka["address"]
    _, told = await node.call("GET", "/api/v1/explain?name=www.gslb.example.com&client=203.0.113.7")
    assert "192.0.2.10 (checked at 127.0.0.11)  observed down" in told["text"]


def test_the_states_of_a_drain() -> None:
    drain = Drain("d-1", Target("site", "tokyo"), "r", "o", 100.0, 200.0)
    assert intent_view(drain, config(), 150)["state"] == "active"
    assert intent_view(drain, config(), 200)["state"] == "expired"
    removed = Drain("d-1", Target("site", "tokyo"), "r", "o", 100.0, 200.0, 150.0)
    assert intent_view(removed, config(), 300)["state"] == "removed"
    assert intent_view(drain, config(), 150)["members"] == ["web/tokyo"]
    leased = replace(drain, leased=True)
    assert intent_view(leased, config(), 1e9)["state"] == "active", "the store ends it, whatever the clock says"
    assert intent_view(replace(leased, removed=200.5), config(), 300)["state"] == "expired"
    assert intent_view(replace(leased, removed=150.0), config(), 300)["state"] == "removed"


def test_a_member_lives_while_one_address_does() -> None:
    tokyo = states(config(), down=["192.0.2.10"])["web"]["tokyo"]
    assert tokyo.live
    assert not states(config(), drained=["tokyo"])["web"]["tokyo"].live
