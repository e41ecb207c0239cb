"""When an address that stands again is served: failback and damping (semantics section 3, steps 3 and 4). Pure."""

from datetime import UTC, datetime, timedelta
from math import log2
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from gslb.config.model import Damping, Pool, Window
from gslb.health.memory import Past
from gslb.health.states import Verdict

_DAYS: Final = 8  # to look ahead for a window: one more than a week
_LAST_MOMENT: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


class Return(NamedTuple):
    """Why an address that stands must wait: `step` is empty where it need not. `at`: when that may change by itself.

    `firm`: not to be ignored, even where nothing else is left.
    """

    step: str = ""
    why: str = ""
    at: float | None = None
    firm: bool = False


def moved_on(pool: Pool, was: Past | None, stands: Verdict, now: float) -> Past:
    """What is remembered of an address once it stands so at `now`.

    Whatever was seen down comes back as failback says, be it the first that was seen of it: this process may have been
    started meanwhile.
    """
    if was is None:
        return Past(stands, now, stands, waiting=stands == "down" and pool.failback.mode != "auto")
    if was.stands == stands:
        return was
    damping, before = pool.damping, decayed(pool.damping, was, now) if pool.damping else 0.0
    if "unknown" in (was.stands, stands):
        waiting = was.waiting or (stands == "down" and pool.failback.mode != "auto")
        return Past(stands, now, was.served, before, waiting, was.suppressed)
    if stands == "down":
        penalty = before + 1 if damping else 0.0
        return Past(stands, now, was.served, penalty, pool.failback.mode != "auto", was.suppressed)
    if damping is None:
        return Past(stands, now, was.served, 0.0, was.waiting)
    suppressed = before + 1 >= damping.suppress - 1e-9 or (was.suppressed and before >= damping.reuse)
    return Past(stands, now, was.served, before + 1, was.waiting, suppressed)


def decayed(damping: Damping, was: Past, now: float) -> float:
    """The penalty at `now`; it halves every half-life."""
    return was.penalty * 0.5 ** (max(now - was.since, 0.0) / damping.half_life) if was.penalty else 0.0


def returning(pool: Pool, past: Past, now: float) -> tuple[Past, Return]:
    """Whether an address that stands up has to wait; the past with what is over.

    Failback has its say until damping lets go, too: a window may have closed meanwhile.
    """
    if past.waiting:
        wait = _failback(pool, past, now)
        if wait.step:
            return past, wait
    if past.suppressed and pool.damping:
        reuse = pool.damping.reuse
        if decayed(pool.damping, past, now) >= reuse:
            at = past.since + pool.damping.half_life * log2(past.penalty / reuse) + 1e-3
            why = f"suppressed: changed too often (penalty {past.penalty:.2f} then), served again at {shown(at)}"
            return past, Return("damping", why, max(at, now + 1e-3))
    return past._replace(waiting=False, suppressed=False), Return()


def _failback(pool: Pool, past: Past, now: float) -> Return:
    rule = pool.failback
    if rule.mode == "hold" and now < past.since + rule.hold:
        at = past.since + rule.hold
        return Return("failback", f"must stay up for {rule.hold:g} s, until {shown(at)}", at)
    if rule.mode == "manual":
        return Return("failback", "manual: waits for `gslb resume`", None, True)
    if rule.mode == "window" and rule.window and (at := opens(rule.window, now)) > now:
        return Return("failback", f"waits for its window, {shown(at)}", at, True)
    return Return()


def shown(moment: float) -> str:
    """A second of the epoch, for people; those beyond the calendar as its ends."""
    return f"{datetime.fromtimestamp(min(max(moment, 0.0), _LAST_MOMENT), UTC):%Y-%m-%dT%H:%M:%SZ}"


def opens(window: Window, now: float) -> float:
    """When the window is open next; `now` where it is open."""
    zone = ZoneInfo(window.zone)
    today = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = []
    for day in range(-1, _DAYS):
        midnight = today + timedelta(days=day)
        if midnight.weekday() not in window.days:
            continue
        start = _at(midnight, window.start)
        # Where the clocks jump over a part of it, the window is as long as on other days.
        length = (window.end - window.start) % (24 * 60) or 24 * 60
        end = max(_at(midnight + timedelta(days=window.end <= window.start), window.end), start + 60 * length)
        if start <= now < end:
            return now
        if start > now:
            starts.append(start)
    return min(starts)


def _at(midnight: datetime, minute: int) -> float:
    """By the wall clock: on a day when the clocks change, too."""
    return midnight.replace(hour=minute // 60, minute=minute % 60).timestamp()
