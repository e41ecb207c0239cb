"""`gslb extend` and `gslb change`: another end, another part, another reason."""

from typing import Any

import click

from gslb.cli.beginning import How, change, span, told
from gslb.cli.client import Client, with_client
from gslb.cli.completing import current
from gslb.cli.finding import KINDS, one_of, place_of
from gslb.cli.options import (
    all_of,
    dry_run_option,
    force_option,
    json_option,
    start_option,
    until_option,
    yes_option,
)

_wanted = click.argument("wanted", metavar="ID|TARGET", shell_complete=current(*KINDS))
_options = all_of(force_option, dry_run_option, yes_option, json_option)


@click.command()
@_wanted
@click.argument("extend", metavar="TIME")
@_options
@with_client
def extend(client: Client, wanted: str, **options: Any) -> int:
    """Let a drain, a hold or a force last TIME longer than it does: gslb extend site/tokyo 1h"""
    return _changed(client, wanted, options)


@click.command("change")
@_wanted
@click.option("--for", "for", metavar="TIME", help="It ends so long from now: 10m, 2h, at most 72h.")
@all_of(until_option, start_option)
@click.option("--percent", type=click.IntRange(1, 100), help="A drain: for so many of the clients' networks.")
@click.option("--reason", help="Why; shown wherever it is, and recorded.")
@_options
@with_client
def amend(client: Client, wanted: str, **options: Any) -> int:
    """Change a drain, a hold or a force: its end, its part or its reason; only what is named becomes different.

    For example: gslb change site/tokyo --percent 50 --reason "CHG-1042: half of them back"
    """
    options["starts"], options["expires"] = options.pop("start"), options.pop("until")
    if not any(options[name] for name in ("for", "expires", "starts", "percent", "reason")):
        raise click.UsageError("say what is to be different: --for, --until, --start, --percent or --reason")
    return _changed(client, wanted, options)


def _changed(client: Client, wanted: str, options: dict[str, Any]) -> int:
    """Unless somebody else was quicker: then nothing is done."""
    how, one = How.taken(options), one_of(client, wanted)
    wish = {key: value for key, value in options.items() if value}
    made = change(client, ("PATCH", place_of(one)), wish, how, match=f'"{one["changed"]}.seen"')
    if made is None:
        return 0
    part = f", for {made['percent']} % of the clients" if made.get("percent", 100) < 100 else ""
    line = f"the {one['kind']} of {made['target']} (id {made['id']}) holds {span(made)}{part}: {made['reason']}"
    return told(made, how.as_json, line)
