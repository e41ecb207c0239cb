"""Who tells what: one node alone, several that share a store, and one that begins anew."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gslb.config.settings import SinkSettings
from gslb.control import notify, notifywatch
from gslb.control.line import Served
from gslb.control.notifyfacts import Fact, Key
from gslb.control.notifywatch import FILE, HANDOVER, Notifier, speaker
from gslb.intents import Drain, Target
from gslb.store import Held
from gslb.store.roster import Registration
from tests.support import config, states, table
from tests.webhooks import SECRET, Receiver, receiver
from tests.whole_node import Node

__all__ = ["receiver"]

NOW = 1_800_000_000.0
SINK = SinkSettings("generic", url="http://127.0.0.1:9/")
DRAIN = Drain("d-1", Target("site", "tokyo"), "r", "alice", NOW - 9, NOW + 9000)


def registered(*names: str, notifies: bool = True) -> dict[str, Registration]:
    return {name: Registration(name, "s", ("dns", "probe"), "1", notifies=notifies) for name in names}


@dataclass
class World:
    """What the nodes of one store know; `node` makes one of them."""

    roster: dict[str, Registration] = field(default_factory=dict)
    intents: tuple[Drain, ...] = ()
    lost: bool = False

    def held(self) -> Held:
        return Held(self.intents, 1)

    def node(self, name: str, folder: Path) -> "Watcher":
        folder.mkdir(exist_ok=True)
        return Watcher(self, name, folder)


class Watcher:
    """A Notifier whose outlets are at work on nothing: what they were told is read from their queues."""

    def __init__(self, world: World, name: str, folder: Path) -> None:
        made = config(notify=(SINK,))
        made = replace(made, node=replace(made.node, name=name))
        self.council = SimpleNamespace(lost=False, follows="votes", blind="")
        store = SimpleNamespace(held=world.held, roster=lambda: world.roster)
        self.problems: tuple[str, ...] = ()
        now = states(made)
        self._watched: Any = SimpleNamespace(
            plan=SimpleNamespace(config=made),
            served=Served(made, table(made, now), now),
            belief={},
            settled=True,
            store=store,
            council=self.council,
            runner=SimpleNamespace(certificates=dict),
            problems=(),
        )
        self.notifier = Notifier(self._watched, folder)

    def say(self, **known: Any) -> None:
        for name, value in known.items():
            setattr(self._watched, name, value)

    def look(self, now: float = NOW) -> list[str]:
        """The events that this node tells now."""
        self.notifier._follow()
        self.notifier.look(now)
        [(outlet, _)] = self.notifier._at_work.values()
        told = [one.event for one in outlet._waiting]
        outlet._waiting.clear()
        return told


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self: notify.Outlet) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(notify.Outlet, "run", nothing)


async def test_one_node_alone(world: World, tmp_path: Path) -> None:
    node = world.node("a", tmp_path)
    assert node.look() == []
    world.intents = (DRAIN,)
    assert node.look() == ["drain_started"]
    assert node.look() == []


async def test_before_the_first_round_nothing_is_told(world: World, tmp_path: Path) -> None:
    node = world.node("a", tmp_path)
    world.intents = (DRAIN,)
    node.say(settled=False)
    assert node.look() == []
    node.say(settled=True)
    assert node.look() == ["drain_started"]


async def test_the_first_by_name_speaks_for_all(world: World, tmp_path: Path) -> None:
    world.roster = {**registered("a", "b"), **registered("0", notifies=False)}
    nodes = [world.node(name, tmp_path / name) for name in ("a", "b")]
    assert [node.look() for node in nodes] == [[], []]
    world.intents = (DRAIN,)
    assert [node.look() for node in nodes] == [["drain_started"], []]


async def test_where_the_speaker_goes_another_says_what_it_may_not_have_said(world: World, tmp_path: Path) -> None:
    world.roster = registered("a", "b", "c")
    b, c = (world.node(name, tmp_path / name) for name in ("b", "c"))
    assert (b.look(), c.look()) == ([], [])
    world.intents = (DRAIN,)
    assert (b.look(), c.look()) == ([], [])
    world.roster = registered("b", "c")  # a died before it could tell
    assert (b.look(NOW + 8), c.look(NOW + 8)) == (["drain_started"], [])
    assert (b.look(NOW + 9), c.look(NOW + 9)) == ([], [])


async def test_where_the_speaker_begins_anew_another_says_what_it_may_not_have_said(
    world: World, tmp_path: Path
) -> None:
    world.roster = registered("a", "b")
    b = world.node("b", tmp_path)
    b.look()
    world.intents = (DRAIN,)
    assert b.look() == []
    world.roster = registered("b") | registered("a", notifies=False)  # killed, and back within its lease
    assert b.look(NOW + 2) == ["drain_started"]
    world.roster = registered("a", "b")
    assert b.look(NOW + 3) == []


async def test_what_was_long_ago_was_told(world: World, tmp_path: Path) -> None:
    world.roster = registered("a", "b")
    b = world.node("b", tmp_path)
    b.look()
    world.intents = (DRAIN,)
    b.look()
    b.look(NOW + HANDOVER + 1)
    world.roster = registered("b")
    assert b.look(NOW + HANDOVER + 2) == []


async def test_what_is_of_one_node_that_node_tells(world: World, tmp_path: Path) -> None:
    world.roster = registered("a", "b")
    b = world.node("b", tmp_path)
    b.look()
    b.say(problems=("zones.yaml:1: bad",))
    world.intents = (replace(DRAIN, local=True),)
    assert b.look() == ["drain_started", "config_rejected"]


async def test_while_the_store_is_lost_every_node_speaks(world: World, tmp_path: Path) -> None:
    world.roster = registered("a", "b")
    b = world.node("b", tmp_path)
    b.look()
    b.council.lost = True
    world.intents = (DRAIN,)
    assert b.look() == ["drain_started", "store_lost"]


async def test_a_restart_tells_what_changed_meanwhile(world: World, tmp_path: Path) -> None:
    world.intents = (DRAIN,)
    first = world.node("a", tmp_path)
    assert first.look() == ["drain_started"]
    assert not (tmp_path / FILE).exists()  # it has not arrived yet
    first.look()
    assert (tmp_path / FILE).exists()
    second = world.node("a", tmp_path)
    assert second.look() == []
    world.intents = ()
    assert world.node("a", tmp_path).look() == ["drain_cancelled"]


async def test_what_had_not_arrived_is_told_again_by_the_next_process(world: World, tmp_path: Path) -> None:
    world.intents = (DRAIN,)
    world.node("a", tmp_path).look()
    assert world.node("a", tmp_path).look() == ["drain_started"]


async def test_a_node_that_joins_others_leaves_to_them_what_was_before(world: World, tmp_path: Path) -> None:
    world.intents = (DRAIN,)
    world.roster = registered("b")
    a = world.node("a", tmp_path)
    a.say(problems=("zones.yaml:1: bad",))
    assert a.look() == ["config_rejected"]  # which is its own
    world.roster = registered("a", "b")
    assert a.look() == []
    world.intents = ()
    assert a.look() == ["drain_cancelled"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '[["site"]]', '{"a": 1}'])
async def test_a_file_that_nobody_can_understand_says_nothing(world: World, tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    world.intents = (DRAIN,)
    assert world.node("a", tmp_path).look() == ["drain_started"]


async def test_a_file_that_cannot_be_written_is_told(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node = world.node("a", tmp_path)
    (tmp_path / FILE).with_suffix(".new").mkdir()
    node.look()
    assert "what was told is not kept" in caplog.text


async def test_a_reload_changes_the_sinks(world: World, tmp_path: Path) -> None:
    node = world.node("a", tmp_path)
    node.look()
    node.look()
    other = replace(SINK, type="slack")
    for sinks in ((SINK, other), (other,), ()):
        made = config(notify=sinks)
        node.say(plan=SimpleNamespace(config=made))
        node.notifier._follow()
        assert tuple(node.notifier._at_work) == sinks
    await asyncio.sleep(0)
    assert not (tmp_path / FILE).exists()
    node.notifier.look(NOW)
    assert node.notifier.deliveries == []


def test_certificates_are_told_by_who_probes() -> None:
    roster = registered("a", "b")
    roster["a"] = replace(roster["a"], roles=("dns",))
    certificate = Fact(Key("certificate", "monitor/web"), "certificate", "warning", "t")
    assert speaker(certificate, "b", roster) == "b"
    assert speaker(certificate._replace(key=Key("site", "site/x")), "b", roster) == "a"
    assert speaker(certificate, "c", {}) == "c"


async def test_a_fault_of_ours_is_told_and_ends_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notifywatch, "AGAIN", 0.01)
    node = world.node("a", tmp_path)
    node.say(served=1)
    task = asyncio.create_task(node.notifier.run())
    async with asyncio.timeout(5):
        while caplog.text.count("nothing else depends on them") < 2:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])


class TestWhole:
    """A whole node, and a receiver."""

    @pytest.fixture(autouse=True)
    def idle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(notify, "WINDOW", 1.0)

    @pytest.fixture
    async def told(self, stopped_node: Node, receiver: Receiver) -> Node:
        (stopped_node.folder / "hook").write_text(receiver.url)
        file = stopped_node.folder / "gslb.yaml"
        file.write_text(file.read_text() + "notify: [{type: generic, url_file: hook}]\n")
        alone = "  api: {monitors: [web], members: {osaka: {site: osaka, addresses: [127.0.0.12]}}}\nzones:\n"
        zones = stopped_node.zones.replace("zones:\n", alone)
        stopped_node.write_zones(zones + "      api: {pool: api}\n")
        await stopped_node.start()
        await stopped_node.until_served("tokyo", "osaka")
        return stopped_node

    async def test_the_death_of_a_site_is_one_message(self, told: Node, receiver: Receiver) -> None:
        await told.sites["osaka"].break_()
        await _until(lambda: len(receiver.got) == 1)
        body = receiver.got[0]
        assert [one["event"] for one in body["notices"]] == ["site_down", "pool_down"]
        assert (body["node"], body["text"]) == (
            "tokyo-1",
            "site osaka is down: none of its 2 members answers (and 1 more)",
        )
        await told.sites["osaka"].mend()
        await _until(lambda: len(receiver.got) == 2)
        assert [one["event"] for one in receiver.got[1]["notices"]] == ["site_up", "pool_up"]
        kept = (told.folder / "state").rglob("*")
        assert not any(SECRET.encode() in path.read_bytes() for path in kept if path.is_file())

    async def test_an_override_is_told(self, told: Node, receiver: Receiver) -> None:
        wish = {"target": "pool/web", "reason": "a fire", "for": "1h"}
        assert (await told.call("POST", "/api/v1/drains", wish))[0] == 409
        assert (await told.call("POST", "/api/v1/drains", {**wish, "force": True}))[0] == 201
        await _until(lambda: len(receiver.got) == 1)
        assert {one["event"] for one in receiver.got[0]["notices"]} == {"drain_started", "override", "pool_down"}


async def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
