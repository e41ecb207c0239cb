"""`gslb explain`: why does this client get this answer?"""

import click

from gslb.cli.client import Client, with_client
from gslb.cli.output import show_json


@click.command()
@click.argument("name")
@click.argument("rtype", metavar="[TYPE]", default="A")
@click.option("--client", "asker", metavar="ADDRESS", help="Where the query comes from. Default: 127.0.0.1.")
@click.option("--ecs", metavar="NETWORK", help="The client subnet that a resolver sends along, such as 203.0.113.0/24.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def explain(client: Client, name: str, rtype: str, asker: str | None, ecs: str | None, as_json: bool) -> int:
    """Ask the running node for NAME, through the code that answers queries, and say why.

    Shows the rule, the pools in their order, the chances, TTL and ECS scope, and for each member what was observed and
    since when, the votes, and each step that made its state.
    """
    view = client.get("/api/v1/explain", name=name, type=rtype, client=asker or "", ecs=ecs or "")
    if as_json:
        show_json({key: value for key, value in view.items() if key != "text"})
    else:
        click.echo(view["text"])
    return 0
