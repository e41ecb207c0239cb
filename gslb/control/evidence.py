"""What a member's state rests on, as plain values: what was observed, who voted what, and each step that had a say."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from gslb.config.model import Pool
from gslb.health.record import cause
from gslb.health.states import UNKNOWN, AddressState, Belief, TargetKey
from gslb.health.votes import Ballots, votes_on

Json = dict[str, Any]


def evidence(pool: Pool, state: AddressState, checked: str, belief: Belief, ballots: Ballots) -> Json:
    """`steps`: what was observed, then all that had a say. `monitors`: what each believes of the address that is
    probed for this one, `checked`, and its votes."""
    monitors = [monitor_view(TargetKey(name, checked), belief, ballots) for name in pool.monitors.of]
    steps = [_observed(pool, state, monitors)]
    steps += [{"step": step.name, "verdict": step.verdict, "since": None, "why": step.why} for step in state.steps]
    return {"checked": checked, "steps": steps, "monitors": monitors}


def _observed(pool: Pool, state: AddressState, monitors: Sequence[Json]) -> Json:
    why = cause(state, "observed") if monitors else "the pool has no monitors"
    since = _since(pool, state, monitors)
    return {"step": "observed", "verdict": state.observed, "since": since, "why": why}


def _since(pool: Pool, state: AddressState, monitors: Sequence[Json]) -> float | None:
    """Since when enough monitors hold the verdict that was observed; None where that is not known."""
    least = pool.monitors.at_least
    enough = {"up": least, "down": len(monitors) - least + 1}.get(state.observed, 0)
    times = sorted(one["since"] for one in monitors if one["verdict"] == state.observed)
    return times[enough - 1] if 0 < enough <= len(times) else None


def monitor_view(key: TargetKey, belief: Belief, ballots: Ballots) -> Json:
    """What is believed of one target of a monitor, and who voted what."""
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


def place_text(address: Json) -> str:
    """An address as people read it, with the one that is probed for it where that is another."""
    where = address["checked"]
    return address["address"] if where == address["address"] else f"{address['address']} (checked at {where})"


def probers_view(ballots: Ballots) -> list[Json]:
    """Every prober whose ballot lives, and whether it sees."""
    return [{"name": one.prober, "site": one.site, "blind": one.blind} for _, one in sorted(ballots.items())]


def evidence_lines(address: Json, now: float) -> Iterator[str]:
    """The evidence on an address for people: what was observed, the votes of each monitor, then the other steps."""
    observed, *steps = address["steps"]
    since = f" since {moment(observed['since'], now)}" if observed["since"] is not None else ""
    yield f"observed: {observed['verdict']}{since}{_tail(observed['why'])}"
    for monitor in address["monitors"]:
        said = ", ".join(_vote(vote, now) for vote in monitor["votes"]) or "none"
        kept = "" if monitor["quorum"] else "; no quorum, what was believed before is kept"
        believed = f"; believed: {monitor['verdict']}" if kept or len(address["monitors"]) > 1 else ""
        yield f"votes by {monitor['name']}: {said}{kept}{believed}"
    yield from (f"{step['step']}: {step['verdict']}{_tail(step['why'])}" for step in steps)


def _vote(vote: Json, now: float) -> str:
    since = "" if vote["verdict"] == "unknown" else f" since {moment(vote['since'], now)}"
    return f"{vote['prober']} {vote['verdict']}{since}" + (f" ({vote['reason']})" if vote["reason"] else "")


def _tail(why: str) -> str:
    return f", {why}" if why else ""


def moment(at: float, now: float | None = None) -> str:
    """A time (epoch seconds) in UTC; without its date where that is today's at `now`."""
    then = datetime.fromtimestamp(at, UTC)
    today = now is not None and then.date() == datetime.fromtimestamp(now, UTC).date()
    return f"{then:%H:%M:%SZ}" if today else f"{then:%Y-%m-%d %H:%M:%SZ}"
