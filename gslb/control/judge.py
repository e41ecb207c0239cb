"""What became of each pool of a rule, in words. It retells the decisions that gslb/table/leaves.py has compiled."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from gslb.dns.message import AAAA, CNAME, A
from gslb.table.entries import ChainSpec
from gslb.table.leaves import PoolView

_WANTED: Final = {A: "IPv4 address", AAAA: "IPv6 address", CNAME: "name"}


class Finding(NamedTuple):
    """`outcome` is one of: serving, passed over, not reached, not ready, all down."""

    outcome: str
    why: str


def judge(spec: ChainSpec, views: Sequence[PoolView]) -> list[Finding]:
    """One finding for each pool of the chain, in its order."""
    found = list(_drawn(spec, views) if spec.weights else _in_order(spec, views))
    if any(finding.outcome in ("serving", "not ready") for finding in found):
        return found
    return _nothing_lives(spec, views, found)


def _in_order(spec: ChainSpec, views: Sequence[PoolView]) -> Iterator[Finding]:
    ended = ""
    for view in views:
        if ended:
            yield Finding("not reached", ended)
            continue
        finding = _alone(spec, view)
        yield finding
        if finding.outcome != "passed over":
            ended = f"pool {view.pool.name} comes first"


def _drawn(spec: ChainSpec, views: Sequence[PoolView]) -> Iterator[Finding]:
    waiting = [view.pool.name for view in views if not view.ready]
    serving = [weight for weight, view in zip(spec.weights, views, strict=True) if view.live(spec)]
    for weight, view in zip(spec.weights, views, strict=True):
        finding = _alone(spec, view)
        if waiting and view.ready:
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
    if live:
        return Finding("serving", f"{len(live)} of {len(view.members)} members live")
    wanted = _WANTED.get(spec.rtype, "address")
    if view.configured(spec):
        return Finding("passed over", f"no live {wanted}")
    return Finding("passed over", f"no {wanted}")


def _nothing_lives(spec: ChainSpec, views: Sequence[PoolView], found: list[Finding]) -> list[Finding]:
    able = [at for at, view in enumerate(views) if view.configured(spec)]
    if not able or any(view.any_live() for view in views):
        return [finding._replace(why=f"{finding.why}; no data is the answer") for finding in found]
    for at in able if spec.weights else able[-1:]:
        rule = views[at].pool.all_down
        found[at] = Finding("all down", " ".join((f"{found[at].why}; all_down: {rule.mode}", *rule.fallback)))
    return found
