"""What nodes owe in which circumstances (semantics section 7, docs/nodes.md), and which answers broke it.

An address that died has to be gone after the bound. Nothing is owed while a node cannot know: its control process is
not at work, fewer than two probers see and vote, or, without the store, its own does not. Such a time puts off what was
not due before it began until its end, which is 5 s after the repair; what was due stays due. Where something that the
store needs fails meanwhile, 3 s are added.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.e2e.lab.oracle import Answer, Fault
from tests.e2e.lab.outages import PAUSE, Layout, Outage, Weather
from tests.e2e.lab.truth import Limits, Moment, Truth

Span = tuple[float, float]
QUORUM = 2  # min_votes of three probers
SLOW = 3.0  # seconds for another leader, or another endpoint
ALONE = 5.0  # seconds until the own votes decide without the store
SHOWN = 0.5  # seconds from belief to answers
_FOREVER = float("inf")


class Slow(NamedTuple):
    """From `begin` to `end` the store may need `more` seconds; votes are counted again `then` seconds after `begin`."""

    begin: float
    end: float
    more: float
    then: float


class Debt(NamedTuple):
    """When nothing is owed at all, and when it is owed later."""

    free: Sequence[Span]
    slow: Sequence[Slow]


def due(since: float, bound: float, debt: Debt) -> float:
    """When what happened at `since` has to show in answers."""
    at, before = since + bound, 0.0
    while at != before:
        before = at
        for slow in debt.slow:
            if slow.begin <= at and slow.end > since:
                at = max(at, since + bound + slow.more, slow.begin + slow.then + SHOWN)
        for begin, end in debt.free:
            if begin <= at and end > since:
                at = max(at, end)
    return at


class Owed:
    """Judges answers at a name of policy `all`, when truth and outages do not change any more."""

    def __init__(self, layout: Layout, outages: Sequence[Outage], truth: Truth, limits: Limits) -> None:
        self._layout = layout
        self._truth = truth
        self._limits = limits
        self._outages = sorted(outages, key=lambda one: one.begin)
        edges = {0.0} | {edge for one in outages for edge in (one.begin, one.end, one.end + PAUSE)}
        self._edges = sorted(edges - {_FOREVER})
        self._weathers = [self._weather(at, PAUSE) for at in self._edges]
        self._actual = [self._weather(at, 0.0) for at in self._edges]
        self.checked: Counter[str] = Counter()  # how many answers could have been wrong, of each kind
        keys = [(node, address) for node in layout.answering for address in truth.addresses]
        self._dead = {key: self._overdue(*key, limits.bound, lambda m: bool(m.dead), self._death(*key)) for key in keys}
        self._drained = {
            key: self._overdue(*key, limits.drain, lambda m: bool(m.drains), self._message(key[0])) for key in keys
        }
        self._good = {key: self._sure(*key) for key in keys}
        self._open = {
            address: list(_stretches(truth.moments(address), lambda m: not (m.drains or m.doubts)))
            for address in truth.addresses
        }

    def _weather(self, at: float, pause: float) -> Weather:
        return Weather(self._layout, (one for one in self._outages if one.begin <= at < one.end + pause))

    def _spans(self, holds: Callable[[Weather, Weather], bool]) -> list[Span]:
        """When something holds of what surely works and what works by itself."""
        found: list[Span] = []
        ends = [*self._edges[1:], _FOREVER]
        for begin, end, sure, actual in zip(self._edges, ends, self._weathers, self._actual, strict=True):
            if holds(sure, actual):
                joined = found and found[-1][1] == begin
                found.append((found.pop()[0] if joined else begin, end))
        return found

    def _knows(self, sure: Weather, node: str, address: str = "") -> bool:
        """Whether a node finds out what becomes of a target; of one that comes back where an address is given."""
        near = {site for site in self._layout.probers if not address or sure.near(site, address)}
        if not sure.works(node):
            return False
        if sure.touches(node):
            return len(near.intersection(sure.voters)) >= QUORUM
        return node in near and sure.sees(node)

    def _death(self, node: str, _: str) -> Debt:
        free = self._spans(lambda sure, actual: not self._knows(sure, node) or self._returns(sure, actual, node))
        return Debt(free, [*self._slow(node), *self._alone(node)])

    def _slow(self, node: str) -> list[Slow]:
        """When the store may be slow for a node, or slow to tell it what others found."""
        return [_slow(one) for one in self._outages if one.slow and self._concerns(one, node)]

    def _concerns(self, outage: Outage, node: str) -> bool:
        """Whether an outage is on a node's way to the store, or on that of a prober which is needed."""
        whose = self._layout.node_at(outage.place) or self._layout.node_at(outage.to)
        if not whose or whose == node:
            return True
        others = set(self._weather(outage.begin, PAUSE).voters) - {whose}
        return len(others) < QUORUM

    def _alone(self, node: str) -> list[Slow]:
        """When a node loses the store: its own votes are to decide."""
        lost = self._spans(lambda _, actual: not actual.touches(node))
        return [Slow(begin, begin + ALONE, SLOW, ALONE) for begin, _ in lost]

    def _returns(self, sure: Weather, actual: Weather, node: str) -> bool:
        """Whether the store is on its way back."""
        return actual.touches(node) and not sure.touches(node)

    def _message(self, node: str) -> Debt:
        """Of what is written to the store."""
        return Debt(self._spans(lambda sure, _: not (sure.works(node) and sure.touches(node))), self._slow(node))

    def _overdue(
        self, node: str, address: str, bound: float, holds: Callable[[Moment], bool], debt: Debt
    ) -> list[Span]:
        """When a node must not answer with an address any more."""
        spans = _stretches(self._truth.moments(address), holds)
        return [(at, end) for begin, end in spans if (at := due(begin, bound, debt)) < end]

    def _sure(self, node: str, address: str) -> list[Span]:
        """When a node has to answer with an address: it lives undrained, and that was due."""
        free = self._spans(
            lambda sure, actual: not self._knows(sure, node, address) or self._returns(sure, actual, node)
        )
        debt = Debt(free, [*self._slow(node), *self._alone(node)])
        spans = _stretches(self._truth.moments(address), lambda moment: moment.good)
        sure = [(due(begin, self._limits.back, debt) if begin else 0.0, end) for begin, end in spans]
        fooled = self._spans(lambda weather, _: self._fooled(weather, node, address))
        return [part for span in sure if span[0] < span[1] for part in _without(span, fooled)]

    def _fooled(self, weather: Weather, node: str, address: str) -> bool:
        """Whether those who decide may be kept from a target that lives."""
        far = [site for site in self._layout.probers if not weather.near(site, address)]
        return len(far) >= QUORUM or (not weather.touches(node) and node in far)

    def _at(self, answer: Answer, now: float, judged: Counter[str]) -> Mapping[str, set[str]]:
        """The kinds of faults of an answer at that time, and their addresses; see Judge.faults()."""
        node, given = answer.node, set(answer.addresses)
        addresses = self._truth.addresses
        good = {a for a in addresses if _within(self._good[node, a], now)}
        dead = {a for a in addresses if good - {a} and _within(self._dead[node, a], now)}
        undrained = {a for a in addresses if _within(self._open[a], now)}
        drained = {a for a in addresses if undrained and _within(self._drained[node, a], now)}
        judged.update(stale=bool(dead), drained=bool(drained), missing=bool(good), empty=1)
        empty = set() if given else {"none"}
        return {"stale": dead & given, "drained": drained & given, "missing": good - given, "empty": empty}

    def faults(self, answers: Iterable[Answer]) -> list[Fault]:
        """What was wrong both when it was asked for and when it came."""
        found = []
        for answer in (one for one in answers if one.rcode == 0):
            faults = self._at(answer, answer.sent, self.checked)
            if any(faults.values()):
                later = self._at(answer, answer.received, Counter())
                both = {kind: sorted(those & later[kind]) for kind, those in faults.items()}
                found += [Fault(kind, answer, those) for kind, those in both.items() if those]
        return found


def _slow(one: Outage) -> Slow:
    """A path that loses some frames is slow as long as it does."""
    lasts = one.kind == "path" and one.share < 1
    return Slow(one.begin, (one.end if lasts else one.begin) + one.slow, one.slow, one.slow)


def _stretches(moments: Sequence[Moment], holds: Callable[[Moment], bool]) -> Iterator[Span]:
    """From when to when something holds without a break."""
    begin = None
    for moment in moments:
        if holds(moment) and begin is None:
            begin = moment.since
        elif not holds(moment) and begin is not None:
            yield begin, moment.since
            begin = None
    if begin is not None:
        yield begin, _FOREVER


def _without(span: Span, others: Iterable[Span]) -> Iterator[Span]:
    """What is left of a stretch of time; `others` are in order."""
    begin, end = span
    for first, last in others:
        if first < end and last > begin:
            if begin < first:
                yield begin, first
            begin = max(begin, last)
    if begin < end:
        yield begin, end


def _within(spans: Sequence[Span], now: float) -> bool:
    at = bisect_right(spans, now, key=lambda span: span[0]) - 1
    return at >= 0 and now < spans[at][1]
