"""How a drain, a hold or a force begins: what will remain is shown, the operator asked, and then it is done."""

import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import click

from gslb.cli.client import Client
from gslb.cli.options import login
from gslb.cli.output import lasting, remaining_lines, show_json, when
from gslb.errors import ConflictError, GslbError

Json = Mapping[str, Any]


class How(NamedTuple):
    """How a change is made: only judged, without a question, told as JSON."""

    dry_run: bool
    yes: bool
    as_json: bool

    @classmethod
    def taken(cls, options: dict[str, Any]) -> "How":
        """These three, taken out of the options of a verb."""
        return cls(options.pop("dry_run"), options.pop("yes"), options.pop("as_json"))

    @property
    def asks(self) -> bool:
        """Whether somebody is there who can be asked."""
        return not self.yes and not self.as_json and sys.stdin.isatty() and sys.stdout.isatty()


def wish_of(target: str, options: dict[str, Any]) -> dict[str, Any]:
    """The body of a request to begin something; options that were not given are left out."""
    start, until = options.pop("start"), options.pop("until")
    body = {"target": target, **options, "starts": start, "expires": until, "owner": options.get("owner") or login()}
    return {key: value for key, value in body.items() if value not in (None, "", False)}


def begin(client: Client, kind: str, wish: Json, how: How) -> Json | None:
    """What was made, told; None where it was only to be judged. Raises ConflictError with the way to do it anyway."""
    return change(client, ("POST", f"/api/v1/{kind}s"), wish, how)


def change(client: Client, what: tuple[str, str], wish: Json, how: How, match: str | None = None) -> Json | None:
    """Send a change of intents, as `begin`; `what` is method and path."""
    method, path = what
    try:
        if how.dry_run or how.asks:
            found = client.call(method, f"{path}?dry_run=true", wish, match=match)
            _show_plan(found, how)
            if how.dry_run:
                return None
            if not click.confirm("Go on?"):
                raise GslbError("nothing was done")
        made: Json = client.call(method, path, wish, match=match)
    except ConflictError as error:
        if error.remains:
            raise ConflictError(error.message, hint=_anyway(error.hint), remains=error.remains) from None
        raise
    return made


def told(made: Json, as_json: bool, *lines: str) -> int:
    """Print what was done; the exit code says whether every worker of the node follows it."""
    if as_json:
        show_json(made)
    else:
        for line in (*lines, *_about_short(made)):
            click.echo(line)
    if made.get("acknowledged", True):
        return 0
    click.echo("gslb: stored, but not every worker has taken it over yet; see `gslb status`", err=True)
    return 1


def span(intent: Json) -> str:
    """From when until when, in words."""
    end = intent["expires"]
    until = "until it is cancelled" if end is None else f"until {when(end)}"
    return f"from {when(intent['starts'])} {until}" if intent["state"] == "scheduled" else until


def _show_plan(found: Json, how: How) -> None:
    if how.as_json:
        show_json(found)
        return
    length = (
        "" if found["expires"] is None else f" ({lasting(found['expires'] - max(found['starts'], time.time()) + 0.5)})"
    )
    click.echo(f"{found['target']} {span(found)}{length}: {found['reason']}")
    for line in remaining_lines(found["remains"]):
        click.echo(line)
    if not found["remains"]:
        click.echo("  nothing that is served now is taken away")
    for one in found["short"]:
        click.echo(f"  WARNING: too little is left of pool {one['pool']}")


def _about_short(made: Json) -> list[str]:
    short = made.get("short", ())
    return ["although too little is left:", *remaining_lines(short)] if short else []


def _anyway(hint: str) -> str:
    return 'if you mean it, add: --force --reason "why it must be"' if "force" in hint else hint
