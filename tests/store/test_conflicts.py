"""Which intents cannot stand beside each other."""

import time
from dataclasses import replace

import pytest

from gslb.errors import ConflictError, StaleError
from gslb.intents import Drain, Force, Hold, Target
from gslb.store.conflicts import conflict, missing, require_next

TOKYO = Target.parse("site/tokyo")
NOW = 1500.0


def drain(identity: str, starts: float, expires: float, *, leased: bool = False) -> Drain:
    return Drain(identity, TOKYO, "CHG-1", "ops", min(starts, 1000.0), expires, starts=starts, leased=leased)


HELD = drain("d-1", 1000.0, 2000.0)


@pytest.mark.parametrize(
    ("starts", "expires", "refused"),
    [(1500, 1600, True), (500, 1001, True), (1999, 3000, True), (2000, 3000, False), (500, 1000, False)],
)
def test_two_of_a_kind_at_the_same_time(starts: float, expires: float, refused: bool) -> None:
    assert (conflict(drain("d-2", starts, expires), [HELD], NOW) is not None) == refused


def test_what_is_refused_is_told() -> None:
    found = conflict(drain("d-2", 1500, 1600), [HELD], NOW)
    assert found is not None
    assert found.message == "site/tokyo is drained already, by d-1: CHG-1"
    assert "d-1" in found.hint
    later = conflict(drain("d-2", 1500, 9000), [drain("d-1", 3000, 4000)], NOW)
    assert later is not None
    assert later.message == "site/tokyo is to be drained already, by d-1: CHG-1"


def test_other_kinds_other_targets_itself_and_what_has_ended_do_not_matter() -> None:
    hold = Hold("h-1", TOKYO, "CHG-1", "ops", 1000.0, 2000.0)
    force = Force("f-1", TOKYO, "CHG-1", "ops", 1000.0, None)
    ended = replace(HELD, removed=1400.0)
    elsewhere = replace(HELD, target=Target.parse("pool/web"))
    assert conflict(drain("d-2", 1500, 1600), [hold, force, ended, elsewhere], NOW) is None
    assert conflict(drain("d-1", 1500, 1600), [HELD], NOW) is None
    assert conflict(replace(force, id="f-2", starts=9e9), [force], NOW) is not None, "it never ends by itself"


def test_what_the_store_keeps_lasts_whatever_this_nodes_clock_says() -> None:
    leased = replace(HELD, leased=True)
    assert conflict(drain("d-2", 2500.0, 2600.0), [HELD], 2500.0) is None
    assert conflict(drain("d-2", 2500.0, 2600.0), [leased], 2500.0) is not None


def test_what_may_take_the_place_of_another() -> None:
    now = time.time()
    former = Drain("d-1", TOKYO, "CHG-1", "ops", now, now + 100, changed=3)
    require_next(replace(former, changed=4), former)
    for changed in (3, 5):
        with pytest.raises(StaleError, match="d-1"):
            require_next(replace(former, changed=changed), former)
    for ended in (replace(former, removed=now), replace(former, expires=now)):
        with pytest.raises(ConflictError, match="has ended"):
            require_next(replace(former, changed=4), ended)
    assert missing("d-9").http_status == 404
