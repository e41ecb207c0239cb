"""What is told, and when."""

from dataclasses import replace
from typing import Any

import pytest

from gslb.config.model import AllDown, Config, Monitor, MonitorSet, Pool
from gslb.control.notifyfacts import Facts, Key, Moment, facts_of_health, notices, other_facts
from gslb.health.states import Observation, TargetKey
from gslb.intents import Drain, Force, Hold, Intent, Target
from tests.support import config as config_of
from tests.support import member, states

NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC
SITE = Target("site", "tokyo")
DRAIN = Drain("d-1", SITE, "the power\nfails", "alice", NOW - 3600, NOW + 3600)


@pytest.fixture
def config() -> Config:
    web = MonitorSet(("web",), 1)
    tokyo = [member("tokyo", f"192.0.2.{number}") for number in range(1, 4)]
    made = config_of(
        pools=(
            Pool("web", (tokyo[0], member("osaka", "198.51.100.1")), web),
            Pool("api", (tokyo[1],), web, all_down=AllDown("nodata")),
            Pool("static", (tokyo[2],)),
        )
    )
    return replace(made, monitors={"web": Monitor("web", warn_days=14)})


class Story:
    """Moments one after another, and what is told of each."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._facts: Facts = {}

    def at(self, now: float = NOW, *, states_of: dict[str, Any] | None = None, **known: Any) -> list[tuple[str, str]]:
        """The notices of the next moment: (event, text)."""
        moment = Moment(now, self._config, states(self._config, **(states_of or {})), **known)
        present = {**facts_of_health(moment, self._facts), **other_facts(moment)}
        found = notices(self._facts, moment, present)
        assert all(one.at == now for one in found)
        self._facts = present
        return [(one.event, one.text) for one in found]


@pytest.fixture
def story(config: Config) -> Story:
    return Story(config)


def test_a_site_dies_and_comes_back(story: Story) -> None:
    dead = ["192.0.2.1", "192.0.2.2"]
    assert story.at() == []
    assert story.at(states_of={"down": dead[:1]}) == []
    assert story.at(states_of={"down": dead}) == [
        ("site_down", "site tokyo is down: none of its 2 members answers"),  # what nobody probes says nothing
        ("pool_down", "pool api has no live member: it serves nothing"),
    ]
    assert story.at(states_of={"down": dead}) == []
    assert story.at(states_of={"down": dead[1:], "unknown": dead[:1]}) == []  # nobody has seen it up
    assert story.at() == [
        ("site_up", "site tokyo is up again"),
        ("pool_up", "pool api has a live member again"),
    ]


def test_what_is_unknown_is_not_down(story: Story) -> None:
    assert story.at(states_of={"unknown": ["192.0.2.1", "192.0.2.2"]}) == []
    assert story.at(states_of={"unknown": ["192.0.2.1"], "down": ["192.0.2.2"]}) == [
        ("pool_down", "pool api has no live member: it serves nothing")
    ]


def test_a_pool_that_fails_open_without_a_dead_site(story: Story) -> None:
    assert story.at(states_of={"down": ["198.51.100.1"], "forced_down": ["tokyo"]}) == [
        ("site_down", "site osaka is down: none of its 1 members answers"),
        ("pool_down", "pool web has no live member: it fails open (all)"),
        ("pool_down", "pool api has no live member: it serves nothing"),
        ("pool_down", "pool static has no live member: it fails open (all)"),
    ]


def test_a_name_that_nobody_probes_lives_unless_it_is_taken_out(config: Config) -> None:
    story = Story(replace(config, pools={"names": Pool("names", (member("tokyo"),))}))
    assert story.at() == []
    assert story.at(states_of={"drained": ["tokyo"]}) == [
        ("pool_down", "pool names has no live member: it fails open (all)")
    ]


def test_a_drain_from_its_beginning_to_its_end(story: Story) -> None:
    soon = replace(DRAIN, starts=NOW - 1800)
    what = "drain d-1 of site/tokyo"
    assert story.at(NOW - 1900, intents=(soon,)) == []
    assert story.at(intents=(soon,)) == [
        ("drain_started", f"{what} has begun, until 2027-01-15 09:00 UTC: the power\nfails (by alice)")
    ]
    ending = f"{what} ends at 2027-01-15 09:00 UTC, unless it is extended: the power\nfails (by alice)"
    assert story.at(NOW + 2999, intents=(soon,)) == []
    assert story.at(NOW + 3001, intents=(soon,)) == [("drain_ending", ending)]
    longer = replace(soon, expires=NOW + 7200, changed=1)
    assert story.at(NOW + 3002, intents=(longer,)) == []
    assert story.at(NOW + 6700, intents=(longer,)) == [("drain_ending", ending.replace("09:00", "10:00"))]
    assert story.at(NOW + 7200, intents=(longer,)) == [("drain_expired", f"{what} expired")]


def test_a_short_one_is_said_to_end_in_its_last_quarter(story: Story) -> None:
    short = Hold("h-1", SITE, "r", "", NOW, NOW + 120)
    assert [event for event, _ in story.at(NOW, intents=(short,))] == ["hold_started"]
    assert story.at(NOW + 89, intents=(short,)) == []
    assert [event for event, _ in story.at(NOW + 91, intents=(short,))] == ["hold_ending"]


@pytest.mark.parametrize(
    ("after", "event"),
    [
        ((), "drain_cancelled"),
        ((replace(DRAIN, removed=NOW + 5),), "drain_cancelled"),
        ((replace(DRAIN, removed=DRAIN.expires),), "drain_expired"),
    ],
)
def test_how_a_drain_ended(story: Story, after: tuple[Intent, ...], event: str) -> None:
    story.at(intents=(DRAIN,))
    assert [told for told, _ in story.at(NOW + 5, intents=after)] == [event]


def test_a_force_until_it_is_cancelled(story: Story) -> None:
    force = Force("f-1", SITE, "r", "bob", NOW, None, up=True)
    assert story.at(intents=(force,)) == [
        ("force_started", "force f-1 of site/tokyo as up has begun, until it is cancelled: r (by bob)")
    ]
    assert story.at(NOW + 1e6, intents=(replace(force, removed=NOW + 1e6),)) == [
        ("force_cancelled", "force f-1 of site/tokyo cancelled")
    ]


def test_an_override_is_told_when_it_is_made_and_not_when_it_ends(story: Story) -> None:
    assert [event for event, _ in story.at(intents=(DRAIN,))] == ["drain_started"]
    over = replace(DRAIN, overrides=True)
    text = "drain d-1 of site/tokyo was made although the safety rule is against it: the power\nfails (by alice)"
    assert story.at(intents=(over,)) == [("override", text)]
    assert [event for event, _ in story.at(intents=())] == ["drain_cancelled"]


def test_votes_the_store_and_the_own_prober(story: Story) -> None:
    belief = {
        TargetKey("web", "192.0.2.1"): Observation("up", 1.0, no_quorum=True),
        TargetKey("web", "192.0.2.2"): Observation("up", 1.0),
    }
    assert story.at(belief=belief) == [
        ("quorum_lost", "too few votes on 1 of 2 targets: what was believed of them before is kept")
    ]
    assert story.at() == [("quorum_back", "there are votes enough on every target again")]
    assert story.at(lost=True, follows="own votes", blind="no reference answers") == [
        ("store_lost", "node tokyo-1 cannot reach the store; its belief follows own votes"),
        ("prober_blind", "the prober of node tokyo-1 is blind, its votes are withdrawn: no reference answers"),
    ]
    assert [event for event, _ in story.at()] == ["store_back", "prober_sees"]


def test_a_rejected_configuration_is_told_again_where_others_follow(story: Story) -> None:
    text = "node tokyo-1 refused its new configuration, the one before is served: "
    assert story.at(problems=("a.yaml:1: x",)) == [("config_rejected", text + "a.yaml:1: x")]
    assert story.at(problems=("a.yaml:1: x",)) == []
    assert story.at(problems=("a.yaml:1: x", "b")) == [("config_rejected", text + "a.yaml:1: x (and 1 more)")]
    assert story.at() == [("config_accepted", "node tokyo-1 has taken a new configuration")]


def test_certificates(story: Story) -> None:
    first, second = TargetKey("web", "192.0.2.1"), TargetKey("web", "192.0.2.2")
    assert story.at(days={first: 14.5, TargetKey("gone", "192.0.2.9"): 1.0}) == []
    assert story.at(days={first: 13.9}) == [
        ("certificate_expiring", "the certificate of 192.0.2.1 (monitor web) ends in 13.9 days")
    ]
    assert story.at(days={first: 9.0, second: 8.0}) == []
    assert story.at(days={first: 2.9, second: -0.5}) == [
        ("certificate_expiring", "the certificate of 192.0.2.2 (monitor web) has ended, and 1 more targets")
    ]
    assert story.at(days={first: 90.0}) == [("certificate_renewed", "no certificate that monitor web sees ends soon")]


def test_what_is_of_one_node_alone(config: Config) -> None:
    local = replace(DRAIN, local=True)
    moment = Moment(NOW, config, {}, intents=(local,), lost=True, blind="x", problems=("y",))
    assert {key.kind for key, fact in other_facts(moment).items() if fact.own} == {"drain", "store", "blind", "config"}
    assert Key("drain", "d-1") in other_facts(moment)
