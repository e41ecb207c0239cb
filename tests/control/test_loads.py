"""Loads that agents push reach the draw of a `capacity` pool, and small moves do not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from gslb.config.model import Config, Member, Monitor, MonitorSet, Pool
from gslb.control.loads import Loads, told_load
from gslb.health.states import TargetKey
from gslb.probe.push import Board, Push, PushMonitor
from tests.support import config, states
from tests.whole_node import Node

TOKYO = Member("tokyo", "tokyo", ("192.0.2.1", "2001:db8::1"), 60)
OSAKA = Member("osaka", "osaka", ("198.51.100.1",), 40)
POOL = Pool(
    "web",
    (TOKYO, OSAKA),
    MonitorSet(("agent", "web"), 2),
    policy="capacity",
    load=100.0,
    capacities=(("tokyo", 50.0), ("osaka", 150.0)),  # a step is 10
)
MONITORS: Mapping[str, Monitor] = {"agent": PushMonitor("agent"), "web": Monitor("web")}
CONFIG = replace(config(pools=[POOL, replace(POOL, name="plain", policy="weighted")]), monitors=MONITORS)
FIRST, SECOND, OTHER = (TargetKey("agent", address) for address in (*TOKYO.addresses, *OSAKA.addresses))


def total(
    told: Mapping[TargetKey, float], *, down: Sequence[str] = (), held: float | None = None, pool: Pool = POOL
) -> float | None:
    return told_load(pool, states(CONFIG, down=down)["web"], told.get, held)


def test_the_loads_of_members_add_up() -> None:
    assert total({FIRST: 30.0, OTHER: 12.5}) == 42.5
    assert total({FIRST: 30.0, SECOND: 31.0, OTHER: 0.0}) == 31.0  # one member, told for each of its addresses


def test_the_address_that_is_probed_tells_the_load() -> None:
    checked = replace(OSAKA, checks=("203.0.113.1",))
    told = {FIRST: 1.0, TargetKey("agent", "203.0.113.1"): 2.0}
    assert total(told, pool=replace(POOL, members=(TOKYO, checked))) == 3.0


def test_a_live_member_that_tells_none_leaves_the_configured_load() -> None:
    assert total({FIRST: 30.0}) is None
    assert total({}) is None
    assert total({FIRST: 30.0}, held=30.0) is None


def test_a_dead_member_need_not_tell() -> None:
    assert total({FIRST: 30.0}, down=OSAKA.addresses) == 30.0
    assert total({FIRST: 30.0, OTHER: 5.0}, down=OSAKA.addresses) == 35.0  # its clients are still to move
    assert total({}, down=[*TOKYO.addresses, *OSAKA.addresses]) is None


@pytest.mark.parametrize(
    ("now", "expected"), [(109.9, 100.0), (90.1, 100.0), (110.0, 110.0), (90.0, 90.0), (1e300, 1e12)]
)
def test_a_load_stays_until_it_has_moved_by_a_step(now: float, expected: float) -> None:
    assert total({FIRST: now, OTHER: 0.0}, held=100.0) == expected


class Calls:
    def __init__(self) -> None:
        self.count = 0
        self.loads = Loads(Board(), self.call)
        self.follow()

    def call(self) -> None:
        self.count += 1

    def follow(self, made: Config = CONFIG) -> Mapping[str, float]:
        return self.loads.follow(made, states(made))

    def post(self, key: TargetKey, load: float | None) -> int:
        """How often `changed` was called in all."""
        assert self.loads.post(CONFIG, key, Push(True, load)) == 15.0
        return self.count


def test_only_what_moves_a_load_asks_for_a_publication() -> None:
    calls = Calls()
    assert calls.post(FIRST, 30.0) == 0  # the other tells none yet
    assert calls.post(OTHER, 30.0) == 1
    assert calls.follow() == {"web": 60.0}
    for load in (30.0, 35.0, 39.0, 21.0):
        assert calls.post(OTHER, load) == 1
        assert calls.follow() == {"web": 60.0}
    assert calls.post(OTHER, 45.0) == 2
    assert calls.follow() == {"web": 75.0}
    assert calls.post(OTHER, None) == 3
    assert calls.follow() == {}


def test_another_config_is_followed() -> None:
    calls = Calls()
    calls.post(FIRST, 30.0)
    calls.post(OTHER, 30.0)
    assert calls.follow(replace(CONFIG, pools={"plain": CONFIG.pools["plain"]})) == {}
    assert calls.post(OTHER, 100.0) == 1
    assert calls.follow() == {"web": 130.0}


ZONES = """
sites:
  tokyo: {country: JP, capacity: 60}
  osaka: {country: JP, capacity: 100}
monitors:
  agent: {type: push, interval: 100ms, timeout: 100ms, expiry: 30s}
pools:
  web:
    monitors: [agent]
    policy: capacity
    load: 50
    members:
      tokyo: {site: tokyo, addresses: [127.0.0.11], weight: 9}
      osaka: {site: osaka, addresses: [127.0.0.12], weight: 1}
zones:
  gslb.example.com:
    soa: {mname: ns1, rname: hostmaster.example.com., serial: 7}
    ns: [ns1]
    records: {ns1: {A: [192.0.2.53]}}
    names:
      www: {pool: web, ttl: 30}
"""


async def tell(node: Node, tokyo: float | None, osaka: float | None) -> None:
    for address, load in (("127.0.0.11", tokyo), ("127.0.0.12", osaka)):
        status, _ = await node.call("POST", f"/api/v1/push/agent/{address}", {"up": True, "load": load})
        assert status == 200


async def test_what_agents_tell_moves_the_answers_of_a_node(stopped_node: Node) -> None:
    node = stopped_node
    node.write_zones(ZONES)
    await node.start()

    async def explained() -> tuple[float, str]:
        _, view = await node.call("GET", "/api/v1/explain?name=www.gslb.example.com")
        return view["pools"][0]["members"][0]["chance"], view["text"]

    async def until(chance: float) -> str:
        async def so() -> bool:
            return (await explained())[0] == chance

        await node.until(so)
        return (await explained())[1]

    await tell(node, None, None)
    await node.until_served("tokyo", "osaka")
    assert "as reported" not in await until(0.9)
    await tell(node, 60.0, 60.0)  # of 120, Tokyo's part by weight is 108, and it can carry 60
    assert "pool web (capacity, load 120 as reported): serving" in await until(0.5)
    generation = (await node.call("GET", "/api/v1/status"))[1]["generation"]
    for load in (61.0, 63.0, 58.0, 66.0):
        await tell(node, load, 60.0)
    assert (await node.call("GET", "/api/v1/status"))[1]["generation"] == generation
    await tell(node, 20.0, 20.0)
    await until(0.9)
    await tell(node, 90.0, 60.0)
    await until(0.4)
    status, refused = await node.call("POST", "/api/v1/drains", {"target": "site/tokyo", "reason": "test"})
    assert (status, refused["remains"][0]["load"], refused["remains"][0]["capacity"]) == (409, 150.0, 100.0)
    await tell(node, 90.0, None)
    assert "as reported" not in await until(0.9)
