"""`gslb hold`: what health has made of a target stays as it is, for a while."""

from typing import Any

import click

from gslb.cli.beginning import How, begin, span, told, wish_of
from gslb.cli.client import Client, with_client
from gslb.cli.options import (
    all_of,
    dry_run_option,
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
@click.option("--for", "for", metavar="TIME", help="How long: 10m, 2h, at most 72h. This or --until is required.")
@all_of(until_option, reason_option, owner_option, start_option)
@all_of(local_option, dry_run_option, yes_option, json_option)
@with_client
def hold(client: Client, target: str, **options: Any) -> int:
    """Freeze TARGET (site/NAME, pool/NAME or member/POOL/NAME): whatever probes find now changes no answer.

    For work that makes probes fail while clients are served well. What is up stays up even when it dies: keep it short.
    For example: gslb hold site/tokyo --for 20m --reason "firewall change"
    """
    if not (options["for"] or options["until"]):
        raise click.UsageError("--for or --until is required: nothing is frozen for ever")
    how = How.taken(options)
    made = begin(client, "hold", wish_of(target, options), how)
    if made is None:
        return 0
    first = f"held {target} as it is {span(made)} (id {made['id']}): {made['reason']}"
    return told(made, how.as_json, first, f"to end it: gslb cancel {made['id']}")
