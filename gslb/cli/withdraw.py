"""`gslb withdraw` and `gslb restore`: a node is not ready any more, while it goes on answering."""

import click

from gslb.cli.client import Client, with_client
from gslb.cli.completing import names_of
from gslb.cli.options import json_option, login, owner_option, reason_option
from gslb.cli.output import show_json, when

_node = click.argument("name", metavar="[NODE]", default="", shell_complete=names_of("/api/v1/nodes", "nodes"))


@click.command()
@_node
@reason_option
@owner_option
@json_option
@with_client
def withdraw(client: Client, name: str, reason: str, owner: str | None, as_json: bool) -> int:
    """Tell whoever asks the node for its readiness (load balancer, BGP speaker) to take it out; it still answers.

    The node that is asked withdraws itself; NODE is to make sure that it is that one. Restarts change nothing; it lasts
    until gslb restore.
    """
    node = name or _own_name(client)
    made = client.call("POST", f"/api/v1/nodes/{node}:withdraw", {"reason": reason, "owner": owner or login()})
    if as_json:
        show_json(made)
    else:
        found = made["withdrawn"]
        click.echo(f"withdrew {made['node']} at {when(found['since'])}: {found['reason']}")
        click.echo("it answers still; to end it: gslb restore")
    return 0


@click.command()
@_node
@click.option("--reason", default="", help="Why; recorded.")
@json_option
@with_client
def restore(client: Client, name: str, reason: str, as_json: bool) -> int:
    """End what gslb withdraw began: the node is ready again where it serves."""
    from urllib.parse import urlencode

    query = f"?{urlencode({'reason': reason})}" if reason else ""
    made = client.call("POST", f"/api/v1/nodes/{name or _own_name(client)}:restore{query}")
    if as_json:
        show_json(made)
    else:
        click.echo(f"restored {made['node']}")
    return 0


def _own_name(client: Client) -> str:
    return str(client.get("/api/v1/nodes", limit="1")["node"])
