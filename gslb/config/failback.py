"""When members that live again are served: failback and its windows, from what stands in the file.

Each parser raises ValueError that says what was expected; who calls adds the place.
"""

import re
from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from gslb.config.document import suggestion
from gslb.config.model import Failback, Window
from gslb.config.values import duration, shown

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EXAMPLE: Final = "Sat 02:00-04:00 Asia/Tokyo"
_WINDOW: Final = re.compile(r"(\S+) +([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2}) +(\S+)")
_DAY: Final = 24 * 60  # minutes
_MAX_HOLD: Final = "72h"


def failback_of(value: object) -> Failback:
    """Of "auto", "manual", {hold: DURATION} or {window: TEXT}."""
    match value:
        case "auto":
            return Failback("auto")
        case "manual":
            return Failback("manual")
        case {"hold": hold, **rest} if not rest:
            seconds = duration(hold)
            if not 0 < seconds <= duration(_MAX_HOLD):
                raise ValueError(f"must hold for more than 0s and at most {_MAX_HOLD} (got {hold})")
            return Failback("hold", seconds)
        case {"window": text, **rest} if not rest:
            return Failback("window", window=window(text))
    raise ValueError(f'must be auto, manual, {{hold: 60s}} or {{window: "{EXAMPLE}"}} (got {shown(value)})')


def window(text: object) -> Window:
    """Of days, a time of day, and a time zone: see EXAMPLE."""
    match = _WINDOW.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'a window is days, a time and a time zone, such as "{EXAMPLE}" (got {shown(text)})')
    start, end = _minutes(match[2], match[3]), _minutes(match[4], match[5])
    if start in (_DAY, end):
        raise ValueError(f"a window must last; the whole day is 00:00-24:00 (got {shown(text)})")
    return Window(_days(match[1]), start, end % _DAY, _zone(match[6]))


def _minutes(hours: str, minutes: str) -> int:
    found = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or found > _DAY:
        raise ValueError(f"there is no time {hours}:{minutes}")
    return found


def _days(text: str) -> tuple[int, ...]:
    """Monday is 0. A range may run over the end of the week."""
    if text == "daily":
        return tuple(range(7))
    return tuple(sorted({day for part in text.split(",") for day in _range(part)}))


def _range(text: str) -> Iterator[int]:
    first, hyphen, last = text.partition("-")
    day, end = _day(first), _day(last if hyphen else first)
    yield day
    while day != end:
        day = (day + 1) % 7
        yield day


def _day(text: str) -> int:
    if text not in DAYS:
        raise ValueError(f"days are Mon to Sun, such as Sat, Mon-Fri, Mon,Wed, or daily (got {shown(text)})")
    return DAYS.index(text)


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        hint = suggestion(text, available_timezones())
        raise ValueError(f"there is no time zone {text[:60]!r}" + (f"; {hint}" if hint else "")) from None
    return text
