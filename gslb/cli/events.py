"""`gslb events`: what became of health, and what becomes of it."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any

import click

from gslb.cli.client import Client, with_client
from gslb.cli.columns import EVENTS, rows_of
from gslb.cli.options import json_option
from gslb.cli.output import show_json, show_table
from gslb.errors import GslbError

SILENCE = 40.0  # seconds; the node sends something every 15
AGAIN = 2.0  # seconds before a stream that broke is taken up again
_PAGE = 200


def _since(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    from gslb.cli.audit import past

    return "" if value is None else str(int(past(ctx, param, value)))


@click.command()
@click.option("--since", metavar="TIME", callback=_since, help="2h, 7d, or 2026-11-21T03:00Z.")
@click.option("--pool", metavar="POOL", default="", help=EVENTS.filters["pool"])
@click.option("--member", metavar="MEMBER", default="", help=EVENTS.filters["member"])
@click.option("--site", metavar="SITE", default="", help=EVENTS.filters["site"])
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many, the newest.")
@click.option("--follow", "-f", is_flag=True, help="Go on with those to come, until Ctrl-C; as JSON: one in a line.")
@json_option
@with_client
def events(client: Client, limit: int, follow: bool, as_json: bool, **filters: str) -> int:
    """Show what became of health, oldest first: what probes found (observed), and what was served (effective).

    For example: gslb events --since 2h --site tokyo --follow
    """
    page = str(min(limit, _PAGE))
    newest = list(islice(client.each("/api/v1/events", "events", limit=page, **filters), limit))
    found = newest[::-1]
    if not follow:
        if as_json:
            show_json({"events": found})
        else:
            show_table("events", tuple(EVENTS.columns), rows_of(EVENTS, found, time.time()))
        return 0
    for one in found:
        _tell(one, as_json=as_json)
    last = max((one["id"] for one in newest), default=None)
    for one in followed(client, {name: text for name, text in filters.items() if name != "since"}, last):
        _tell(one, as_json=as_json)
    return 0


def _tell(one: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(one, ensure_ascii=False))
    else:
        click.echo("  ".join(filter(None, rows_of(EVENTS, [one], time.time())[0])))


def followed(client: Client, filters: dict[str, str], last: int | None) -> Iterator[dict[str, Any]]:
    """Events after the one with the id `last`, as they come, over as many streams as it takes.

    Raises GslbError where the first of them cannot be had.
    """
    fine = False
    while True:
        try:
            for number, one in _stream(client, filters, last):
                fine, last = True, last if number is None else number
                if one:
                    yield one
        except (OSError, http.client.HTTPException) as error:
            if not fine:
                raise client.unreachable(error) from None
            click.echo(f"gslb: the stream of {client.where} broke ({error}); taking it up again", err=True)
        except GslbError:
            if not fine:
                raise
        time.sleep(AGAIN)


def _stream(
    client: Client, filters: dict[str, str], last: int | None
) -> Iterator[tuple[int | None, dict[str, Any] | None]]:
    """(id, event) from one connection, nothing for a heartbeat. Raises OSError, HTTPException, GslbError."""
    from urllib.parse import urlencode

    headers = {"Authorization": f"Bearer {client.token}", "Accept": "text/event-stream"}
    if last is not None:
        headers["Last-Event-ID"] = str(last)
    query = urlencode({name: text for name, text in filters.items() if text})
    with closing(client.connection(SILENCE)) as connection:
        connection.request("GET", f"/api/v1/events?{query}", None, headers)
        response = connection.getresponse()
        if response.status != http.client.OK:
            client.decoded(response.status, response.read(), response.headers["Retry-After"])
        number = None
        for raw in response:
            line = raw.decode().rstrip("\n")
            if line == "event: gap":
                click.echo("gslb: some events before this are no longer kept", err=True)
            elif line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("data: ") and number is not None:
                yield number, json.loads(line[6:])
                number = None
            elif line.startswith((":", "retry:")):
                yield None, None
