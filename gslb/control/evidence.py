"""What a member's state rests on, as plain values: the steps that made it, and who voted what."""

from collections.abc import Iterator
from typing import Any

from gslb.config.model import Pool
from gslb.health.states import UNKNOWN, AddressState, Belief, TargetKey
from gslb.health.votes import Ballots, votes_on

Json = dict[str, Any]


def steps_view(state: AddressState) -> list[Json]:
    """The steps that had a say, in their order."""
    return [{"step": step.name, "verdict": step.verdict, "why": step.why} for step in state.steps]


def monitors_view(pool: Pool, address: str, belief: Belief, ballots: Ballots) -> list[Json]:
    """What is believed of an address by each monitor of the pool, and the votes: who, what, since when, and why."""
    return [_monitor(TargetKey(name, address), belief, ballots) for name in pool.monitors.of]


def _monitor(key: TargetKey, belief: Belief, ballots: Ballots) -> Json:
    found = belief.get(key, UNKNOWN)
    return {
        "name": key.monitor,
        "verdict": found.verdict,
        "since": found.since,
        "reason": found.reason,
        "calm": found.calm,
        "quorum": not found.no_quorum,
        "votes": [
            {
                "prober": vote.prober,
                "site": vote.site,
                "verdict": vote.seen.verdict,
                "since": vote.seen.since,
                "reason": vote.seen.reason,
            }
            for vote in votes_on(key, ballots)
        ],
    }


def probers_view(ballots: Ballots) -> list[Json]:
    """Every prober whose ballot lives, and whether it sees."""
    return [{"name": one.prober, "site": one.site, "blind": one.blind} for _, one in sorted(ballots.items())]


def evidence_lines(address: Json) -> Iterator[str]:
    """Steps and votes of an address for people; those that say no more than the line of the address are left out."""
    for monitor in address["monitors"]:
        if len(monitor["votes"]) > 1 or not monitor["quorum"]:
            said = [f"{vote['prober']} {vote['verdict']}" for vote in monitor["votes"]]
            kept = "" if monitor["quorum"] else "; no quorum, what was believed before is kept"
            yield f"            votes by {monitor['name']}: {', '.join(said) or 'none'}{kept}"
    if len(address["steps"]) > 1:
        yield from (f"            {step['step']}: {step['verdict']}, {step['why']}" for step in address["steps"])
