"""`gslb undrain` and `gslb cancel`: end what operators asked for before its time."""

import click

from gslb.cli.client import Client, with_client
from gslb.cli.completing import current
from gslb.cli.finding import KINDS, found, one_of, place_of
from gslb.cli.options import json_option
from gslb.cli.output import show_json

_reason = click.option("--reason", default="", help="Why; recorded.")


@click.command()
@click.argument("wanted", metavar="ID|TARGET", shell_complete=current("drain"))
@_reason
@json_option
@with_client
def undrain(client: Client, wanted: str, reason: str, as_json: bool) -> int:
    """End the drain with this ID, or the drains of this TARGET (site/NAME, pool/NAME, member/POOL/NAME)."""
    return _ended(client, found(client, wanted, ("drain",)), reason, as_json=as_json)


@click.command()
@click.argument("wanted", metavar="ID|TARGET", shell_complete=current(*KINDS))
@_reason
@json_option
@with_client
def cancel(client: Client, wanted: str, reason: str, as_json: bool) -> int:
    """End the drain, hold or force with this ID, or the only one of this TARGET."""
    return _ended(client, [one_of(client, wanted)], reason, as_json=as_json)


def _ended(client: Client, intents: list[dict[str, object]], reason: str, *, as_json: bool) -> int:
    for one in intents:
        client.delete(place_of(one), reason=reason)
        if not as_json:
            click.echo(f"ended the {one['kind']} of {one['target']} (id {one['id']}): {one['reason']}")
    if as_json:
        show_json({"ended": intents})
    return 0
