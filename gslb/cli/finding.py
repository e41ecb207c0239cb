"""Which drain, hold or force somebody means, by its id or its target."""

from collections.abc import Sequence
from typing import Any

from gslb.cli.client import Client
from gslb.errors import GslbError, NotFoundError

KINDS = ("drain", "hold", "force")


def found(client: Client, wanted: str, kinds: Sequence[str] = KINDS) -> list[dict[str, Any]]:
    """Those that hold or are to, each with its `kind`. Raises NotFoundError where there is none."""
    every = [
        {**one, "kind": kind}
        for kind in kinds
        for one in client.each(f"/api/v1/{kind}s", f"{kind}s")
        if _is(one, wanted)
    ]
    if not every:
        what = " or ".join((", ".join(kinds[:-1]), kinds[-1])) if len(kinds) > 1 else kinds[0]
        lists = " and ".join(f"`gslb {kind}s`" for kind in kinds)
        raise NotFoundError(f"no active {what} has the id or target {wanted!r}", hint=f"see {lists}")
    return every


def one_of(client: Client, wanted: str, kinds: Sequence[str] = KINDS) -> dict[str, Any]:
    """The only one, as `found`. Raises GslbError where there are several."""
    several = found(client, wanted, kinds)
    if len(several) > 1:
        ids = ", ".join(f"{one['id']} ({one['kind']})" for one in several)
        raise GslbError(f"{wanted} has {len(several)} of them: {ids}", hint="name one by its id")
    return several[0]


def place_of(intent: dict[str, Any]) -> str:
    """Its path in the API."""
    return f"/api/v1/{intent['kind']}s/{intent['id']}"


def _is(one: dict[str, Any], wanted: str) -> bool:
    return wanted in (one["id"], one["target"])
