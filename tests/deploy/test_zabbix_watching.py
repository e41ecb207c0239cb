"""How the lab sees that Zabbix sees: moments of looks, pauses of an agent, and names that the template must have."""

import pytest

from deploy.lab import watching
from deploy.lab.beats import Beats, Pause, pauses
from deploy.lab.watching import Look, first
from tests.deploy.test_zabbix import HOST, KEYS, RULES, TEMPLATE, TRIGGERS

LOOKS = [Look(10, True), Look(11, False), Look(15, False), Look(17, True), Look(18, True), Look(30, False)]


@pytest.mark.parametrize(
    ("since", "shown", "seconds"),
    [(11.5, True, 5.5), (17.5, True, 0.5), (18.5, True, None), (16, False, 14), (31, False, None), (10, True, 0)],
)
def test_the_first_look_after_a_moment(since: float, shown: bool, seconds: float | None) -> None:
    assert first(LOOKS, since, shown=shown) == seconds


def test_the_template_has_what_is_looked_for() -> None:
    assert watching.TEMPLATE == HOST
    assert "gslb: nothing at site {#SITE} is served" in {trigger["name"] for trigger in TRIGGERS}
    assert "{$GSLB.URL}" in {macro["macro"] for macro in TEMPLATE["macros"]}
    prefixes = {key.partition("[")[0] for key in KEYS}
    assert prefixes >= set(watching._MAY_BE_SILENT)
    assert {"gslb.sites", "gslb.pools", "gslb.members"} <= {rule["key"] for rule in RULES}


def test_pauses_of_an_agent() -> None:
    assert pauses([1.0, 2.1, 3.0, 7.5, 8.5]) == [Pause(3.0, 4.5)]
    assert pauses([]) == pauses([1.0]) == []


def test_values_that_ended_with_their_server() -> None:
    beats = Beats(9, [50.0, 98.0, 103.0], [])
    assert beats.unexplained(None) == [50.0, 98.0, 103.0]
    assert beats.unexplained((97.0, 100.0)) == [50.0, 103.0]
    assert beats.unexplained((98.1, 102.9)) == [50.0, 98.0, 103.0]
