"""A node among others: its fingerprint, and who differs."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from gslb.config.model import Pool
from gslb.control.presence import PATIENCE, Fingerprint, Presence, Serving, difference
from gslb.intents import Drain, Target
from gslb.store import Store
from gslb.store.roster import Registration
from tests.support import OSAKA, TOKYO, config, states

CONFIG = config(pools=[Pool("web", (TOKYO, OSAKA)), Pool("api", (TOKYO, OSAKA))])
OURS = Registration("tokyo-1", "tokyo", ("dns", "probe", "api"), "1", "c1", "a1")


class Place:
    """A store in which other nodes have registered."""

    def __init__(self, *others: Registration) -> None:
        self.nodes = {other.name: other for other in others}

    def announce(self, registration: Registration) -> None:
        self.nodes[registration.name] = registration

    def roster(self) -> Mapping[str, Registration]:
        return self.nodes


def test_a_node_tells_what_it_serves() -> None:
    place = Place()
    Presence(cast(Store, place)).tell(CONFIG, states(CONFIG), Serving(5, 7))
    told = place.nodes["tokyo-1"]
    assert (told.site, told.roles, told.config, told.generation, told.intents) == (
        "tokyo",
        ("dns", "probe", "api"),
        CONFIG.digest,
        5,
        0,
    )
    assert len(told.answers) == 16


def test_what_a_generation_was_made_of() -> None:
    where = Target.parse("site/tokyo")
    now = Drain("d-1", where, "", "", 100.0, 900.0, changed=2)
    begun, ahead = (Drain(f"d-{at}", where, "", "", 100.0, 900.0, starts=at) for at in (150.0, 250.0))
    serving = Serving.of(5, 7, [now, begun, ahead], 200.0)
    assert serving == Serving(5, 7, frozenset({("d-1", 2), ("d-150.0", 0), ("d-250.0", 0)}), ("d-150.0",))


class Workers:
    """Workers that follow to a generation."""

    def __init__(self) -> None:
        self.generation = 0
        self.asked = asyncio.Event()

    async def wait_acknowledged(self, generation: int, timeout: float) -> bool:
        assert timeout > 0
        self.asked.set()
        await asyncio.sleep(0.01)
        return self.generation >= generation


async def test_intents_are_told_when_all_workers_answer_by_them() -> None:
    place, workers = Place(), Workers()
    presence = Presence(cast(Store, place))
    task = asyncio.create_task(presence.keep_acknowledging(cast(Any, workers)))
    presence.tell(CONFIG, states(CONFIG), Serving(5, 7, frozenset(), ("d-1",)))
    await workers.asked.wait()
    told = place.nodes["tokyo-1"]
    assert (told.generation, told.intents, told.begun) == (5, 0, ())
    workers.generation = 5
    async with asyncio.timeout(2):
        while not place.nodes["tokyo-1"].intents:
            await asyncio.sleep(0.005)
    told = place.nodes["tokyo-1"]
    assert (told.generation, told.intents, told.begun) == (5, 7, ("d-1",))
    presence.tell(CONFIG, states(CONFIG), Serving(6, 8))
    assert (place.nodes["tokyo-1"].generation, place.nodes["tokyo-1"].intents) == (6, 7)
    assert presence.name == "tokyo-1"
    assert presence.acknowledged.revision == 7
    task.cancel()


def test_the_fingerprint_follows_what_is_served_and_nothing_else() -> None:
    up, down = states(CONFIG), states(CONFIG, down=["192.0.2.10"])
    prints = Fingerprint()
    first = prints.of(CONFIG, up)
    assert Fingerprint().of(CONFIG, dict(reversed(states(CONFIG).items()))) == first
    assert prints.of(CONFIG, down) != first
    assert prints.of(CONFIG, up) == first
    local = replace(CONFIG, pools={**CONFIG.pools, "api": replace(CONFIG.pools["api"], scope="local")})
    other = {**up, "api": down["api"]}
    assert prints.of(local, other) == prints.of(local, up) != first


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (OURS, ""),
        (replace(OURS, config="c2"), "configuration"),
        (replace(OURS, answers="a2", config="c2"), "configuration, answers"),
        (replace(OURS, answers="a2", roles=("probe",)), ""),
        (replace(OURS, config="c2", roles=("probe",)), "configuration"),
    ],
)
def test_what_nodes_differ_in(other: Registration, what: str) -> None:
    assert difference(OURS, other) == what


def test_a_difference_is_an_alarm_once_it_has_lasted(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    place = Place(OURS, replace(OURS, name="osaka-1", answers="a2"))
    presence = Presence(cast(Store, place), lambda: now)
    for now, alarms in (  # noqa: B007 - the clock reads it
        (100.0, {}),
        (100.0 + PATIENCE - 0.1, {}),
        (100.0 + PATIENCE, {"osaka-1": "answers"}),
    ):
        presence.compare("tokyo-1")
        assert presence.alarms == alarms
    presence.compare("tokyo-1")
    place.nodes["osaka-1"] = replace(OURS, name="osaka-1")
    presence.compare("tokyo-1")
    assert presence.alarms == {}
    assert [record.getMessage() for record in caplog.records] == ["node osaka-1 differs from this one: answers"]
    place.nodes["osaka-1"] = replace(OURS, name="osaka-1", answers="a3")
    now += 1.0
    presence.compare("tokyo-1")
    assert presence.alarms == {}, "it begins anew"
    assert Presence(cast(Store, Place()), lambda: now).alarms == {}
