"""`gslb nodes`: who is there, who sees, and who serves something else."""

from typing import Any

import click

from gslb.cli.client import Client, with_client
from gslb.cli.options import json_option
from gslb.cli.output import show_json, show_table


@click.command()
@json_option
@with_client
def nodes(client: Client, as_json: bool) -> int:
    """Show every node that shares this one's store.

    Exit code 1 where the store cannot be reached, a prober is missing, or nodes have differed for 10 seconds.
    """
    view = client.get("/api/v1/nodes")
    if as_json:
        show_json(view)
    else:
        _show(view)
    return 1 if view["store"]["lost"] or view["missing"] or view["alarms"] or view["store"]["alarms"] else 0


def _show(view: dict[str, Any]) -> None:
    store = view["store"]
    silent = "never heard" if store["silent"] is None else f"silent for {store['silent']:.1f} s"
    state = f"LOST, {silent}: belief follows {store['belief']}" if store["lost"] else "answers"
    where = f" at {store['endpoint']}" if store["endpoint"] else ""
    click.echo(f"store {store['kind']}{where}: {state}")
    for alarm in (*store["alarms"], *view["alarms"]):
        click.echo(f"ALARM: {alarm}")
    for name in view["missing"]:
        click.echo(f"MISSING: prober {name} is not registered")
    click.echo()
    show_table("nodes", _HEADERS, [_row(node, view["node"]) for node in view["nodes"]])


_HEADERS = ("node", "site", "roles", "version", "config", "answers", "behind", "votes", "differs")


def _row(node: dict[str, Any], own: str) -> tuple[str, ...]:
    name = f"{node['name']} (this)" if node["name"] == own else node["name"]
    votes = f"blind: {node['blind']}" if node["blind"] else "yes" if node["votes"] else "no"
    roles = ",".join(node["roles"])
    place = (name, node["site"], roles, node["version"], node["config"][:8], node["answers"][:8])
    return (*place, str(node["behind"]), votes, node["differs"])
