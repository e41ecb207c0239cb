"""What the changes of health add up to: failures, MTBF, MTTR and availability (semantics section 3). Pure.

A member is up while any of its addresses is, a pool or a site while any of its members is. Time during which nobody
watched, and time whose state is unknown, counts neither as up nor as down.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from gslb.health.states import AddressState, States

Basis = Literal["observed", "effective"]
State = Literal["up", "down", "unknown", "absent"]  # absent: not in the configuration
By = Literal["member", "pool", "site"]

BASES: Final[tuple[Basis, Basis]] = ("observed", "effective")
STATES: Final[tuple[State, ...]] = ("up", "unknown", "down", "absent")  # the best of a group is the group's
SPANS: Final = {"24h": 86_400.0, "7d": 7 * 86_400.0, "30d": 30 * 86_400.0}
REMOVED: Final = "no longer configured"


class Place(NamedTuple):
    """One address of one member, and which of its two states is meant."""

    pool: str
    member: str
    site: str
    address: str
    what: Basis


class Event(NamedTuple):
    """A place changed its state at `at` (epoch seconds), and why. `number` counts those that are kept, 0 until then."""

    at: float
    pool: str
    member: str
    site: str
    address: str
    what: Basis
    before: State
    after: State
    cause: str
    number: int = 0

    @property
    def place(self) -> Place:
        """Where it happened."""
        return Place(self.pool, self.member, self.site, self.address, self.what)


class Figures(NamedTuple):
    """Seconds up and down within a span, and how often it went down; an outage that reaches into the span counts."""

    up: float = 0.0
    down: float = 0.0
    failures: int = 0

    @property
    def mtbf(self) -> float | None:
        """Mean time between failures: seconds up for each of them. None without any."""
        return self.up / self.failures if self.failures else None

    @property
    def mttr(self) -> float | None:
        """Mean time to recovery: seconds down for each failure. None without any."""
        return self.down / self.failures if self.failures else None

    @property
    def availability(self) -> float | None:
        """MTBF / (MTBF + MTTR), which is up / (up + down). None where neither was seen."""
        known = self.up + self.down
        return self.up / known if known else None


class Row(NamedTuple):
    """The figures of one member (pool, member, site), pool (pool) or site (site) over one of SPANS."""

    by: By
    pool: str
    member: str
    site: str
    span: str
    observed: Figures
    effective: Figures


class History(NamedTuple):
    """What was recorded. Places have numbers; `first` and `last` are the states before and after all moves.

    `moves` are (epoch second, number of the place, state from then on) in the order in which they happened; `watched`
    are the times (from, until) for which they tell everything.
    """

    places: Mapping[int, Place]
    first: Mapping[int, State]
    last: Mapping[int, State]
    moves: Iterable[tuple[float, int, State]]
    watched: Iterable[tuple[float, float]]


def changes(before: States, after: States, at: float) -> Iterator[Event]:
    """Every state of an address that is another in `after`. Pools that are the same object are not looked at."""
    old, new = dict(_addresses(before, after)), dict(_addresses(after, before))
    for key in {**old, **new}:
        was, now = old.get(key), new.get(key)
        for what in BASES:
            first, then = _state(was, what), _state(now, what)
            if first != then:
                yield Event(at, *key, what, first, then, cause(now, what))


def cause(state: AddressState | None, what: Basis) -> str:
    """Why an address is in one of its two states; the observed one is for what the monitors say. None: it is gone."""
    if state is None:
        return REMOVED
    if what == "effective":
        return state.reason
    steps = "; ".join(step.why for step in reversed(state.steps) if step.why)  # they stand before what monitors say
    return state.reason.removeprefix(steps).removeprefix("; ")


def report(history: History, now: float) -> list[Row]:
    """The figures of everything that is configured still, over each of SPANS until `now`; members first, then pools."""
    watch = _Watch(history.watched)
    starts = [watch.seconds(now - span) for span in SPANS.values()]
    groups: _Groups = {}
    belongs = {number: _groups_of(place, groups, starts) for number, place in history.places.items()}
    states = {**history.last, **history.first}
    for number, members in belongs.items():
        for group in members:
            group.counts[states[number]] += 1
    for at, number, state in history.moves:
        moment = watch.seconds(min(at, now))
        for group in belongs[number]:
            group.move(states[number], state, moment)
        states[number] = state
    end = watch.seconds(now)
    for bases in groups.values():
        for group in bases.values():
            group.close(end)
    return [*_rows(groups)]


def _addresses(these: States, those: States) -> Iterator[tuple[tuple[str, str, str, str], AddressState]]:
    for pool, members in these.items():
        if those.get(pool) is not members:
            for member in members.values():
                for state in member.addresses:
                    yield (pool, member.member, member.site, state.address), state


def _state(state: AddressState | None, what: Basis) -> State:
    if state is None:
        return "absent"
    return state.observed if what == "observed" else state.effective


class _Watch:
    """Turns moments into the seconds that were watched until then, so that the others take no time at all."""

    def __init__(self, watched: Iterable[tuple[float, float]]) -> None:
        self._begins: list[float] = []
        self._ends: list[float] = []
        self._before: list[float] = []
        total = 0.0
        for begin, end in sorted(watched):
            begin = max(begin, self._ends[-1]) if self._ends else begin  # a clock that stepped back made them overlap
            if end > begin:
                self._begins.append(begin)
                self._ends.append(end)
                self._before.append(total)
                total += end - begin

    def seconds(self, moment: float) -> float:
        at = bisect_right(self._begins, moment) - 1
        return self._before[at] + min(moment, self._ends[at]) - self._begins[at] if at >= 0 else 0.0


class _Group:
    """Places that back each other up: their common state as it moves, added up over each span."""

    __slots__ = ("_since", "_tallies", "counts")

    def __init__(self, starts: Sequence[float]) -> None:
        self.counts: dict[State, int] = dict.fromkeys(STATES, 0)
        self._since = 0.0
        self._tallies = [_Tally(start) for start in starts]

    @property
    def state(self) -> State:
        counts = self.counts
        return "up" if counts["up"] else "unknown" if counts["unknown"] else "down" if counts["down"] else "absent"

    @property
    def present(self) -> bool:
        return self.state != "absent"

    def move(self, before: State, after: State, moment: float) -> None:
        was = self.state
        self.counts[before] -= 1
        self.counts[after] += 1
        if self.state != was:
            self._add(was, moment)

    def close(self, end: float) -> None:
        self._add(self.state, end)

    def figures(self) -> list[Figures]:
        return [tally.figures for tally in self._tallies]

    def _add(self, state: State, moment: float) -> None:
        for tally in self._tallies:
            tally.add(state, self._since, moment)
        self._since = max(self._since, moment)


class _Tally:
    """One span of a group: how long it was up and down from `start` on."""

    __slots__ = ("_latest", "_start", "figures")

    def __init__(self, start: float) -> None:
        self._start = start
        self._latest: State = "absent"  # the last of up and down that was seen
        self.figures = Figures()

    def add(self, state: State, begin: float, end: float) -> None:
        length = end - max(begin, self._start)
        if length <= 0 or state not in ("up", "down"):
            return
        up, down, failures = self.figures
        if state == "up":
            self.figures = Figures(up + length, down, failures)
        else:
            self.figures = Figures(up, down + length, failures + (self._latest != "down"))
        self._latest = state


_Key = tuple[By, str, str, str]  # kind, pool, member, site
_Groups = dict[_Key, dict[Basis, _Group]]


def _groups_of(place: Place, groups: _Groups, starts: Sequence[float]) -> list[_Group]:
    keys: tuple[_Key, ...] = (
        ("member", place.pool, place.member, place.site),
        ("pool", place.pool, "", ""),
        ("site", "", "", place.site),
    )
    found = []
    for key in keys:
        if key not in groups:
            groups[key] = {what: _Group(starts) for what in BASES}
        found.append(groups[key][place.what])
    return found


def _rows(groups: _Groups) -> Iterator[Row]:
    for key in sorted(groups, key=lambda key: ("member", "pool", "site").index(key[0])):
        observed, effective = groups[key]["observed"], groups[key]["effective"]
        if observed.present:
            for span, seen, served in zip(SPANS, observed.figures(), effective.figures(), strict=True):
                yield Row(*key, span, seen, served)
