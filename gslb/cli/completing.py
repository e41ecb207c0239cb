"""Names that the shell offers at the tabulator key: asked of the node, quickly, and never with an error."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import click

from gslb.errors import GslbError

SECONDS = 0.5  # that the node has for all of an answer
_MOST = "1000"

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Sites, pools and members, as far as what stands there already allows."""
    kinds = {"site/": _sites, "pool/": _pools, "member/": _members}
    found = (kinds[kind](ctx) for kind in kinds if kind.startswith(incomplete[: len(kind)]))
    return _matching((one for some in found for one in some), incomplete)


def names_of(path: str, items: str, *name: str) -> Completer:
    """What a list of the API calls its items: these fields of each, with strokes between them."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        found = ("/".join(str(one[part]) for part in name or ("name",)) for one in _asked(ctx, path, items))
        return _matching(found, incomplete)

    return complete


def current(*kinds: str) -> Completer:
    """The ids and targets of drains, holds or forces."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        found = [one for kind in kinds for one in _asked(ctx, f"/api/v1/{kind}s", f"{kind}s")]
        return _matching((text for one in found for text in (one["target"], one["id"])), incomplete)

    return complete


def _matching(found: Iterable[str], incomplete: str) -> list[str]:
    return sorted({one for one in found if one.startswith(incomplete)})


def _sites(ctx: click.Context) -> Iterator[str]:
    return (f"site/{one['name']}" for one in _asked(ctx, "/api/v1/sites", "sites"))


def _pools(ctx: click.Context) -> Iterator[str]:
    return (f"pool/{one['name']}" for one in _asked(ctx, "/api/v1/pools", "pools"))


def _members(ctx: click.Context) -> Iterator[str]:
    return (one["target"] for one in _asked(ctx, "/api/v1/members", "members"))


def _asked(ctx: click.Context, path: str, items: str) -> list[dict[str, Any]]:
    from gslb.cli.client import connect_by

    options = ("config", "api", "token_file", "ca", "cert", "key")
    with suppress(GslbError, KeyError, TypeError, click.ClickException):
        client = connect_by({name: ctx.params.get(name) for name in options})
        found: list[dict[str, Any]] = client.call("GET", f"{path}?limit={_MOST}", None, SECONDS)[items]
        return found
    return []
