"""`gslb config`: which configuration a node serves, and which it has kept."""

import click

from gslb.cli.client import Client, with_client
from gslb.cli.options import json_option
from gslb.cli.output import show_json, when
from gslb.cli.rollback import show_generations


@click.group()
def config() -> None:
    """Show the configuration that is served, and those that are kept; see also plan, reload, rollback."""


@config.command()
@json_option
@with_client
def show(client: Client, as_json: bool) -> int:
    """Show what is served: its digest, since when, and what is to be known of it.

    Exit code 1 where the last reload was refused.
    """
    view = client.get("/api/v1/config")
    if as_json:
        show_json(view)
        return 1 if view["problems"] else 0
    click.echo(f"digest {view['digest']}, loaded {when(view['loaded'])}: {view['zones']} zones, {view['names']} names")
    if back := view["rolled_back"]:
        click.echo(f"rolled back from {back['from']} at {when(back['at'])} by {back['who']}: {back['why']}")
    if trial := view["trial"]:
        click.echo(f"on trial until {when(trial['until'])}; to keep it: gslb reload --confirmed")
    for problem in view["problems"]:
        click.echo(f"last reload refused: {problem}")
    return 1 if view["problems"] else 0


@config.command()
@json_option
@with_client
def generations(client: Client, as_json: bool) -> int:
    """Show the configurations that are kept; gslb rollback DIGEST serves one of them."""
    return show_generations(client, as_json=as_json)
