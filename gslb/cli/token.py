"""`gslb token`: tokens of their own for people and programs, with an end, and taken back when somebody leaves."""

import os
import time
from typing import Any

import click

from gslb.cli.client import Client, with_client
from gslb.cli.output import show_json, show_table, when
from gslb.errors import GslbError


@click.group()
def token() -> None:
    """Make, list and revoke API tokens.

    They hold at every node that shares the store. A node's own token, in the file `token` of its state folder, may do
    everything and is not among them.
    """


@token.command()
@click.option("--name", required=True, help="Who or what it is for; shown in the audit record.")
@click.option("--scope", type=click.Choice(["read", "push", "drain", "admin"]), default="read", show_default=True)
@click.option("--site", "sites", multiple=True, metavar="SITE", help="Drains this site and members there only.")
@click.option("--pool", "pools", multiple=True, metavar="POOL", help="Drains this pool and its members only.")
@click.option("--for", "period", metavar="TIME", default="90d", show_default=True, help="12h, 90d, at most 3650d.")
@click.option("--out", metavar="FILE", help="Write it there, for you alone to read, instead of printing it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def create(client: Client, period: str, out: str | None, as_json: bool, **wanted: Any) -> int:
    """Make a token and print it, this once.

    For example: gslb token create --name ci --scope drain --site tokyo --for 90d
    """
    descriptor = None if out is None else _new_file(out)
    try:
        made = client.call("POST", "/api/v1/tokens", {**wanted, "for": period})
    except BaseException:
        if out is not None:
            os.unlink(out)  # noqa: PTH108 - it is empty: no token was made
        raise
    if descriptor is not None:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(made.pop("token") + "\n")
    if as_json:
        show_json(made)
        return 0
    where = f"is in {out}" if out else "is printed this once: keep it safe"
    click.echo(
        f"token {made['name']} ({made['id']}): {_may(made)}, until {when(made['expires'])}; it {where}", err=True
    )
    if out is None:
        click.echo(made["token"])
    return 0


@token.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def list_tokens(client: Client, as_json: bool) -> int:
    """Show every token that is not revoked: for whom, for what, until when, and when it was used last."""
    view = list(client.each("/api/v1/tokens", "tokens"))
    if as_json:
        show_json({"tokens": view})
        return 0
    headers = ("name", "id", "may", "made", "by", "until", "used last")
    show_table("tokens", headers, [_row(one, time.time()) for one in view])
    return 0


@token.command()
@click.argument("wanted", metavar="NAME|ID")
@click.option("--reason", default="", help="Why; kept in the audit record.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def revoke(client: Client, wanted: str, reason: str, as_json: bool) -> int:
    """Refuse a token from now on, at every node that shares the store, within a second.

    Where all that you have of it is the token itself: the word in its middle is its id.
    """
    from gslb.api.tokens import id_of

    wanted = id_of(wanted) or wanted  # who pastes the whole of what leaked shall not find it in one more place
    found = [one for one in client.each("/api/v1/tokens", "tokens") if wanted in (one["name"], one["id"])]
    if not found:
        raise GslbError(f"there is no token {wanted!r}", hint="`gslb token list` lists them")
    if len(found) > 1:
        raise GslbError(f"{len(found)} tokens are called {wanted!r}", hint="name one by its id: `gslb token list`")
    client.delete(f"/api/v1/tokens/{found[0]['id']}", reason=reason)
    if as_json:
        show_json(found[0])
    else:
        click.echo(f"revoked the token {found[0]['name']} ({found[0]['id']})")
    return 0


def _row(one: dict[str, Any], now: float) -> tuple[str, ...]:
    until = "expired" if one["expires"] <= now else when(one["expires"])
    return (one["name"], one["id"], _may(one), when(one["created"]), one["by"], until, when(one["used"]) or "never")


def _may(one: dict[str, Any]) -> str:
    return " ".join([one["scope"], *(f"site/{site}" for site in one["sites"]), *(f"pool/{p}" for p in one["pools"])])


def _new_file(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise GslbError(f"{path} cannot be made: {error.strerror}; no token was made") from None
