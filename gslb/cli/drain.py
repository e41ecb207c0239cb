"""`gslb drain`: take a site, a pool or a member out of the answers for a while."""

from typing import Any

import click

from gslb.cli.client import Client, with_client
from gslb.cli.output import show_json, when
from gslb.errors import RequestError
from gslb.intents import Target


def well_formed(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """A bad form is misuse, and lists the three good ones; whether the target exists is the node's to say."""
    try:
        return str(Target.parse(value))
    except RequestError as error:
        raise click.BadParameter(f"{error.message} ({error.hint})", ctx, param) from None


@click.command()
@click.argument("target", callback=well_formed)
@click.option("--for", "duration", metavar="TIME", help="How long: 10m, 2h, at most 72h. Default 4h.")
@click.option("--reason", required=True, help="Why; shown wherever the drain is.")
@click.option("--owner", help="Who answers for it. Default: your login name.")
@click.option("--force", is_flag=True, help="Although a pool is left with fewer live members than its min_up.")
@click.option("--local", is_flag=True, help="At this node alone: for when the store cannot be reached.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def drain(client: Client, target: str, duration: str | None, as_json: bool, **wanted: Any) -> int:
    """Take TARGET out of the answers: site/NAME, pool/NAME or member/POOL/NAME.

    When the command returns with exit code 0, no worker answers with TARGET. The drain survives restarts and ends by
    itself. For example: gslb drain site/tokyo --for 2h --reason "CHG-1042"
    """
    body = {"target": target, "for": duration, **wanted, "owner": wanted["owner"] or login()}
    made = client.call("POST", "/api/v1/drains", {key: value for key, value in body.items() if value})
    if as_json:
        show_json(made)
    else:
        click.echo(f"drained {made['target']} until {when(made['expires'])} (id {made['id']}): {made['reason']}")
        click.echo(f"to end it: gslb undrain {made['target']}")
    if made.get("acknowledged", True):
        return 0
    click.echo("gslb: stored, but not every worker has taken it over yet; see `gslb status`", err=True)
    return 1


def login() -> str:
    """The login name of whoever runs the command, for the record."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
