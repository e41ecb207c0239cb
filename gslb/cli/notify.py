"""`gslb notify`: whether the webhooks of a node work."""

import click

from gslb.cli.client import Client, with_client
from gslb.cli.output import show_json, show_table
from gslb.errors import GslbError


@click.group()
def notify() -> None:
    """Webhooks that tell people what happens: `notify` in the node file."""


@notify.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
def test(client: Client, as_json: bool) -> int:
    """Send a test to every webhook of the node, and say how each took it. Exits 1 unless all did."""
    found = client.call("POST", "/api/v1/notify:test")["deliveries"]
    if not found:
        raise GslbError(
            "this node tells nobody", hint="add `notify` to its node file, and reload: docs/notifications.md"
        )
    if as_json:
        show_json({"deliveries": found})
    else:
        rows = [(one["sink"], "arrived" if one["ok"] else f"did not arrive: {one['why']}") for one in found]
        show_table("webhooks", ("to", "test"), rows)
    return 0 if all(one["ok"] for one in found) else 1
