"""Verdicts as probers publish them: each prober's ballot, its votes, as long as its lease lasts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gslb.config.model import Pool
from gslb.health.states import UNKNOWN, Belief, Observation, TargetKey


class Ballot(NamedTuple):
    """All votes of one prober. A blind prober has withdrawn them: `blind` says why, and `verdicts` is empty."""

    prober: str
    site: str
    verdicts: Belief
    blind: str = ""


class Vote(NamedTuple):
    """What one prober holds of one target."""

    prober: str
    site: str
    seen: Observation


Ballots = Mapping[str, Ballot]
"""The live ballots, by prober: one whose lease has run out is not among them."""


def votes_on(key: TargetKey, ballots: Ballots) -> list[Vote]:
    """The votes on a target, in the order of the probers' names; a prober that does not probe it has none."""
    return [
        Vote(name, ballot.site, ballot.verdicts[key])
        for name, ballot in sorted(ballots.items())
        if not ballot.blind and key in ballot.verdicts
    ]


def voters(ballots: Ballots) -> Iterator[Ballot]:
    """Those who see."""
    return (ballot for ballot in ballots.values() if not ballot.blind)


def calls_down(ballot: Ballot, pool: Pool, address: str) -> bool:
    """Whether by this ballot alone too few monitors of the pool can pass at an address."""
    monitors = pool.monitors
    down = [ballot.verdicts.get(TargetKey(name, address), UNKNOWN).verdict for name in monitors.of].count("down")
    return len(monitors.of) - down < monitors.at_least


def told(votes: Sequence[Vote]) -> str:
    """The votes in one line, for people: `tokyo-1 down (timeout), osaka-1 up`."""
    return ", ".join(
        f"{vote.prober} {vote.seen.verdict}" + (f" ({vote.seen.reason})" if vote.seen.reason else "") for vote in votes
    )
