"""Handlers: what is done to this node alone: its configuration, its readiness, and what agents tell it."""

from typing import Any

from gslb.api.call import Call, NoQuery, Reply
from gslb.api.etags import ANY, require
from gslb.api.paging import page
from gslb.api.queries import CancelQuery, ChangeQuery, Paged
from gslb.api.requests import (
    PlanRequest,
    PushRequest,
    ReloadRequest,
    RollbackRequest,
    WithdrawRequest,
    push_key,
)
from gslb.api.views import withdrawn_view
from gslb.control.pushes import Push
from gslb.errors import ConflictError, NotFoundError


async def push(call: Call[NoQuery, PushRequest]) -> Reply:
    """An agent tells the state of its target."""
    key = push_key(call.path["monitor"], call.path["address"])
    lasts = call.node.loads.post(call.node.plan.config, key, call.body.push())
    return Reply({"monitor": key.monitor, "address": key.address, "expires": call.now + lasts})


async def withdraw(call: Call[ChangeQuery, WithdrawRequest]) -> Reply:
    """This node is not ready any more, and answers on."""
    _require_own(call)
    withdrawal, dry_run = call.node.withdrawal, call.query.dry_run
    if dry_run and withdrawal.current:
        raise ConflictError(f"this node is withdrawn already: {withdrawal.current.reason}", hint="end that first")
    if not dry_run:
        await withdrawal.begin(call.body.reason, call.actor, call.body.owner)
    return Reply({**withdrawn_view(call.node), "dry_run": dry_run})


async def restore(call: Call[CancelQuery, None]) -> Reply:
    """This node is ready again."""
    _require_own(call)
    dry_run = call.query.dry_run
    if dry_run and not call.node.withdrawal.current:
        raise NotFoundError("this node is not withdrawn")
    if not dry_run:
        await call.node.withdrawal.end(call.actor, call.query.reason)
    return Reply({**withdrawn_view(call.node), "dry_run": dry_run})


async def config(call: Call[NoQuery, None]) -> Reply:
    """What is served, since when, and what was wrong with what was refused."""
    view = call.node.reloading.view()
    return Reply(view, version=view["digest"])


async def generations(call: Call[Paged, None]) -> Reply:
    """The configurations that are kept, the newest first."""
    kept = await call.node.reloading.generations()
    shown, after = page(kept, lambda one: (-one["number"],), "generations", call.query.limit, call.query.cursor)
    return Reply({"generations": shown, "next": after})


async def check(call: Call[NoQuery, None]) -> Reply:
    """What a reload would find."""
    return Reply(await call.node.reloading.check())


async def plan(call: Call[NoQuery, PlanRequest]) -> Reply:
    """What other zones files would do."""
    return Reply(await call.node.reloading.plan(call.body.files))


async def reload(call: Call[ChangeQuery, ReloadRequest]) -> Reply:
    """Load the zones folder anew."""
    served, wish = _seen(call), call.body
    if call.query.dry_run:
        found = await call.node.reloading.check()
        if found["changes"]["too_much"] and not wish.force:
            raise ConflictError(f"the zones folder would not be taken over: {found['changes']['too_much']}")
        told = {"former": found["served"], "changes": found["changes"], "generation": None, "acknowledged": None}
        return Reply({**call.node.reloading.view(), **told, "dry_run": True})
    asked = Push(call.actor, wish.reason, wish.force, wish.confirm, wish.digest, served)
    view = await call.node.reloading.reload(asked)
    return Reply({**view, "dry_run": False}, version=view["digest"])


async def rollback(call: Call[NoQuery, RollbackRequest]) -> Reply:
    """Serve a configuration that was served before."""
    wish = call.body
    view = await call.node.reloading.rollback(call.actor, wish.reason, wish.digest, _seen(call))
    return Reply({**view, "dry_run": False}, version=view["digest"])


async def confirm(call: Call[NoQuery, None]) -> Reply:
    """What is on trial is served for good."""
    view = await call.node.reloading.confirm(call.actor, _seen(call))
    return Reply(view, version=view["digest"])


def _seen(call: Call[Any, Any]) -> str:
    """The digest that must be served still when it is done; empty for any. Raises PreconditionError: it is not now."""
    digest = call.node.plan.config.digest
    require(call.match, digest, "the configuration")
    return digest if call.match and ANY not in call.match else ""


def _require_own(call: Call[Any, Any]) -> None:
    wanted, own = call.path["name"], call.node.plan.config.node.name
    if wanted == own:
        return
    if wanted not in call.node.store.roster():
        raise NotFoundError(f"there is no node {wanted!r}", hint="GET /api/v1/nodes lists them")
    raise ConflictError(f"this is {own}: {wanted} itself must be asked", hint=f"send it to the API of {wanted}")
