"""How things really are: which addresses are dead or drained, since when; and what is wrong about an answer."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import NamedTuple


class Moment(NamedTuple):
    """From a time on, why an address does not live, who has drained it, and why either answer is right."""

    since: float
    dead: frozenset[str] = frozenset()
    drains: frozenset[str] = frozenset()
    doubts: frozenset[str] = frozenset()

    @property
    def good(self) -> bool:
        """Whether it should be answered."""
        return not (self.dead or self.drains or self.doubts)


_NEVER = [Moment(0.0, frozenset({"nobody knows it"}))]


class Truth:
    """All times are monotonic seconds. Addresses live from the beginning, undrained, until told otherwise."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._moments = {address: [Moment(0.0)] for address in addresses}
        self._lock = Lock()

    @property
    def addresses(self) -> list[str]:
        return list(self._moments)

    def moments(self, address: str) -> list[Moment]:
        """All that became of an address, in order."""
        return self._moments[address]

    def times(self) -> set[float]:
        """When anything changed."""
        return {moment.since for moments in self._moments.values() for moment in moments}

    def die(self, addresses: Iterable[str], cause: str, when: float) -> None:
        """They are dead from then on; an address lives again when all causes have ended."""
        self._change(addresses, when, lambda last: last._replace(dead=last.dead | {cause}))

    def live(self, addresses: Iterable[str], cause: str, when: float) -> None:
        """The cause has ended."""
        self._change(addresses, when, lambda last: last._replace(dead=last.dead - {cause}))

    def drained(self, addresses: Iterable[str], ident: str, when: float) -> None:
        """A drain was acknowledged."""
        self._change(addresses, when, lambda last: last._replace(drains=last.drains | {ident}))

    def undrained(self, addresses: Iterable[str], ident: str, when: float) -> None:
        """A drain was cancelled, or ran out: call it when that was asked for, since then either answer is right."""
        self._change(addresses, when, lambda last: last._replace(drains=last.drains - {ident}))

    def doubt(self, addresses: Iterable[str], cause: str, when: float) -> None:
        """From then on nobody has to answer with them: a drain was asked for, and is not acknowledged yet."""
        self._change(addresses, when, lambda last: last._replace(doubts=last.doubts | {cause}))

    def sure(self, addresses: Iterable[str], cause: str, when: float) -> None:
        """The doubt has ended."""
        self._change(addresses, when, lambda last: last._replace(doubts=last.doubts - {cause}))

    def _change(self, addresses: Iterable[str], when: float, change: Callable[[Moment], Moment]) -> None:
        # Two threads may tell of the same instant out of order by a hair: time never goes back here.
        with self._lock:
            for address in addresses:
                moments = self._moments[address]
                moments.append(change(moments[-1])._replace(since=max(when, moments[-1].since)))

    def dead_for(self, address: str, now: float) -> float:
        """How long it had been dead without a break; 0.0 where it lived."""
        return self._lasted(address, now, lambda moment: bool(moment.dead))

    def drained_for(self, address: str, now: float) -> float:
        """How long it had been drained without a break; 0.0 where it was not."""
        return self._lasted(address, now, lambda moment: bool(moment.drains))

    def good_for(self, address: str, now: float) -> float:
        """How long it had lived undrained without a break; 0.0 where it did not."""
        return self._lasted(address, now, lambda moment: moment.good)

    def _lasted(self, address: str, now: float, holds: Callable[[Moment], bool]) -> float:
        moments = self._moments.get(address, _NEVER)
        at = bisect_right(moments, now, key=lambda moment: moment.since) - 1
        begun = None
        while at >= 0 and holds(moments[at]):
            begun = moments[at].since
            at -= 1
        return now - begun if begun is not None else 0.0


class Limits(NamedTuple):
    """What nodes are allowed: seconds until a dead address is gone, a drained one, and until a living one is back."""

    bound: float
    drain: float = 2.0
    back: float = 10.0


class Judge:
    """What is wrong about answers at a name of policy `all`, by a truth that does not change any more."""

    def __init__(self, truth: Truth, limits: Limits) -> None:
        self._truth = truth
        self._limits = limits
        self._turns = sorted({since + after for since in truth.times() for after in (0.0, *limits)})
        self._known: dict[tuple[int, tuple[str, ...]], Mapping[str, list[str]]] = {}

    def faults(self, addresses: Iterable[str], sent: float) -> Mapping[str, list[str]]:
        """The faults of an answer to a query sent at that time, and the addresses that are at fault.

        `stale`: dead for longer than the bound, while another one lived that could have been answered.
        `drained`: drained for longer than the grace, while another one was not.
        `missing`: lived undrained for long enough to be back, and is not in the answer.
        `empty`: no address at all.
        """
        turn = bisect_right(self._turns, sent) - 1
        key = turn, tuple(addresses)
        if key not in self._known:  # between two turns nothing changes: a million answers are judged once each
            self._known[key] = self._faults(set(key[1]), self._turns[turn] + 1e-6)
        return self._known[key]

    def _faults(self, given: set[str], now: float) -> Mapping[str, list[str]]:
        if not given:
            return {"empty": []}
        truth, limits = self._truth, self._limits
        good = {a for a in truth.addresses if truth.good_for(a, now) > limits.back}
        undrained = {a for a in truth.addresses if not truth.drained_for(a, now)}
        faults = {
            "stale": [a for a in given if good - {a} and truth.dead_for(a, now) > limits.bound],
            "drained": [a for a in given if undrained and truth.drained_for(a, now) > limits.drain],
            "missing": good - given,
        }
        return {kind: sorted(found) for kind, found in faults.items() if found}
