"""`gslb push`: tell a node the state of a target whose monitor is of the type push."""

from typing import Any
from urllib.parse import quote

import click

from gslb.cli.client import Client, with_client
from gslb.cli.completing import names_of
from gslb.cli.options import json_option
from gslb.cli.output import show_json, when


@click.command()
@click.argument("monitor", shell_complete=names_of("/api/v1/monitors?type=push", "monitors"))
@click.argument("address")
@click.argument("verdict", metavar="up|down", type=click.Choice(["up", "down"]))
@click.option("--load", type=click.FloatRange(0), help="How much it carries, in the unit of capacity.")
@click.option("--detail", help="A word on it, shown as the reason.")
@click.option("--for", "for", metavar="TIME", help="How long this holds, unless another comes.")
@json_option
@with_client
def push(client: Client, monitor: str, address: str, verdict: str, as_json: bool, **more: Any) -> int:
    """Tell what is known of ADDRESS to a monitor of the type push: gslb push batch 192.0.2.10 down --detail "disk full"

    The token needs the scope push.
    """
    body = {"up": verdict == "up", **{key: value for key, value in more.items() if value is not None}}
    made = client.call("POST", f"/api/v1/push/{quote(monitor, safe='')}/{quote(address, safe=':')}", body)
    if as_json:
        show_json(made)
    else:
        click.echo(f"{made['monitor']} {made['address']}: {verdict} until {when(made['expires'])}")
    return 0
