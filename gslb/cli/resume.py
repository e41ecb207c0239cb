"""`gslb resume`: let members that wait be served again."""

import click

from gslb.cli.client import Client, with_client
from gslb.cli.options import json_option, target_argument
from gslb.cli.output import show_json


@click.command()
@target_argument
@json_option
@with_client
def resume(client: Client, target: str, as_json: bool) -> int:
    """Serve the members of TARGET (site/NAME, pool/NAME, member/POOL/NAME) again that are up but wait.

    They wait for manual failback, its window or hold time, or because they flapped. What is down stays out.
    """
    found = client.call("POST", "/api/v1/resume", {"target": target})
    if as_json:
        show_json(found)
    else:
        click.echo(f"resumed {target}: {', '.join(found['resumed'])}")
    return 0
