"""`gslb undrain`: end a drain before its time."""

import click

from gslb.cli.client import Client, with_client
from gslb.cli.output import show_json
from gslb.errors import NotFoundError


@click.command()
@click.argument("drain_id", metavar="ID|TARGET")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def undrain(client: Client, drain_id: str, as_json: bool) -> int:
    """End the drain with this ID, or the active drain of this TARGET (site/NAME, pool/NAME, member/POOL/NAME)."""
    found = [d for d in client.get("/api/v1/drains")["drains"] if drain_id in (d["id"], d["target"])]
    if not found:
        raise NotFoundError(f"no active drain has the id or target {drain_id!r}", hint="`gslb status` lists them")
    for entry in found:
        client.call("DELETE", f"/api/v1/drains/{entry['id']}")
        if not as_json:
            click.echo(f"ended the drain of {entry['target']} (id {entry['id']}): {entry['reason']}")
    if as_json:
        show_json({"ended": found})
    return 0
