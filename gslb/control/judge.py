"""What became of each pool of a rule, in words. It retells the decisions that gslb/table/leaves.py has compiled."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from gslb.dns.message import AAAA, CNAME, A
from gslb.table.entries import ChainSpec
from gslb.table.leaves import deciding, first_below
from gslb.table.poolview import PoolView

BELOW: Final = "below min_up"

_WANTED: Final = {A: "IPv4 address", AAAA: "IPv6 address", CNAME: "name"}


class Finding(NamedTuple):
    """`outcome` is one of: serving, below min_up (and serving), passed over, not reached, not ready, all down."""

    outcome: str
    why: str


def judge(spec: ChainSpec, views: Sequence[PoolView]) -> list[Finding]:
    """One finding for each pool of the chain, in its order."""
    found = list(_drawn(spec, views) if spec.weights else _in_order(spec, views))
    below = [finding.outcome == BELOW for finding in found]
    if any(finding.outcome in ("serving", "not ready") for finding in found):
        return [
            Finding("passed over", one.why) if is_below else one for one, is_below in zip(found, below, strict=True)
        ]
    at = first_below(spec, below)
    return _nothing_lives(spec, views, found) if at is None else _below(views[at].pool.name, at, found)


def _below(chosen: str, place: int, found: list[Finding]) -> list[Finding]:
    """No pool is healthy: one serves all the same."""
    told = []
    for at, finding in enumerate(found):
        if at == place:
            told.append(finding._replace(why=f"{finding.why}; no pool is healthy"))
        elif finding.outcome == BELOW:
            told.append(Finding("passed over", f"{finding.why}; pool {chosen} comes first"))
        else:
            told.append(finding)
    return told


def _in_order(spec: ChainSpec, views: Sequence[PoolView]) -> Iterator[Finding]:
    ended = ""
    for view in views:
        if ended:
            yield Finding("not reached", ended)
            continue
        finding = _alone(spec, view)
        yield finding
        if finding.outcome in ("serving", "not ready"):
            ended = f"pool {view.pool.name} comes first"


def _drawn(spec: ChainSpec, views: Sequence[PoolView]) -> Iterator[Finding]:
    waiting = [view.pool.name for view in views if not view.ready]
    alone = [_alone(spec, view) for view in views]
    pairs = [*zip(spec.weights, alone, strict=True)]
    serving = [weight for weight, finding in pairs if finding.outcome == "serving"]
    for weight, finding in pairs:
        if waiting and finding.outcome != "not ready":
            yield Finding("not reached", f"pool {waiting[0]} is not ready")
        elif finding.outcome == "serving" and not weight and any(serving):
            yield Finding("passed over", "weight 0: standby for the others")
        else:
            yield finding


def _alone(spec: ChainSpec, view: PoolView) -> Finding:
    """The pool by itself."""
    if not view.ready:
        return Finding("not ready", "a member has no result yet")
    live = view.live(spec)
    if live and view.healthy:
        return Finding("serving", f"{len(live)} of {len(view.members)} members live")
    if live:
        return Finding(BELOW, f"{view.lives} of {len(view.members)} members live, min_up is {view.wanted}")
    wanted = _WANTED.get(spec.rtype, "address")
    if view.configured(spec):
        return Finding("passed over", f"no live {wanted}")
    return Finding("passed over", f"no {wanted}")


def _nothing_lives(spec: ChainSpec, views: Sequence[PoolView], found: list[Finding]) -> list[Finding]:
    places = deciding(spec, views)
    if not places:
        return [finding._replace(why=f"{finding.why}; no data is the answer") for finding in found]
    for at in places:
        rule = views[at].pool.all_down
        found[at] = Finding("all down", " ".join((f"{found[at].why}; all_down: {rule.mode}", *rule.fallback)))
    return found
