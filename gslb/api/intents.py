"""Handlers: what operators ask for. Judged and kept by gslb.control.intents."""

from contextlib import suppress
from typing import Any, Final

from gslb.api.call import Call, Json, NoQuery, Reply
from gslb.api.etags import ANY, Wanted
from gslb.api.paging import page
from gslb.api.queries import CancelQuery, ChangeQuery, IntentsQuery
from gslb.api.requests import ChangeRequest, DrainRequest, ForceRequest, HoldRequest, ResumeRequest
from gslb.api.views import intent_view
from gslb.control.intents import TRIES, Outcome
from gslb.control.targets import covered, require_known
from gslb.errors import ConflictError, NotFoundError, PreconditionError
from gslb.intents import Intent

_CURRENT: Final = ("scheduled", "active")


async def drains(call: Call[IntentsQuery, None]) -> Reply:
    """What is drained, or will be."""
    return _listed(call, "drain")


async def drain(call: Call[NoQuery, None]) -> Reply:
    """One drain."""
    return await _shown(call, "drain")


async def add_drain(call: Call[ChangeQuery, DrainRequest]) -> Reply:
    """Begin a drain."""
    return await _added(call, "drain")


async def change_drain(call: Call[ChangeQuery, ChangeRequest]) -> Reply:
    """Extend a drain, or change its percent or reason."""
    return await _changed(call, "drain")


async def cancel_drain(call: Call[CancelQuery, None]) -> Reply:
    """End a drain."""
    return await _cancelled(call, "drain")


async def drain_progress(call: Call[NoQuery, None]) -> Reply:
    """How far a drain has come: who answers by it, and when the last answer from before it has run out."""
    found = await _found(call, "drain")
    state = found.state(call.now)
    if state not in _CURRENT:
        raise ConflictError(f"{found.id} has ended", hint="its progress is that of one that holds")
    standing = call.node.progress.of(found)
    view = {**standing._asdict(), "acknowledged": dict(standing.acknowledged)}
    return Reply({"id": found.id, "target": str(found.target), "state": state, "at": call.now, **view})


async def holds(call: Call[IntentsQuery, None]) -> Reply:
    """What is frozen, or will be."""
    return _listed(call, "hold")


async def hold(call: Call[NoQuery, None]) -> Reply:
    """One hold."""
    return await _shown(call, "hold")


async def add_hold(call: Call[ChangeQuery, HoldRequest]) -> Reply:
    """Begin a hold."""
    return await _added(call, "hold")


async def change_hold(call: Call[ChangeQuery, ChangeRequest]) -> Reply:
    """Extend a hold, or change its reason."""
    return await _changed(call, "hold")


async def cancel_hold(call: Call[CancelQuery, None]) -> Reply:
    """End a hold."""
    return await _cancelled(call, "hold")


async def forces(call: Call[IntentsQuery, None]) -> Reply:
    """What is forced up or down, or will be."""
    return _listed(call, "force")


async def force(call: Call[NoQuery, None]) -> Reply:
    """One force."""
    return await _shown(call, "force")


async def add_force(call: Call[ChangeQuery, ForceRequest]) -> Reply:
    """Force something up or down."""
    return await _added(call, "force")


async def change_force(call: Call[ChangeQuery, ChangeRequest]) -> Reply:
    """Extend a force, or change its reason."""
    return await _changed(call, "force")


async def cancel_force(call: Call[CancelQuery, None]) -> Reply:
    """End a force."""
    return await _cancelled(call, "force")


async def resume(call: Call[ChangeQuery, ResumeRequest]) -> Reply:
    """Members that wait for failback or damping are served again."""
    target = call.body.target
    call.grant.require("drain", target, call.node.plan.config)
    if call.query.dry_run:
        config = call.node.plan.config
        require_known(target, config)
        return Reply({"resumed": [f"{pool}/{member}" for pool, member in covered(target, config)]})
    return Reply({"resumed": call.node.resume(target)})


