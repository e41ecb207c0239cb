"""From votes to belief (semantics section 2).

    a strict majority of the voters says down, and there are `min_votes` voters     down
    a strict majority of the voters says up, and there are `min_votes` voters       up
    anything else: too few voters, a tie, nobody knows                              as before, flagged `no_quorum`

A voter that has no verdict yet counts among the voters. With one prober the majority is that one.
"""

from collections.abc import Mapping
from dataclasses import replace

from gslb.config.model import Monitor
from gslb.health.states import UNKNOWN, Belief, Observation, TargetKey
from gslb.health.votes import Ballot, Ballots, Vote, told, voters, votes_on


def believe(
    monitors: Mapping[str, Monitor], sites: Mapping[TargetKey, str], ballots: Ballots, former: Belief
) -> dict[TargetKey, Observation]:
    """What is believed of every target in `sites` (target -> site of its member).

    `former` is the belief before. Where nothing changed, the very same objects come back: what compares them is quick.
    """
    seeing = list(voters(ballots))
    if len(seeing) == 1:
        return _single(monitors, sites, seeing[0], former)
    return {
        key: decide(monitors[key.monitor], site, votes_on(key, ballots), former.get(key, UNKNOWN))
        for key, site in sites.items()
    }


def _single(
    monitors: Mapping[str, Monitor], sites: Mapping[TargetKey, str], voter: Ballot, former: Belief
) -> dict[TargetKey, Observation]:
    """One voter's verdicts are the belief, wherever one vote is enough: as they are, without being written anew."""
    alone = {name for name, monitor in monitors.items() if monitor.min_votes <= 1 and monitor.self_vote}
    belief = {}
    for key, site in sites.items():
        own, before = voter.verdicts.get(key, UNKNOWN), former.get(key, UNKNOWN)
        if key.monitor not in alone or own.verdict == "unknown" or own.verdict == before.verdict:
            belief[key] = (
                before
                if own == before and key.monitor in alone
                else decide(monitors[key.monitor], site, _one(key, voter), before)
            )
        else:
            belief[key] = own
    return belief


def _one(key: TargetKey, voter: Ballot) -> list[Vote]:
    return [Vote(voter.prober, voter.site, voter.verdicts[key])] if key in voter.verdicts else []


def decide(monitor: Monitor, site: str, votes: list[Vote], former: Observation) -> Observation:
    """What is believed of one target at `site`, by its votes."""
    if not monitor.self_vote:
        votes = [vote for vote in votes if vote.site != site]
    majority = max(len(votes) // 2 + 1, monitor.min_votes)
    for verdict in ("down", "up"):
        agreeing = [vote for vote in votes if vote.seen.verdict == verdict]
        if len(agreeing) < len(votes) // 2 + 1 or len(votes) < monitor.min_votes:
            continue
        calm = all(vote.seen.calm for vote in votes)
        reason = _reason(agreeing, votes)
        if former.verdict == verdict:
            since = former.since
        else:
            since = sorted(vote.seen.since for vote in agreeing)[min(majority, len(agreeing)) - 1]
        found = Observation(agreeing[0].seen.verdict, since, reason, calm)
        return former if found == former else found
    return _keep(former, votes)


def _reason(agreeing: list[Vote], votes: list[Vote]) -> str:
    """What the voters of the majority saw; who, where there are several."""
    if len(votes) == 1:
        return votes[0].seen.reason
    return told(votes) if agreeing[0].seen.verdict == "down" else ""


def _keep(former: Observation, votes: list[Vote]) -> Observation:
    """The last belief, flagged; it is calm no longer than the voters are. Before the first verdict nothing is kept."""
    if former.verdict == "unknown" and all(vote.seen.verdict == "unknown" for vote in votes):
        return former
    calm = all(vote.seen.calm for vote in votes) if votes else former.calm
    return former if former.no_quorum and former.calm == calm else replace(former, no_quorum=True, calm=calm)
