"""What the lab's agent measured, second by second, and whether all of it is in the database.

The agent writes each value that it takes into a file beside sending it (etc/zabbix_agentd.conf): so what it took, what
it did not take because it waited for a server, and what was lost are three different things.
"""

import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from deploy.lab import insight
from deploy.lab.plan import CENTRES, OUTSIDE

FILE = OUTSIDE.host("agent").folder / "beats"
UNWRITTEN = 3.0  # seconds of values that a server has acknowledged and not yet written; they end with it
_REGULAR = 2.5  # seconds between two values of one that waits for nothing


class Pause(NamedTuple):
    """The agent took no value, since it tries to connect and measures one after the other. Monotonic seconds."""

    begun: float
    seconds: float


class Beats(NamedTuple):
    """Of a time: how many values were taken, the moments of those that are not in the database, and the pauses."""

    taken: int
    missing: Sequence[float]
    pauses: Sequence[Pause]

    def unexplained(self, doomed: tuple[float, float] | None) -> list[float]:
        """Those missing that no server forgot; `doomed` are the moments between which one did, None = none did."""
        return [when for when in self.missing if doomed is None or not doomed[0] <= when <= doomed[1]]


def beats(since: float, until: float, seconds: float = 30.0) -> Beats:
    """Of the time between two moments (monotonic). What is missing may come for so many seconds more."""
    offset = time.time() - time.monotonic()
    low, high = (int((moment + offset) * 1000) for moment in (since, until))
    noted = FILE.read_text().split() if FILE.exists() else []  # an agent that was started just now has taken nothing
    taken = [number for number in map(int, noted) if low <= number <= high]
    deadline = time.monotonic() + seconds
    while (missing := set(taken) - _stored(low, high)) and time.monotonic() < deadline:
        time.sleep(1)
    moments = [number / 1000 - offset for number in taken]
    return Beats(len(taken), sorted(number / 1000 - offset for number in missing), pauses(moments))


def pauses(moments: Iterable[float]) -> list[Pause]:
    """Where values are further apart than they should be."""
    return [Pause(one, two - one) for one, two in pairwise(moments) if two - one > _REGULAR]


def _stored(low: int, high: int) -> set[int]:
    turn = insight.view().site
    query = (
        "SELECT value FROM history_uint JOIN items USING (itemid)"
        f" WHERE key_ = 'lab.beat' AND value BETWEEN {low} AND {high}"
    )
    return set(map(int, insight.sql(next(site for site in CENTRES if site.name == turn), query).split()))
