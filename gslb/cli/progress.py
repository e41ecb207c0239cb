"""`gslb progress`, and `gslb drain --wait`: how far a drain has come at all nodes, and when it is quiet."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import click

from gslb.cli.client import Client, first_of, with_clients
from gslb.cli.completing import current
from gslb.cli.finding import one_of
from gslb.cli.options import json_option, period
from gslb.cli.output import clock, columns, lasting, progress_bars, show_json
from gslb.errors import GslbError

EVERY = 0.5  # seconds between looks
LOST = 30.0  # seconds without an answer of any node, after which waiting has no use


class Row(NamedTuple):
    """What one node says: `quiet` where the last answer from before has run out at every node that it can reach."""

    node: str
    percent: int
    text: str
    quiet: bool = False
    unreachable: tuple[str, ...] = ()
    silent: bool = False


@click.command()
@click.argument("wanted", metavar="ID|TARGET", shell_complete=current("drain"))
@click.option("--wait", "waits", is_flag=True, help="Until no client holds an answer from before, at any node.")
@click.option("--timeout", "limit", metavar="TIME", callback=period, help="Of --wait: give up then, with exit code 1.")
@json_option
@with_clients
def progress(clients: Sequence[Client], wanted: str, waits: bool, limit: float | None, as_json: bool) -> int:
    """Show how far a drain has come: which nodes answer by it, and when the last answer from before has run out.

    Exit code 0 where that is so at all nodes; 1 where it is not yet, or a node cannot be reached. With several --api
    each of those nodes is asked what it sees.
    """
    drain_id = one_of(first_of(clients), wanted, ("drain",))["id"]
    if waits:
        return wait(clients, drain_id, limit, quietly=as_json)
    if as_json:
        views = [_view(client, drain_id) for client in clients]
        show_json(views[0] if len(views) == 1 else {"nodes": views})
        rows = [_row(client, view) for client, view in zip(clients, views, strict=True)]
    else:
        rows = [_asked(client, drain_id) for client in clients]
        _print(rows)
    return _code(rows)


def wait(clients: Sequence[Client], drain_id: str, limit: float | None, *, quietly: bool = False) -> int:
    """Show progress until it is quiet at all nodes. The exit code: 0, or 1 where something is not known or time is up.

    Raises GslbError where the drain ends meanwhile, or no node answers any more.
    """
    begun = heard = time.monotonic()
    with _shown(quietly=quietly) as show:
        while True:
            rows = [_asked(client, drain_id) for client in clients]
            show(rows)
            now = time.monotonic()
            heard = heard if all(row.silent for row in rows) else now
            if all(row.quiet or row.silent for row in rows) and any(row.quiet for row in rows):
                break
            if now - heard > LOST:
                raise GslbError("no node tells how far it is", hint=f"the drain is kept: gslb progress {drain_id}")
            if limit is not None and now - begun > limit:
                raise GslbError("not quiet yet: time is up", hint=f"the drain is kept: gslb progress {drain_id} --wait")
            time.sleep(EVERY)
    if not quietly:
        _conclude(rows)
    return _code(rows)


def _conclude(rows: Sequence[Row]) -> None:
    if unknown := _unknown(rows):
        click.echo(f"gslb: NOT KNOWN of {', '.join(unknown)}: clients may still be sent there", err=True)
    else:
        click.echo("quiet: no client holds an answer from before any more")


def _asked(client: Client, drain_id: str) -> Row:
    """What a node says; that it does not answer is shown, not raised: it may only be starting again."""
    try:
        return _row(client, _view(client, drain_id))
    except GslbError as error:
        if type(error) is not GslbError:
            raise
        return Row(client.where, 0, "does not answer", unreachable=(client.where,), silent=True)


def _view(client: Client, drain_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/drains/{drain_id}/progress")
    return found


def _row(client: Client, view: dict[str, Any]) -> Row:
    quiet_at, at = view["quiet_at"], view["at"]
    quiet = quiet_at is not None and at >= quiet_at
    parts = [_waiting(view, quiet=quiet)]
    if view["unreachable"]:
        parts.append(f"NOT REACHED: {', '.join(view['unreachable'])}")
    return Row(client.where, view["percent"], "; ".join(parts), quiet, tuple(view["unreachable"]))


def _waiting(view: dict[str, Any], *, quiet: bool) -> str:
    if quiet:
        return f"quiet since {clock(view['quiet_at'])} at {', '.join(view['acknowledged'])}"
    if view["quiet_at"] is None:
        what = ", ".join(view["waiting"]) or "the first node"
        return f"{'has not begun' if view['state'] == 'scheduled' else 'waiting'} at {what}"
    return f"quiet in {lasting(view['quiet_at'] - view['at'] + 0.999)} at {', '.join(view['acknowledged'])}"


def _code(rows: Sequence[Row]) -> int:
    return 0 if all(row.quiet for row in rows) and not _unknown(rows) else 1


def _unknown(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.unreachable))


def _print(rows: Sequence[Row]) -> None:
    for line in columns([(row.node, f"{row.percent} %", row.text) for row in rows]):
        click.echo(line)


@contextmanager
def _shown(*, quietly: bool) -> Iterator[Callable[[Sequence[Row]], None]]:
    """Bars at a terminal, else a line for each thing that is new."""
    if quietly:
        yield lambda _: None
    elif sys.stdout.isatty():
        with progress_bars() as update:
            yield lambda rows: update([(row.node, row.percent, row.text) for row in rows])
    else:
        said: set[str] = set()

        def tell(rows: Sequence[Row]) -> None:
            for row in rows:
                plain = row.text.partition(" in ")[0] if row.text.startswith("quiet in") else row.text
                if f"{row.node} {plain}" not in said:
                    said.add(f"{row.node} {plain}")
                    click.echo(f"{row.node}: {row.text}")

        yield tell
