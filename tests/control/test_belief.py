"""What is believed after a restart, and since when states hold."""

from gslb.config.model import Pool
from gslb.control.belief import Place, addresses, believable, changes, known_dead, since
from gslb.health.states import Observation, TargetKey
from gslb.store import HealthSnapshot
from tests.support import OSAKA, TOKYO, config, states

CONFIG = config()
KEY = TargetKey("web", "192.0.2.10")
TOKYO_V4 = Place("web", "tokyo", "192.0.2.10")


def snapshot(stamp: float, verdict: str = "down") -> HealthSnapshot:
    return HealthSnapshot({KEY: Observation(verdict, 1.0, "timeout")}, stamp)  # type: ignore[arg-type]


def test_a_snapshot_is_believed_up_to_its_age() -> None:
    assert believable(snapshot(1000), 1600, 600) == {KEY: Observation("down", 1.0, "timeout")}
    assert believable(snapshot(1000), 1600.1, 600) == {}


def test_a_stamp_in_the_future_is_not_believed() -> None:
    assert believable(snapshot(1000), 999, 600) == {}


def test_nothing_and_unknown_are_no_belief() -> None:
    assert believable(None, 1000, 600) == {}
    assert believable(snapshot(1000, "unknown"), 1000, 600) == {}


def test_what_was_down_is_known_however_old_the_snapshot() -> None:
    assert known_dead(snapshot(1000)) == {KEY: Observation("down", 1.0, "timeout")}
    assert known_dead(snapshot(1000, "up")) == {}
    assert known_dead(None) == {}


def test_changes_are_those_of_the_effective_state() -> None:
    before, after = states(CONFIG), states(CONFIG, down=["192.0.2.10"])
    ((place, now, former),) = changes(before, after)
    assert place == TOKYO_V4
    assert (now.effective, former and former.effective) == ("down", "up")
    assert list(changes(after, after)) == []


def test_what_was_not_there_is_a_change_without_a_former_state() -> None:
    found = list(changes({}, states(CONFIG)))
    assert len(found) == 4
    assert all(former is None for _, _, former in found)


def test_since_moves_with_the_state_only() -> None:
    up, down = states(CONFIG), states(CONFIG, down=["192.0.2.10"])
    first = since({}, {}, up, 100.0)
    assert set(first.values()) == {100.0}
    second = since(first, up, down, 150.0)
    assert second[TOKYO_V4] == 150.0
    assert since(second, down, down, 190.0) == second
    assert {place for place, at in second.items() if at == 100.0} == {p for p, _ in addresses(up)} - {TOKYO_V4}


def test_what_is_gone_has_no_time() -> None:
    both = config(pools=[Pool("web", (TOKYO, OSAKA)), Pool("more", (TOKYO,))])
    first = since({}, {}, states(both), 100.0)
    fewer = since(first, states(both), states(config(pools=[Pool("web", (OSAKA,))])), 150.0)
    assert fewer == {Place("web", "osaka", address): 100.0 for address in OSAKA.addresses}
