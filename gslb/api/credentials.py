"""Handlers: tokens; and their part of the table of routes."""

from typing import Any, Final

from gslb.api import shapes_tokens as shapes
from gslb.api.call import Call, NoQuery, Reply, Route
from gslb.api.issuing import Issuing
from gslb.api.paging import page
from gslb.api.queries import CancelQuery, ChangeQuery, Paged


async def tokens(call: Call[Paged, None]) -> Reply:
    """Those that are not revoked."""
    issuing = _issuing(call)
    shown, after = page(
        issuing.known(), lambda token: (token.created, token.id), "tokens", call.query.limit, call.query.cursor
    )
    return Reply({"tokens": [issuing.view(token) for token in shown], "next": after})


async def token(call: Call[NoQuery, None]) -> Reply:
    """One token."""
    issuing = _issuing(call)
    return Reply(issuing.view(issuing.find(call.path["id"])))


async def add_token(call: Call[ChangeQuery, shapes.TokenRequest]) -> Reply:
    """Make a token."""
    issuing, wish = _issuing(call), call.body.wish(call.now)
    if call.query.dry_run:
        return Reply({**issuing.view(issuing.sketch(wish, call.actor)), "token": None})
    made, secret = await issuing.create(wish, call.actor)
    return Reply({**issuing.view(made), "token": secret}, status=201, headers={"Location": f"/api/v1/tokens/{made.id}"})


async def revoke_token(call: Call[CancelQuery, None]) -> Reply:
    """Refuse a token from now on."""
    issuing = _issuing(call)
    if call.query.dry_run:
        return Reply(issuing.view(issuing.find(call.path["id"])))
    return Reply(issuing.view(await issuing.revoke(call.path["id"], call.actor, call.query.reason)))


def _issuing(call: Call[Any, Any]) -> Issuing:
    assert call.issuing
    return call.issuing


_PLACE: Final = "/api/v1/tokens"

ROUTES: Final[tuple[Route[Any, Any], ...]] = (
    Route("GET", _PLACE, tokens, "admin", "Tokens, and when they were used", shapes.Tokens, Paged),
    Route(
        "POST",
        _PLACE,
        add_token,
        "admin",
        "Make a token",
        shapes.NewToken,
        ChangeQuery,
        shapes.TokenRequest,
        status=201,
        others=(200,),
        remembered=False,  # its secret is kept nowhere
    ),
    Route("GET", _PLACE + "/{id}", token, "admin", "One token", shapes.Token, NoQuery),
    Route("DELETE", _PLACE + "/{id}", revoke_token, "admin", "Refuse a token", shapes.Token, CancelQuery),
)
