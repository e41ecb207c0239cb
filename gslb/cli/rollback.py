"""`gslb rollback`: serve a configuration that was served before."""

import click

from gslb.cli.client import Client, with_client
from gslb.cli.output import show_json, show_table, when
from gslb.cli.reload import WAIT, late, tell


@click.command()
@click.argument("digest", default="")
@click.option("--reason", default="", help="Why; shown in the status until the next reload.")
@click.option("--list", "listed", is_flag=True, help="Show the configurations that are kept, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def rollback(client: Client, digest: str, reason: str, listed: bool, as_json: bool) -> int:
    """Serve the configuration before this one, or the one with DIGEST (its beginning is enough).

    The node keeps copies of the last 20. The copy is served, after a restart too, until the next reload, whatever the
    zones folder on disk says: so mend that next.
    """
    if listed:
        return show_generations(client, as_json=as_json)
    body = {key: value for key, value in (("digest", digest), ("reason", reason)) if value}
    # Two who go back at once go back once: the second is told that something else is served by now.
    seen = None if digest else f'"{client.get("/api/v1/config")["digest"]}.seen"'
    view = client.call("POST", "/api/v1/config:rollback", body, WAIT, seen)
    if as_json:
        show_json(view)
    else:
        tell(view, "serves")
        click.echo(f"the zones folder on disk still has {view['former']}, or another: mend it before the next reload")
    return 0 if view["acknowledged"] else late()


def show_generations(client: Client, *, as_json: bool) -> int:
    """Print the configurations that are kept."""
    kept = list(client.each("/api/v1/config/generations", "generations"))
    if as_json:
        show_json(kept)
        return 0
    rows = [("*" if one["served"] else "", one["digest"][:12], when(one["at"]), one["who"], one["why"]) for one in kept]
    show_table("configurations", ("", "digest", "accepted", "by", "why"), rows)
    return 0
