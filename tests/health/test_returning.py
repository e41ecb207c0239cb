"""Failback and damping, second by second."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.config.model import Damping, Failback, Member, Pool, Window
from gslb.health.memory import Past
from gslb.health.returning import Return, moved_on, opens, returning
from gslb.health.states import Verdict

MEMBERS = (Member("a", "tokyo", ("192.0.2.1",)),)
SATURDAY = Window((5,), 120, 240, "Asia/Tokyo")


AT_ONCE = Failback()


def pool(failback: Failback = AT_ONCE, damping: Damping | None = None) -> Pool:
    return Pool("web", MEMBERS, failback=failback, damping=damping)


def tokyo(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Tokyo")).timestamp()


def fallen_and_risen(web: Pool, down: float = 10.0, up: float = 20.0) -> Past:
    past = moved_on(web, moved_on(web, None, "up", 0.0), "down", down)
    return moved_on(web, past, "up", up)


def test_what_is_new_has_nothing_to_wait_for() -> None:
    web = pool(Failback("manual"))
    assert returning(web, moved_on(web, None, "up", 5.0), 5.0)[1] == Return()


def test_auto_returns_at_once() -> None:
    assert returning(pool(), fallen_and_risen(pool()), 20.0)[1] == Return()


def test_hold_waits_its_time_from_the_moment_it_is_up() -> None:
    web = pool(Failback("hold", 60.0))
    past = fallen_and_risen(web)
    _, wait = returning(web, past, 79.9)
    assert (wait.step, wait.at, wait.firm) == ("failback", 80.0, False)
    past, wait = returning(web, past, 80.0)
    assert (past.waiting, wait) == (False, Return())


def test_manual_waits_for_ever() -> None:
    web = pool(Failback("manual"))
    _, wait = returning(web, fallen_and_risen(web), 1e9)
    assert (wait.step, wait.at, wait.firm) == ("failback", None, True)


def test_a_window_opens_once_a_week() -> None:
    web = pool(Failback("window", window=SATURDAY))
    past = fallen_and_risen(web)
    _, wait = returning(web, past, tokyo("2026-11-21T01:59:59"))
    assert (wait.at, wait.firm) == (tokyo("2026-11-21T02:00:00"), True)
    assert returning(web, past, tokyo("2026-11-21T03:59:59"))[1] == Return()
    assert returning(web, past, tokyo("2026-11-21T04:00:00"))[1].at == tokyo("2026-11-28T02:00:00")


def test_a_window_may_last_over_midnight_and_over_a_change_of_clocks() -> None:
    night = Window((6,), 23 * 60, 5 * 60, "Europe/Berlin")  # Sunday 23:00 to Monday 05:00
    monday = datetime(2026, 3, 30, 4, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert opens(night, monday) == monday
    spring = Window((6,), 150, 210, "Europe/Berlin")  # 02:30 does not exist on 29 March 2026
    before = datetime(2026, 3, 29, 0, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert before < opens(spring, before) <= before + 4 * 3600


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("Europe/Berlin", "2026-03-29", 120, 180),
        ("Europe/Berlin", "2026-03-29", 150, 180),
        ("America/New_York", "2026-03-08", 120, 180),
        ("America/New_York", "2026-03-08", 125, 150),
    ],
)
def test_a_window_in_the_hour_that_the_clocks_skip_opens_for_its_length(
    zone: str, day: str, start: int, end: int
) -> None:
    window = Window((6,), start, end, zone)
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp()
    at = opens(window, midnight)
    assert at < midnight + 4 * 3600
    last = at + 60 * (end - start) - 1
    assert (opens(window, at), opens(window, last)) == (at, last)
    assert opens(window, last + 1) > at + 86400


@pytest.mark.parametrize("rule", [Failback("hold", 60.0), Failback()])
def test_what_is_told_of_a_wait_is_the_same_at_any_moment_of_it(rule: Failback) -> None:
    web = pool(rule, None if rule.mode == "hold" else Damping(suppress=1.5))
    past = fallen_and_risen(web)
    told = {returning(web, past, now)[1] for now in (20.0, 25.0, 50.0)}
    assert len(told) == 1
    assert told.pop().step


@given(st.integers(0, 1439), st.integers(0, 1439), st.sets(st.integers(0, 6), min_size=1), st.floats(0, 4e9))
def test_a_window_always_opens_within_eight_days(start: int, end: int, days: set[int], now: float) -> None:
    at = opens(Window(tuple(days), start, end, "America/New_York"), now)
    assert now <= at <= now + 8.1 * 86400
    assert opens(Window(tuple(days), start, end, "America/New_York"), at) == at


def test_the_third_change_in_a_row_is_the_last_for_a_while() -> None:
    web = pool(damping=Damping())
    past = moved_on(web, None, "up", 0.0)
    served = []
    for number, stands in enumerate(("down", "up", "down", "up", "down", "up")):
        past = moved_on(web, past, stands, 10.0 * number)
        if stands == "up":
            past, wait = returning(web, past, 10.0 * number)
            served.append(not wait.step)
    assert served == [True, False, False]
    _, wait = returning(web, past, 50.0)
    assert wait.at is not None
    assert returning(web, past, wait.at - 1)[1].step == "damping"
    assert returning(web, past, wait.at)[1] == Return()


def test_damping_forgets() -> None:
    web = pool(damping=Damping())
    past = moved_on(web, None, "up", 0.0)
    for hour in range(20):
        past = moved_on(web, past, "down", 3600.0 * hour)
        past = moved_on(web, past, "up", 3600.0 * hour + 60)
        past, wait = returning(web, past, 3600.0 * hour + 60)
        assert not wait.step


@pytest.mark.parametrize("first", ["up", "down"])
def test_the_way_out_of_unknown_is_no_change_for_damping(first: Verdict) -> None:
    web = pool(damping=Damping())
    past = moved_on(web, moved_on(web, None, "unknown", 0.0), first, 1.0)
    assert (past.penalty, past.waiting) == (0.0, False)


@pytest.mark.parametrize("before", [(), ("unknown",), ("up", "unknown")])
def test_what_is_seen_down_comes_back_as_failback_says(before: tuple[Verdict, ...]) -> None:
    web, past = pool(Failback("manual")), None
    for second, stands in enumerate((*before, "down", "unknown", "up")):
        past = moved_on(web, past, stands, float(second))
    assert past
    assert returning(web, past, 100.0)[1].step == "failback"


def test_an_up_below_suppress_ends_a_suppression_that_has_decayed() -> None:
    web = pool(damping=Damping())
    past = Past("down", 0.0, "down", penalty=3.5, suppressed=True)
    assert moved_on(web, past, "up", 60.0).suppressed  # 3.05 are more than reuse
    assert not moved_on(web, past, "up", 1800.0).suppressed


def test_what_damping_keeps_until_its_window_has_closed_waits_for_the_next() -> None:
    window = Window(tuple(range(7)), 0, 10, "UTC")  # the first ten minutes of the day
    web = pool(Failback("window", window=window), Damping())
    past = Past("up", 300.0, "down", 3.0, waiting=True, suppressed=True)
    past, wait = returning(web, past, 310.0)
    assert (wait.step, wait.firm) == ("damping", False)
    past, wait = returning(web, past, 1000.0)
    assert (wait.step, wait.at) == ("failback", 86400.0)
    past, wait = returning(web, past, 86400.0)
    assert (wait.step, past.waiting, past.suppressed) == ("", False, False)
