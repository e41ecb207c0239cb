"""The verbs that list what a node knows, or show one thing of it: `gslb pools`, `gslb members web/tokyo`."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import click

from gslb.cli.client import Client, with_client
from gslb.cli.columns import LISTS, Listing, plain, rows_of
from gslb.cli.completing import names_of
from gslb.cli.options import json_option
from gslb.cli.output import columns, show_json, show_table, when

_MOST = "1000"
_TIMES = ("created", "starts", "expires", "removed", "since")


def _listed(verb: str, listing: Listing, client: Client, filters: dict[str, str], *, as_json: bool) -> int:
    items = list(client.each(f"/api/v1/{verb}", verb, limit=_MOST, **filters))
    if as_json:
        show_json({verb: items})
    elif items:
        show_table(verb, tuple(listing.columns), rows_of(listing, items, time.time()))
    else:
        click.echo(f"no {verb}")
    return 0


def _shown(client: Client, path: str, *, as_json: bool) -> int:
    found = client.get(path)
    if as_json:
        show_json(found)
        return 0
    rows = [(key, when(value) if key in _TIMES else _value(value)) for key, value in found.items()]
    for line in columns(rows):
        click.echo(line)
    return 0


def _value(value: Any) -> str:
    """Plain values in words, what is deeper as JSON."""
    import json

    deep = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict | list) for one in value))
    return json.dumps(value, ensure_ascii=False) if deep else plain(value)


def _verb(verb: str) -> click.Command:
    listing = LISTS[verb]

    def run(client: Client, wanted: str, as_json: bool, **filters: Any) -> int:
        given = {name: str(value).lower() if value is True else value for name, value in filters.items() if value}
        if not wanted:
            return _listed(verb, listing, client, given, as_json=as_json)
        if given:
            raise click.UsageError("either a name or filters")
        return _shown(client, f"/api/v1/{verb}/{quote(wanted, safe='/:')}", as_json=as_json)

    run.__doc__ = f"Show {listing.what}; with a name, all that is known of that one."
    function: Callable[..., int] = json_option(with_client(run))
    for name, text in reversed(list(listing.filters.items())):
        function = click.option(f"--{name}", metavar=name.upper(), help=text)(function)
    if "id" in listing.name:
        function = click.option("--all", is_flag=True, help="Those, too, that have ended.")(function)
    form = "/".join(listing.name).upper()
    complete = names_of(f"/api/v1/{verb}", verb, *listing.name)
    argument = click.argument("wanted", metavar=f"[{form}]", default="", shell_complete=complete)
    return click.command(verb)(argument(function))


drains, holds, forces = _verb("drains"), _verb("holds"), _verb("forces")
sites, pools, members = _verb("sites"), _verb("pools"), _verb("members")
names, monitors = _verb("names"), _verb("monitors")
probers, votes = _verb("probers"), _verb("votes")
