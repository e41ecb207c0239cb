"""`gslb drain`: take a site, a pool or a member out of the answers for a while."""

from collections.abc import Sequence
from typing import Any

import click

from gslb.cli.beginning import How, Json, begin, span, told, wish_of
from gslb.cli.client import Client, first_of, with_clients
from gslb.cli.options import (
    all_of,
    dry_run_option,
    force_option,
    json_option,
    local_option,
    owner_option,
    period,
    reason_option,
    start_option,
    target_argument,
    until_option,
    yes_option,
)
from gslb.cli.progress import wait


@click.command()
@target_argument
@click.option("--for", "for", metavar="TIME", help="How long: 10m, 2h, at most 72h. Default 4h.")
@all_of(until_option, reason_option, owner_option, start_option)
@click.option("--percent", type=click.IntRange(1, 100), help="For so many of the clients' networks. Default 100.")
@click.option("--wait", "waits", is_flag=True, help="Until no client holds an answer from before, at any node.")
@click.option("--timeout", "limit", metavar="TIME", callback=period, help="Of --wait: give up then, with exit code 1.")
@all_of(force_option, local_option, dry_run_option, yes_option, json_option)
@with_clients
def drain(clients: Sequence[Client], target: str, waits: bool, limit: float | None, **options: Any) -> int:
    """Take TARGET out of the answers: site/NAME, pool/NAME or member/POOL/NAME.

    When the command returns with exit code 0, no worker of the node answers with TARGET; with --wait, no client holds
    an answer with it any more. At a terminal it shows what will remain, and asks first. The drain survives restarts and
    ends by itself. For example: gslb drain site/tokyo --for 2h --reason "CHG-1042" --wait
    """
    how = How.taken(options)
    made = begin(first_of(clients), "drain", wish_of(target, options), how)
    if made is None:
        return 0
    code = told(made, how.as_json, *_lines(made))
    return max(code, wait(clients, made["id"], limit, quietly=how.as_json)) if waits else code


def _lines(made: Json) -> tuple[str, str]:
    verb = "is to be drained" if made["state"] == "scheduled" else "drained"
    part = "" if made["percent"] == 100 else f" for {made['percent']} % of the clients"
    subject = f"{made['target']} {verb}" if made["state"] == "scheduled" else f"{verb} {made['target']}"
    first = f"{subject}{part} {span(made)} (id {made['id']}): {made['reason']}"
    return first, f"to end it: gslb undrain {made['target']}"
