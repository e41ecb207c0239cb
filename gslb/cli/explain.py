"""`gslb explain`: why does this client get this answer, and what if?"""

import click

from gslb.cli.client import Client, with_client
from gslb.cli.completing import names_of
from gslb.cli.options import json_option, moment
from gslb.cli.output import show_json


@click.command()
@click.argument("name", shell_complete=names_of("/api/v1/names", "names"))
@click.argument("rtype", metavar="[TYPE]", default="A")
@click.option("--client", "asker", metavar="ADDRESS", help="Where the query comes from. Default: 127.0.0.1.")
@click.option("--ecs", metavar="NETWORK", help="The client subnet that a resolver sends along, such as 203.0.113.0/24.")
@click.option("--if", "assumed", metavar="WHAT", multiple=True, help="Assume this; may be given several times.")
@click.option("--at", metavar="TIME", callback=moment, help="At a later moment: 2h from now, or 2026-03-01T22:00 UTC.")
@json_option
@with_client
def explain(
    client: Client, name: str, rtype: str, asker: str | None, ecs: str | None, as_json: bool, **what: str
) -> int:
    """Ask the running node for NAME, through the code that answers queries, and say why.

    Shows the rule, the pools in their order, the chances, TTL and ECS scope, and for each member what was observed and
    since when, the votes, and each step that made its state.

    With --if it says what would be, and what is different from now; nothing changes. WHAT is site/tokyo=down,
    pool/NAME=up or member/POOL/NAME=down (what probes find), drain=site/osaka, drain=site/osaka=30%, undrain=TARGET,
    hold=TARGET, force=member/web/x=up.
    """
    from urllib.parse import urlencode

    query = {"name": name, "type": rtype, "client": asker, "ecs": ecs, "at": what["at"], "if": what["assumed"]}
    filled = urlencode({key: value for key, value in query.items() if value}, doseq=True)
    view = client.call("GET", f"/api/v1/explain?{filled}")
    if as_json:
        show_json({key: value for key, value in view.items() if key != "text"})
    else:
        click.echo(view["text"])
    return 0
