"""A node among others: its fingerprint, and who differs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest

from gslb.config.model import Pool
from gslb.control.presence import PATIENCE, Fingerprint, Presence, difference
from gslb.store import Held, Store
from gslb.store.roster import Registration
from tests.support import OSAKA, TOKYO, config, states

CONFIG = config(pools=[Pool("web", (TOKYO, OSAKA)), Pool("api", (TOKYO, OSAKA))])
OURS = Registration("tokyo-1", "tokyo", ("dns", "probe", "api"), "1", "c1", "a1")


class Place:
    """A store in which other nodes have registered."""

    def __init__(self, *others: Registration) -> None:
        self.nodes = {other.name: other for other in others}

    def held(self) -> Held:
        return Held((), 7)

    def announce(self, registration: Registration) -> None:
        self.nodes[registration.name] = registration

    def roster(self) -> Mapping[str, Registration]:
        return self.nodes


def test_a_node_tells_what_it_serves() -> None:
    place = Place()
    Presence(cast(Store, place)).tell(CONFIG, states(CONFIG), 5)
    told = place.nodes["tokyo-1"]
    assert (told.site, told.roles, told.config, told.generation, told.intents) == (
        "tokyo",
        ("dns", "probe", "api"),
        CONFIG.digest,
        5,
        7,
    )
    assert len(told.answers) == 16


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
