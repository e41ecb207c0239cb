"""What a member's state rests on, as plain values: the steps that made it, and who voted what."""

from collections.abc import Iterator
from typing import Any

from gslb.config.model import Pool
from gslb.health.states import UNKNOWN, AddressState, Belief, MemberState, TargetKey
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


def evidence(pool: Pool, member: MemberState, belief: Belief, ballots: Ballots) -> list[Json]:
    """A member's addresses with everything above."""
    return [
        {
            "address": state.address,
            "observed": state.observed,
            "effective": state.effective,
            "steps": steps_view(state),
            "monitors": monitors_view(pool, state.address, belief, ballots),
        }
        for state in member.addresses
    ]


def evidence_lines(member: MemberState, shown: list[Json]) -> Iterator[str]:
    """The same for people."""
    for one in shown:
        yield f"    {member.member} {one['address']}: observed {one['observed']}, effective {one['effective']}"
        for monitor in one["monitors"]:
            for vote in monitor["votes"]:
                why = f": {vote['reason']}" if vote["reason"] else ""
                yield f"      vote of {vote['prober']} by {monitor['name']}: {vote['verdict']}{why}"
            if not monitor["quorum"]:
                yield f"      {monitor['name']}: no quorum, what was believed before is kept"
        for step in one["steps"]:
            yield f"      {step['step']}: {step['verdict']}, {step['why']}"
