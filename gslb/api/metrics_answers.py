"""Families of /metrics that tell where clients are sent: by zone, by name and site, and the shares of members."""

from collections.abc import Iterator, Mapping

from gslb.api.families import Family, Sample, buckets, labelled
from gslb.config.model import Pool
from gslb.health.states import MemberState, States
from gslb.server.stats import BATCH_BOUNDS
from gslb.server.tallies import Tallied

_BY_WEIGHT = ("weighted", "hash", "capacity")


def answer_families(tallied: Tallied) -> Iterator[Family]:
    """What was asked in each zone, and what pools answered with."""
    zones = (Sample(labelled(zone=zone, type=rtype), count) for (zone, rtype), count in tallied.zones.items())
    text = "Replies by the zone of their name and the type that was asked for; other: refused, no zone of ours."
    yield Family("zone_queries", "counter", text, zones)
    answers = (
        Sample(labelled(zone=zone, name=name, site=site), count)
        for (zone, name, site), count in tallied.answers.items()
    )
    text = "Answers of pools by name and site; site is empty where they are of several sites, or of none that lives."
    yield Family("answers", "counter", text, answers)


def duration_family(totals: Mapping[str, int]) -> Family:
    """How long clients of UDP waited inside the node."""
    counts = [totals[f"udp_within_{bound}us"] for bound in BATCH_BOUNDS] + [totals["udp_beyond"]]
    cumulative = [sum(counts[: at + 1]) for at in range(len(counts))]
    bounds = [str(bound / 1e6) if bound >= 100 else f"{bound / 1e6:.5f}" for bound in BATCH_BOUNDS]
    text = "Time from receiving datagrams to having sent the replies of their batch, counted for each of them."
    return Family(
        "reply_duration_seconds", "histogram", text, buckets("", bounds, cumulative, totals["udp_batch_us"] / 1e6)
    )


def share_families(states: States, pools: Mapping[str, Pool]) -> Iterator[Family]:
    """The part of a pool's clients that each member is to have, and the part that it has as things are.

    By weights, so only for policies that go by them; of `failover` the preferred members, of `all` everyone.
    """
    configured, served = [], []
    for name, members in states.items():
        pool = pools[name]
        if pool.policy == "nearest":
            continue
        wished = _shares(pool, {member.name: 1.0 for member in pool.members})
        had = _shares(pool, {member: _part(state) for member, state in members.items()})
        for member, state in members.items():
            labels = labelled(pool=name, member=member, site=state.site)
            configured.append(Sample(labels, round(wished[member], 6)))
            served.append(Sample(labels, round(had[member], 6)))
    text = "The part of the pool's clients that the configuration gives a member while all of them live."
    yield Family("member_share_configured", "gauge", text, configured)
    text = "The part of the pool's clients that a member gets now, by health, drains and ramps; all 0: nothing lives."
    yield Family("member_share", "gauge", text, served)


def _part(state: MemberState) -> float:
    """The part of its weight that a member has."""
    if not state.live:
        return 0.0
    return state.share * (1 - state.percent / 100 if state.drain and not state.drained else 1.0)


def _shares(pool: Pool, parts: Mapping[str, float]) -> dict[str, float]:
    """Each member's share, where it has so much of its weight."""
    live = [member for member in pool.members if parts[member.name] > 0]
    if pool.policy == "failover" and live:
        ranks = [member.priority or at for at, member in enumerate(pool.members, 1)]
        best = min(rank for member, rank in zip(pool.members, ranks, strict=True) if member in live)
        weights = {m.name: float(m in live and rank == best) for m, rank in zip(pool.members, ranks, strict=True)}
    else:
        by_weight = pool.policy in _BY_WEIGHT and any(member.weight for member in live)
        weights = {m.name: parts[m.name] * (m.weight if by_weight else 1) for m in pool.members}
    total = sum(weights.values())
    return {name: weight / total if total else 0.0 for name, weight in weights.items()}