def _listed(call: Call[IntentsQuery, None], kind: str) -> Reply:
    query, now = call.query, call.now
    found = sorted(
        (
            one
            for one in call.node.store.held().intents
            if one.kind == kind and (query.all or one.state(now) in _CURRENT)
            if query.target in (None, str(one.target))
        ),
        key=_order,
    )
    chosen, after = page(found, _order, f"{kind}s", query.limit, query.cursor)
    return Reply({f"{kind}s": [_view(call, one) for one in chosen], "next": after})


async def _shown(call: Call[Any, Any], kind: str) -> Reply:
    found = await _found(call, kind)
    return Reply(_view(call, found), version=str(found.changed))


async def _added(call: Call[ChangeQuery, Any], kind: str) -> Reply:
    wish = call.body.wish(call.now)
    call.grant.require("drain", wish.target, call.node.plan.config)
    outcome = await call.node.intents.add(wish, call.actor, dry_run=call.query.dry_run)
    if call.query.dry_run:
        return await _done(call, outcome)
    reply = await _done(call, outcome)
    return reply._replace(status=201, headers={"Location": f"/api/v1/{kind}s/{outcome.intent.id}"})


async def _changed(call: Call[ChangeQuery, ChangeRequest], kind: str) -> Reply:
    adds = call.match is None and call.body.extend is not None
    for _ in range(TRIES if adds else 0):
        with suppress(PreconditionError):  # somebody was quicker: it is their end that is to be put off
            return await _amended(call, kind, adds=True)
    return await _amended(call, kind, adds=adds)


async def _amended(call: Call[ChangeQuery, ChangeRequest], kind: str, *, adds: bool) -> Reply:
    former = await _found(call, kind)
    call.grant.require("drain", former.target, call.node.plan.config)
    change = call.body.change(former, call.now)
    expected = former.changed if adds else expected_of(call.match, former)
    outcome = await call.node.intents.change(
        former.id, change, call.actor, expected=expected, dry_run=call.query.dry_run
    )
    return await _done(call, outcome)


async def _cancelled(call: Call[CancelQuery, None], kind: str) -> Reply:
    former, query = await _found(call, kind), call.query
    call.grant.require("drain", former.target, call.node.plan.config)
    expected = expected_of(call.match, former)
    outcome = await call.node.intents.cancel(
        former.id, call.actor, query.reason, expected=expected, dry_run=query.dry_run
    )
    return await _done(call, outcome)


async def _done(call: Call[Any, Any], outcome: Outcome) -> Reply:
    dry = call.query.dry_run
    said: Json = {
        "acknowledged": None if dry else await call.node.everywhere(outcome.intent),
        "dry_run": dry,
        "remains": [one.to_dict() for one in outcome.remains],
        "short": [one.to_dict() for one in outcome.short],
    }
    return Reply({**_view(call, outcome.intent), **said}, version=str(outcome.intent.changed))


def expected_of(match: Wanted, intent: Intent) -> int | None:
    """The number of changes that If-Match wants, as the intent has it. Raises PreconditionError: it has another."""
    if match is None or ANY in match:
        return None
    if str(intent.changed) in {tag.rpartition(".")[0] for tag in match}:
        return intent.changed
    raise PreconditionError(
        f"{intent.id} was changed since you looked: nothing was done",
        hint="GET it again, and send its ETag in If-Match",
    )


async def _found(call: Call[Any, Any], kind: str) -> Intent:
    """One that another node added a moment ago, too. Raises NotFoundError; StoreError where nobody can tell."""
    found = None
    with suppress(NotFoundError):
        found = await call.node.store.find(call.path["id"])
    if found is None or found.kind != kind:
        hint = f"GET /api/v1/{kind}s?all=true lists them"
        raise NotFoundError(f"there is no {kind} {call.path['id']!r}", hint=hint)
    return found


def _view(call: Call[Any, Any], intent: Intent) -> Json:
    return intent_view(intent, call.node.plan.config, call.now)


def _order(intent: Intent) -> tuple[float, str]:
    return intent.created, intent.id
