"""`gslb force`: a target is up or down, whatever health says."""

from typing import Any

import click

from gslb.cli.beginning import How, begin, span, told, wish_of
from gslb.cli.client import Client, with_client
from gslb.cli.options import (
    all_of,
    dry_run_option,
    force_option,
    json_option,
    local_option,
    owner_option,
    reason_option,
    start_option,
    target_argument,
    until_option,
    yes_option,
)


@click.command()
@target_argument
@click.argument("verdict", metavar="up|down", type=click.Choice(["up", "down"]))
@click.option("--for", "for", metavar="TIME", help="How long: 10m, 2h, at most 72h. Default: until it is cancelled.")
@all_of(until_option, reason_option, owner_option, start_option)
@all_of(force_option, local_option, dry_run_option, yes_option, json_option)
@with_client
def force(client: Client, target: str, verdict: str, **options: Any) -> int:
    """Call TARGET (site/NAME, pool/NAME or member/POOL/NAME) up or down, whatever probes find.

    For when they are wrong, and everybody knows it. It stays until somebody cancels it.
    For example: gslb force site/tokyo up --reason "INC-7: probes are filtered on the way"
    """
    how = How.taken(options)
    made = begin(client, "force", {**wish_of(target, options), "up": verdict == "up"}, how)
    if made is None:
        return 0
    first = f"forced {target} {verdict} {span(made)} (id {made['id']}): {made['reason']}"
    return told(made, how.as_json, first, f"to end it: gslb cancel {made['id']}")
