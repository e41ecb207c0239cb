"""`gslb audit`: who did what, from where, when and why; and whether the record of it is whole."""

import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from gslb.cli.client import Client, client_options, connect_by
from gslb.cli.output import count, show_json, show_table, when
from gslb.errors import GslbError

if TYPE_CHECKING:
    from gslb.store.audit import Record

_MOST = 1000  # records in one answer


class _ListUnlessTold(click.Group):
    """`gslb audit --node a` is `gslb audit list --node a`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click.Group."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListUnlessTold)
def audit() -> None:
    """Show what was done through every node, and check that nothing of it was altered.

    Without a word it lists: gslb audit --since 2h
    """


def past(ctx: click.Context, param: click.Parameter, value: str | None) -> float:
    """Epoch seconds of a moment, or of so long ago; 0.0 where none is given."""
    from gslb.config.values import duration

    if value is None:
        return 0.0
    try:
        return time.time() - (float(value[:-1]) * 86_400 if value.endswith("d") else duration(value))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(
            "must be a time such as 2026-11-21T03:00Z, or how long ago: 2h, 7d", ctx, param
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@audit.command("list")
@click.option("--since", metavar="TIME", callback=past, help="2h, 7d, or 2026-11-21T03:00Z.")
@click.option("--who", metavar="TOKEN", default="", help="What was done with the token of this name.")
@click.option("--action", metavar="WORD", default="", help="drain, cancel-drain, token-create, reload ...")
@click.option("--target", metavar="TARGET", default="", help="site/NAME, pool/NAME or member/POOL/NAME.")
@click.option("--subject", metavar="ID", default="", help="The id of a drain, a hold, a force or a token.")
@click.option("--node", metavar="NODE", default="", help="What was done through this node.")
@click.option("--limit", type=click.IntRange(1), help="At most so many. Default 50; of --export: all.")
@click.option("--export", is_flag=True, help="Print every record whole, oldest first, one JSON object in a line.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, newest first.")
@client_options
def list_records(since: float, who: str, limit: int | None, export: bool, as_json: bool, **others: Any) -> int:
    """Show what was done, newest first."""
    client = connect_by(others)
    found = _wanted(_records(client, **others), since, who, limit or (sys.maxsize if export else 50))
    if export:
        from gslb.store.audittext import dump_record

        for record in reversed(found):
            click.echo(dump_record(record).decode())
    elif as_json:
        show_json({"records": [record.to_dict() for record in found]})
    else:
        show_table("audit", _HEADERS, [_row(record) for record in found])
    return 0


@audit.command()
@click.option(
    "--file",
    "path",
    metavar="PATH",
    help="A state folder, its gslb.sqlite, or what --export printed; no node is asked.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@client_options
def verify(path: str | None, as_json: bool, **others: Any) -> int:
    """Compute every hash anew, here, and say where a chain breaks. Exit code 1 where one does.

    What is missing at the end of a chain cannot be seen in it: compare number and hash of the last entries with those
    that you noted before.
    """
    from gslb.store.audit import broken

    if path is not None:
        from gslb.store.auditfile import read_chains

        chains = read_chains(path)
    else:
        chains = _chains(_records(connect_by(others)))
    faults = {node: broken(records) for node, records in chains.items()}
    if as_json:
        show_json({"nodes": [_verdict(node, records, faults[node]) for node, records in sorted(chains.items())]})
    else:
        _tell(chains, faults)
    return 1 if any(faults.values()) else 0


_HEADERS = ("time", "node", "no", "who", "from", "action", "what", "why")


def _row(record: "Record") -> tuple[str, ...]:
    what = " ".join(filter(None, (record.target, record.subject)))
    place = (when(record.at), record.node, str(record.number))
    return (*place, record.actor, record.source, record.action, what, record.reason)


def _records(client: Client, **filters: str) -> Iterator["Record"]:
    """Records of all nodes, newest first."""
    from gslb.store.audit import Record

    for values in client.each("/api/v1/audit", "records", limit=str(_MOST), **filters):
        try:
            yield Record(**values)
        except TypeError:
            raise GslbError(
                "the node tells its records in another form", hint="is this gslb as new as the node?"
            ) from None


def _wanted(records: Iterable["Record"], since: float, who: str, limit: int) -> list["Record"]:
    found: list[Record] = []
    for record in records:
        if record.at < since or len(found) == limit:
            break
        if who in ("", record.actor):
            found.append(record)
    return found


def _chains(records: Iterable["Record"]) -> dict[str, list["Record"]]:
    """Records by node, oldest first, of what comes newest first."""
    chains: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        chains[record.node].append(record)
    return {node: found[::-1] for node, found in chains.items()}


def _verdict(node: str, records: list["Record"], faults: list[str]) -> dict[str, Any]:
    first, last = records[0], records[-1]
    return {"node": node, "first": first.number, "last": last.number, "hash": last.hash, "broken": faults}


def _tell(chains: dict[str, list["Record"]], faults: dict[str, list[str]]) -> None:
    if not chains:
        click.echo("nothing was recorded")
    for node, records in sorted(chains.items()):
        first, last = records[0], records[-1]
        state = "BROKEN" if faults[node] else "whole"
        span = f"entries {first.number} to {last.number}, the last of {when(last.at)} with hash {last.hash[:16]}"
        click.echo(f"{node}: {state}: {span}")
        for fault in faults[node][:20]:
            click.echo(f"  {fault}")
        if len(faults[node]) > 20:
            click.echo(f"  and {count(len(faults[node]) - 20, 'fault')} more")
