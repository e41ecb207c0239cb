"""What is believed by the votes of others is kept at once, too: a node that is started anew must not forget it."""

import asyncio
from collections.abc import Callable

import pytest

from gslb.health.states import Observation, TargetKey, Verdict
from gslb.health.votes import Ballot
from gslb.store.sqlite import SqliteStore
from tests.control.lone_controller import controlled
from tests.whole_node import Node

PROBERS = "\nprobers:\n  tokyo-1: {site: tokyo}\n  osaka-1: {site: osaka}\n  nagoya-1: {site: osaka}\n"
TOKYO, OSAKA = TargetKey("web", "127.0.0.11"), TargetKey("web", "127.0.0.12")


class Others:
    """Two other probers, who say the same."""

    lost = False

    def __init__(self) -> None:
        self._told: Callable[[], None] = lambda: None
        self.say("up")

    def say(self, tokyo: Verdict) -> None:
        verdicts: dict[TargetKey, Verdict] = {TOKYO: tokyo, OSAKA: "up"}
        seen = {key: Observation(verdict, 1_700_000_000.0, "") for key, verdict in verdicts.items()}
        self._ballots = {name: Ballot(name, "osaka", seen) for name in ("osaka-1", "nagoya-1")}
        self._told()

    async def cast(self, ballot: Ballot) -> None: ...

    def ballots(self) -> dict[str, Ballot]:
        return dict(self._ballots)

    def watch(self, told: Callable[[], None]) -> None:
        self._told = told


async def test_what_only_the_others_call_dead_is_dead_after_a_restart(
    stopped_node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = stopped_node
    node.write_zones(node.zones + PROBERS)
    others = Others()
    monkeypatch.setattr("gslb.store.sqlite.OwnVotes", lambda: others)
    async with controlled(node) as controller:
        await asyncio.sleep(0.5)  # what the beginning had to tell is kept
        others.say("down")
        async with asyncio.timeout(2):
            while controller.belief[TOKYO].verdict != "down":
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
    store = await SqliteStore.open(str(node.folder / "state" / "gslb.sqlite"), "tokyo-1")
    kept = await store.read_health()
    await store.close()
    assert kept is not None
    assert kept.belief[TOKYO].verdict == "down"
